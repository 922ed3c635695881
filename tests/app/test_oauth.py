"""The token endpoint believes a signed assertion, once, and nothing else (SMART Backend Services)."""

import base64
import hmac
import json
from datetime import timedelta

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.registration import BadRegistration, Registration, operator_token, register, set_active
from app.security.scopes import granted
from app.storage import clients, tables
from tests.app.fixtures import BASE, LATER, Signer
from tests.given import a_hook, a_submission_bundle


def refused(answer, error="invalid_client"):
    assert answer.status_code in {400, 401}
    assert answer.json["error"] == error
    assert "access_token" not in answer.json


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
@pytest.mark.requirement("dtr-2.0.1@151", "dtr-2.2.0@spec-120")
def test_a_signed_assertion_gets_a_token(house, algorithm):
    answer = house.ask_for_token(client_assertion=house.assertion(algorithm=algorithm))
    assert answer.status_code == 200
    assert answer.json["token_type"] == "bearer"
    assert answer.json["expires_in"] == 300
    assert answer.json["scope"] == "system/Claim.crus"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_token_itself_is_not_kept(house):
    token = house.token()
    assert token not in str(house.rows(tables.access_tokens))


def test_an_assertion_is_used_once(house):
    assertion = house.assertion()
    assert house.ask_for_token(client_assertion=assertion).status_code == 200
    refused(house.ask_for_token(client_assertion=assertion))


def test_one_client_s_jti_does_not_spend_another_s(house):
    assert house.ask_for_token(client_assertion=house.assertion(jti="same")).status_code == 200
    assert house.ask_for_token(client_assertion=house.assertion("other-ehr", jti="same")).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": 10**12},
        {"exp": 1.5},
        {"exp": True},
        {"jti": None},
        {"jti": "x" * 129},
        {"aud": None},
        {"aud": "https://elsewhere.example/oauth/token"},
        {"aud": [f"{BASE}/oauth/token/other"]},
        {"sub": "other-ehr"},
        {"sub": None},
        {"iss": "nobody", "sub": "nobody"},
        {"iss": ["riverside-ehr"], "sub": ["riverside-ehr"]},
    ],
)
def test_claims_that_are_out_of_order_are_refused(house, changes):
    claims = house.claims("riverside-ehr", f"{BASE}/oauth/token", sub="riverside-ehr") | changes
    signed = _raw(house.signer, {name: value for name, value in claims.items() if value is not None})
    refused(house.ask_for_token(client_assertion=signed))


def _raw(signer, claims, **header):
    """Sign claims that PyJWT itself would refuse to write."""
    return pyjwt.PyJWS().encode(json.dumps(claims).encode(), signer.ec, "ES384", {"kid": signer.kid} | header)


def test_an_assertion_that_lives_longer_than_five_minutes_is_refused(house):
    now = int(house.clock.now.timestamp())
    for exact in (now + 300, now + 299.75):
        assert house.ask_for_token(client_assertion=house.assertion(exp=exact)).status_code == 200
    refused(house.ask_for_token(client_assertion=house.assertion(exp=now + 300 + 62)))


def test_an_audience_among_several_will_do_and_iat_may_be_absent(house):
    several = house.assertion(aud=["https://x.example", f"{BASE}/oauth/token"], iat=None)
    assert house.ask_for_token(client_assertion=several).status_code == 200


def test_an_assertion_issued_in_the_future_is_refused(house):
    later = int((house.clock.now + timedelta(minutes=3)).timestamp())
    refused(house.ask_for_token(client_assertion=house.assertion(iat=later)))


def test_a_key_that_was_not_registered_signs_nothing(house):
    stranger = Signer(kid=house.signer.kid)
    claims = house.claims("riverside-ehr", f"{BASE}/oauth/token", sub="riverside-ehr")
    refused(house.ask_for_token(client_assertion=stranger.sign(claims)))


@pytest.mark.parametrize(
    "headers",
    [
        {"kid": "another"}, {"kid": "../../etc/passwd"}, {"kid": "' OR 1=1 --"}, {"kid": ""},
        {"jku": "https://evil.example/jwks.json"}, {"jwk": {"kty": "EC"}}, {"x5c": ["x"]}, {"x5u": "https://x"},
        {"crit": ["exp"]}, {"typ": "at+jwt"}, {"typ": ["JWT"]}, {"typ": {"JWT": 1}}, {"jku": ["x"]},
    ],
)  # fmt: skip
def test_headers_that_bring_their_own_rules_are_refused(house, headers):
    claims = house.claims("riverside-ehr", f"{BASE}/oauth/token", sub="riverside-ehr")
    refused(house.ask_for_token(client_assertion=_raw(house.signer, claims, **headers)))


