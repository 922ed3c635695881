"""A JWT is read without being believed, and believed by exactly one registered key, for us, now, and once."""

import json
from datetime import timedelta

import jwt as pyjwt
import pytest

from app.security.jwt import MAX_BYTES, RECOMMENDED, Rejected, parse, verify
from tests.app.fixtures import Signer
from tests.given import NOW

US = "https://payer.example.org/oauth/token"
SIGNER = Signer()
EC, RSA = SIGNER.jwks()["keys"]


def claims(**changes):
    said = {"iss": "a-client", "aud": US, "jti": "once", "iat": int(NOW.timestamp()), "exp": int(NOW.timestamp()) + 300}
    return {name: value for name, value in (said | changes).items() if value is not None}


def verified(token, keys=(EC, RSA)):
    return verify(
        parse(token),
        lambda kid: [one for one in keys if one["kid"] == kid],
        audiences=frozenset({US}),
        longest=timedelta(minutes=5),
        issued_within=timedelta(minutes=5),
        now=NOW,
    )


@pytest.mark.parametrize("algorithm", RECOMMENDED)
def test_what_a_registered_key_has_signed_is_believed(algorithm):
    assert verified(SIGNER.sign(claims(), algorithm)).issuer == "a-client"


def test_a_token_is_no_longer_than_a_header_can_be():
    token = SIGNER.sign(claims())
    padding = (MAX_BYTES - len(token)) * 3 // 4
    longest = SIGNER.sign(claims(more="x" * (padding - 20)))
    assert len(longest) <= MAX_BYTES
    assert verified(longest)
    with pytest.raises(Rejected, match="compact"):
        parse(SIGNER.sign(claims(more="x" * (padding + 20))))


@pytest.mark.parametrize("kid", [None, "", 7])
def test_a_key_is_named(kid):
    _, body, signature = SIGNER.sign(claims()).split(".")
    said = {"alg": "ES384"} | ({"kid": kid} if kid is not None else {})
    header = pyjwt.utils.base64url_encode(json.dumps(said).encode()).decode()
    with pytest.raises(Rejected):
        verified(f"{header}.{body}.{signature}")


def test_of_keys_of_one_name_the_one_of_the_algorithm_s_type_is_meant():
    both = (EC | {"kid": "same"}, RSA | {"kid": "same"})
    for algorithm in RECOMMENDED:
        assert verified(SIGNER.sign(claims(), algorithm, kid="same"), both)
    with pytest.raises(Rejected, match="more than one"):
        verified(SIGNER.sign(claims(), kid="same"), (*both, both[0]))
    with pytest.raises(Rejected, match="no registered key"):
        verified(SIGNER.sign(claims(), kid="same"), both[1:])


@pytest.mark.parametrize("audience", [US, [US], ["https://another.example.org", US], [{"not": "a text"}, 7, US]])
def test_we_are_among_those_whom_it_is_for(audience):
    assert verified(SIGNER.sign(claims(aud=audience)))


@pytest.mark.parametrize("audience", [None, "", f"{US}/", [], [[US]], {"url": US}, 7])
def test_what_is_for_others_is_refused(audience):
    with pytest.raises(Rejected, match="audience"):
        verified(SIGNER.sign(claims(aud=audience)))


@pytest.mark.parametrize(("jti", "is_one"), [("x" * 128, True), ("x" * 129, False), ("", False), (None, False)])
def test_its_name_is_there_and_fits_where_it_is_remembered(jti, is_one):
    token = SIGNER.sign(claims(jti=jti))
    if is_one:
        assert verified(token).jti == jti
    else:
        with pytest.raises(Rejected, match="jti"):
            verified(token)


@pytest.mark.parametrize(
    ("last", "next_"),
    [
        ({"exp": -59}, {"exp": -60}),
        ({"exp": 360}, {"exp": 361}),
        ({"iat": 60}, {"iat": 61}),
        ({"nbf": 60}, {"nbf": 61}),
        ({"iat": -360}, {"iat": -361}),
    ],
)
def test_clocks_may_differ_by_a_minute_and_no_more(last, next_):
    def token(said):
        return SIGNER.sign(claims(**{name: int(NOW.timestamp()) + seconds for name, seconds in said.items()}))

    assert verified(token(last))
    with pytest.raises(Rejected):
        verified(token(next_))


def test_its_name_is_remembered_for_as_long_as_clocks_may_let_it_come_again():
    expires = int(NOW.timestamp()) + 300
    assert verified(SIGNER.sign(claims(exp=expires))).remember_until == NOW + timedelta(minutes=7)
