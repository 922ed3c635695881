"""Which EHR fires this hook? CDS Hooks' self-signed JWT, verified against the client's registered keys.

Source: CDS Hooks 2.0 "Trusting CDS Clients"; CRD 2.2.1 "Authentication".
"""

from dataclasses import dataclass
from datetime import timedelta

from app.clients.jwks import KeysUnavailable, called
from app.logging import get_logger
from app.security.jwt import Rejected, Verified, parse, verify
from app.storage import clients
from app.storage.clients import Client
from app.wiring import Service
from fhir_r4.problems import NotAuthenticated
from fhir_r4.resource import text_of

LONGEST = timedelta(minutes=15)
ISSUED_WITHIN = timedelta(minutes=10)
log = get_logger()


@dataclass(frozen=True, slots=True)
class HookCaller:
    """A client, and the JWT it proved itself with, to be spent in the transaction that keeps the answer."""

    client: Client
    token: Verified


def authenticate(service: Service, authorization: str | None, url: str) -> HookCaller:
    """Return who calls ``url``.

    Raises:
        NotAuthenticated: for whatever reason; the caller learns only that. Our log learns the reason.
    """
    try:
        return _authenticate(service, authorization, url)
    except Rejected as rejected:
        log.warning("hook.rejected", reason=str(rejected))
        raise NotAuthenticated(
            "a JWT signed by a registered CDS client", headers={"WWW-Authenticate": "Bearer"}
        ) from None


def _authenticate(service: Service, authorization: str | None, url: str) -> HookCaller:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Rejected("no bearer token")
    parsed = parse(token.strip(), service.config.algorithms_of_hooks)
    issuer, jti = text_of(parsed.claims.get("iss")), text_of(parsed.claims.get("jti"))
    with service.database.reading() as connection:
        found = clients.find_by_issuer(connection, issuer or "", jti or "")
    if found is None:
        raise Rejected("unknown issuer")
    client, spent = found
    if parsed.jku is not None and parsed.jku != client.hook_jwks_url:
        raise Rejected("jku is not the registered one")
    verified = verify(
        parsed,
        lambda kid: _keys(service, client, kid),
        audiences=frozenset({url, f"{url}/"}),
        longest=LONGEST,
        issued_within=ISSUED_WITHIN,
        now=service.now(),
    )
    if spent:
        raise Rejected("replayed")
    return HookCaller(client, verified)


def _keys(service: Service, client: Client, kid: str) -> list[dict]:
    if client.hook_jwks is not None:
        return called(client.hook_jwks.get("keys"), kid)
    try:
        return service.jwks.keys(client.hook_jwks_url or "", kid)
    except KeysUnavailable as unavailable:
        raise Rejected(f"keys: {unavailable}") from None