def _forged(signer, claims, algorithm):
    """Return a token that is unsigned, or signed with the public key as if it were a shared secret."""
    parts = [{"alg": algorithm, "kid": signer.kid, "typ": "JWT"}, claims]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    public = signer.ec.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    mac = hmac.digest(public, signed, "sha256") if algorithm.startswith("HS") else b""
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "HS384", "", None, "ES384 "])
def test_algorithms_that_prove_nothing_are_refused(house, algorithm):
    claims = house.claims("riverside-ehr", f"{BASE}/oauth/token", sub="riverside-ehr")
    refused(house.ask_for_token(client_assertion=_forged(house.signer, claims, algorithm or "")))


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "RS512"])
def test_algorithms_that_are_not_offered_are_refused(house, algorithm):
    claims = house.claims("riverside-ehr", f"{BASE}/oauth/token", sub="riverside-ehr")
    key = house.signer.rsa
    signed = pyjwt.encode(claims, key, algorithm=algorithm, headers={"kid": f"{house.signer.kid}-rsa"})
    refused(house.ask_for_token(client_assertion=signed))


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP521R1()])
def test_a_key_on_another_curve_is_not_used(house, tmp_path, curve):
    other = Signer(kid="other-curve", curve=curve)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": other.jwks()["keys"][:1]}))
    register(house.config, Registration(name="curved", scopes=("system/Claim.c",), jwks=str(keys)))
    claims = house.claims("curved", f"{BASE}/oauth/token", sub="curved")
    algorithm = {"secp256r1": "ES256", "secp521r1": "ES512"}[curve.name]
    refused(house.ask_for_token(client_assertion=other.sign(claims, algorithm)))


@pytest.mark.filterwarnings("ignore:.*[Kk]ey")
def test_a_short_rsa_key_is_not_used(house, tmp_path):
    short = Signer(kid="short", bits=1024)
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(short.jwks()))
    register(house.config, Registration(name="short", scopes=("system/Claim.c",), jwks=str(keys)))
    claims = house.claims("short", f"{BASE}/oauth/token", sub="short")
    refused(house.ask_for_token(client_assertion=short.sign(claims, "RS384")))


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "a.b", "a.b.c.d", "é.é.é", "x" * 1_000_000])
def test_what_is_no_jwt_at_all_is_refused(house, assertion):
    answer = house.ask_for_token(client_assertion=assertion or "-")
    assert answer.status_code in {400, 401, 413}
    assert b"access_token" not in answer.data


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"client_assertion_type": "password"}, "invalid_request"),
        ({"scope": "system/Patient.rs"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "user/Claim.c"}, "invalid_scope"),
        ({"scope": "system/Claim.dus"}, "invalid_scope"),
    ],
)
def test_each_mistake_has_its_error(house, form, error):
    answer = house.ask_for_token(**form)
    assert (answer.status_code, answer.json["error"]) == (400, error)


def test_the_body_is_a_form_and_each_parameter_is_given_once(house):
    assert house.web.post("/oauth/token", json={}).json["error"] == "invalid_request"
    twice = "grant_type=client_credentials&grant_type=client_credentials"
    kind = "application/x-www-form-urlencoded"
    assert house.web.post("/oauth/token", data=twice, content_type=kind).json["error"] == "invalid_request"
    assert house.web.get("/oauth/token?client_assertion=x").status_code == 405


def test_a_client_gets_the_part_of_what_it_asks_for_that_it_is_registered_for(house):
    answer = house.ask_for_token("system/questionnaire.read system/Patient.rs")
    assert answer.json["scope"] == "system/Questionnaire.rs"


def test_all_types_are_those_that_it_is_registered_for():
    registered = ("system/Claim.crus", "system/Questionnaire.rs")
    assert granted(["system/*.read"], registered) == ("system/Claim.rs", "system/Questionnaire.rs")
    assert granted(["system/*.c"], ("system/*.rs",)) == ()


def test_who_asks_for_a_part_of_a_type_is_not_given_the_whole(house):
    """Scopes narrowed by a search are optional in SMART v2, and not understood here."""
    narrow = "system/Claim.rs?status=active"
    assert house.ask_for_token(narrow).json["error"] == "invalid_scope"
    with pytest.raises(BadRegistration):
        register(house.config, Registration(name="narrow", scopes=(narrow,)))


