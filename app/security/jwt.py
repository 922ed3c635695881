"""Is this JWT signed by whom it says, for us, now? What the token endpoint and the hooks have in common.

Nothing in the token is trusted before its signature is verified by a key that was registered: headers that bring
their own keys are refused, only RS384 and ES384 are spoken unless the operator lets hooks come under RS256 or ES256,
and exactly one registered key must fit.

Source: SMART App Launch 2.2 "Client authentication: asymmetric"; CDS Hooks 2.0 "Trusting CDS Clients".
"""

import base64
import binascii
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import text_of
from fhir_r4.wire import read_object

MAX_BYTES = 8_192
LEEWAY = timedelta(seconds=60)
ALGORITHMS = {"RS384": "RSA", "ES384": "EC", "RS256": "RSA", "ES256": "EC"}
RECOMMENDED = ("RS384", "ES384")
_CURVES = {"ES384": "P-384", "ES256": "P-256"}
_OWN_KEYS = frozenset({"jwk", "x5u", "x5c", "crit", "b64"})
_PUBLIC = ("kty", "kid", "n", "e", "crv", "x", "y")
_RSA_BITS = 2048


class Rejected(Exception):
    """The token proves nothing; the message says why to our log, and to nobody else."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself, before anything is believed."""

    token: str
    algorithm: str
    kid: str
    jku: str | None
    claims: dict


@dataclass(frozen=True, slots=True)
class Verified:
    """The claims of a token whose signature holds, and until when its ``jti`` is to be remembered."""

    issuer: str
    jti: str
    claims: dict
    remember_until: datetime


KeysOf = Callable[[str], list[dict]]
"""From a ``kid`` to the registered keys of that name."""


def parse(token: str, spoken: Collection[str] = RECOMMENDED) -> Unverified:
    """Read a compact JWS without believing it; Rejected where its form alone is out of order.

    Args:
        spoken: the algorithms that are, out of ``ALGORITHMS``.
    """
    pieces = token.split(".")
    if len(token) > MAX_BYTES or len(pieces) != 3:
        raise Rejected("not a compact JWS")
    header, claims = _piece(pieces[0]), _piece(pieces[1])
    algorithm, kid = text_of(header.get("alg")), text_of(header.get("kid"))
    if algorithm is None or algorithm not in spoken:
        raise Rejected("algorithm not spoken")
    if _OWN_KEYS & header.keys():
        raise Rejected("a header that brings its own key or rules")
    if kid is None:
        raise Rejected("no kid")
    if header.get("typ", "JWT") not in ("JWT", "jwt"):  # a tuple: what was sent may be anything
        raise Rejected("another type of token")
    return Unverified(token, algorithm, kid, text_of(header.get("jku")), claims)


def verify(
    parsed: Unverified,
    keys_of: KeysOf,
    *,
    audiences: frozenset[str],
    longest: timedelta,
    issued_within: timedelta | None,
    now: datetime,
) -> Verified:
    """Verify signature, audience and time.

    Args:
        audiences: URLs of ours, any of which may be named in ``aud``.
        longest: how far ahead ``exp`` may lie.
        issued_within: how long ago ``iat`` may lie, which then has to be there; None where it may be absent.

    Raises:
        Rejected: for the first reason found.
    """
    candidates = [key for key in keys_of(parsed.kid) if key.get("kty") == ALGORITHMS[parsed.algorithm]]
    if len(candidates) != 1:
        raise Rejected("no registered key, or more than one, of this kid")
    _check_signature(parsed, candidates[0])
    claims = parsed.claims
    issuer, jti = text_of(claims.get("iss")), text_of(claims.get("jti"))
    if issuer is None or jti is None or len(jti) > 128:
        raise Rejected("no issuer or no jti")
    named = claims.get("aud")
    if not audiences & {one for one in (named if isinstance(named, list) else [named]) if isinstance(one, str)}:
        raise Rejected("for another audience")
    expires = _check_time(claims, longest, issued_within, now)
    return Verified(issuer, jti, claims, expires + 2 * LEEWAY)


def _check_time(claims: dict, longest: timedelta, issued_within: timedelta | None, now: datetime) -> datetime:
    """Return when the token expires; Rejected where it did, lives too long, or is not yet or no longer fresh."""
    expires = _moment(claims.get("exp"), "exp")
    if expires + LEEWAY <= now:
        raise Rejected("expired")
    if expires > now + longest + LEEWAY:
        raise Rejected("valid for too long")
    for name in ("iat", "nbf"):
        if name in claims and _moment(claims[name], name) > now + LEEWAY:
            raise Rejected(f"{name} lies ahead")
    if issued_within is not None and _moment(claims.get("iat"), "iat") + issued_within + LEEWAY < now:
        raise Rejected("issued too long ago")
    return expires


def _check_signature(parsed: Unverified, jwk: dict) -> None:
    try:
        key = _public(parsed.algorithm, tuple((name, jwk[name]) for name in _PUBLIC if name in jwk))
        jws.deserialize_compact(parsed.token, key, algorithms=[parsed.algorithm])
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Rejected(f"signature: {type(error).__name__}") from None


@lru_cache(maxsize=1024)
def _public(algorithm: str, members: tuple[tuple[str, str], ...]) -> RSAKey | ECKey:
    """Return the key of these members; to import one takes longer than to check a signature by it."""
    public: dict[str, Any] = dict(members)
    if ALGORITHMS[algorithm] == "RSA":
        key = RSAKey.import_key(public)
        if key.public_key.key_size < _RSA_BITS:
            raise ValueError("short")
        return key
    if public.get("crv") != _CURVES[algorithm]:
        raise ValueError("curve")
    return ECKey.import_key(public)


def _piece(text: str) -> dict:
    try:
        return read_object(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, InvalidRequest):
        raise Rejected("not JSON inside") from None


def _moment(value: Any, name: str) -> datetime:
    """Return a NumericDate, which may have a fraction (RFC 7519)."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value < 2**33:
        raise Rejected(f"{name} is not a time")
    return datetime.fromtimestamp(float(value), UTC)