def test_a_token_ends(house):
    token = house.token()
    house.clock.now += LATER
    answer = house.submit(a_submission_bundle(), token=token)
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", ["", "Basic x", "Bearer", "Bearer ", "Bearer nonsense", f"Bearer {'x' * 5000}"])
def test_without_a_token_no_door_opens(house, header):
    headers = {"Content-Type": "application/fhir+json"} | ({"Authorization": header} if header else {})
    for path in ("Claim/$submit", "Claim/$inquire", "Questionnaire/$questionnaire-package"):
        answer = house.web.post(f"/fhir/2.0/{path}", data=b"{}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("scheme", ["Basic ", "Token ", "Bearer:", ""])
def test_a_token_is_borne_and_nothing_else(house, scheme):
    headers = {"Content-Type": "application/fhir+json", "Authorization": f"{scheme}{house.token()}"}
    assert house.web.post("/fhir/2.0/Claim/$inquire", data=b"{}", headers=headers).status_code == 401


def test_a_token_opens_no_door_beyond_its_scopes(house):
    answer = house.package({}, token=house.token("system/Claim.c"))
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (403, "forbidden")
    refused = house.submit({}, token=house.token("system/Claim.rs"))
    assert refused.status_code == 403
    assert refused.json["issue"][0]["diagnostics"].endswith("it takes system/Claim.c or system/Claim.u")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="system/Claim.c"'


def test_an_operator_s_token_works_and_is_shown_once(house):
    token = operator_token(house.config, "riverside-ehr", 60)
    assert house.submit({}, token=token).status_code in {400, 401}
    with pytest.raises(BadRegistration):
        operator_token(house.config, "nobody", 60)


@pytest.mark.parametrize(
    "said",
    [
        {"name": "spaces here"},
        {"name": ""},
        {"name": "x", "scopes": ("patient/Claim.c",)},
        {"name": "x", "jwks": "http://ehr.example.org/jwks.json"},
        {"name": "x", "jwks": "/no/such/file"},
        {"name": "x", "ehrs": ("http://ehr.example.org/fhir",)},
        {"name": "x", "ehrs": ("https://10.1.2.3/fhir",)},
        {"name": "x", "ehrs": ("https://me:secret@ehr.example.org/fhir",)},
        {"name": "x", "ehrs": ("https://[/fhir",)},
        {"name": "x", "hook_issuer": "https://ehr.example.org"},
    ],
)
def test_a_registration_that_cannot_work_is_refused(house, said):
    with pytest.raises(BadRegistration):
        register(house.config, Registration(**said))


def test_a_private_key_is_not_taken_for_a_public_one(house, tmp_path):
    keys = tmp_path / "private.json"
    keys.write_text(json.dumps({"keys": [{"kty": "EC", "kid": "k", "d": "secret"}]}))
    with pytest.raises(BadRegistration, match="public"):
        register(house.config, Registration(name="x", jwks=str(keys)))


# Suspension


def test_a_suspended_client_is_refused_at_once_with_the_tokens_that_it_has(house):
    """Another process suspends it; here nothing about it was kept. Once resumed it needs a new token."""
    token = house.token()
    assert house.submit(a_submission_bundle(), token=token).status_code == 200
    set_active(house.config, "riverside-ehr", active=False)
    assert house.submit(a_submission_bundle(), token=token).status_code == 401
    refused(house.ask_for_token())
    assert house.call(a_hook()).status_code == 401
    set_active(house.config, "riverside-ehr", active=True)
    assert house.submit(a_submission_bundle(), token=token).status_code == 401
    assert house.submit(a_submission_bundle()).status_code == 200
    assert house.call(a_hook()).status_code == 200
    kinds = [row["kind"] for row in house.rows(tables.events)]
    assert (kinds.count("client.suspended"), kinds.count("client.resumed")) == (1, 1)


def test_a_client_that_is_registered_anew_is_known_as_it_is_now(house):
    """Its tokens of before are void; with a new one nothing is remembered of what it was."""
    token = house.token()
    assert house.submit(a_submission_bundle(), token=token).status_code == 200
    anew = Registration(
        name="riverside-ehr",
        organizations=("1999999984",),
        scopes=("system/Claim.crus",),
        jwks=str(house.config.data / "keys.json"),
    )
    register(house.config, anew)
    assert house.submit(a_submission_bundle(), token=token).status_code == 401
    assert house.submit(a_submission_bundle()).status_code == 403


def test_a_client_that_nobody_registered_cannot_be_suspended(house):
    with pytest.raises(BadRegistration, match="no client"):
        set_active(house.config, "nobody", active=False)


def test_tokens_and_jwts_that_have_expired_are_forgotten(house):
    house.token()
    house.call(a_hook())
    house.clock.now += timedelta(hours=1)
    with house.service.database.writing() as connection:
        clients.forget(connection, house.clock.now)
    assert house.rows(tables.access_tokens) == house.rows(tables.spent_assertions) == []
