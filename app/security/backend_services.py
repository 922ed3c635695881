"""Who asks for an access token, and what is it granted? SMART Backend Services: a client assertion, once.

Source: SMART App Launch 2.2 "Backend Services" and "Client authentication: asymmetric"; RFC 7523.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from app.clients.jwks import KeysUnavailable, called
from app.logging import get_logger
from app.security.jwt import Rejected, Verified, parse, verify
from app.security.scopes import granted
from app.storage import clients, events
from app.storage.clients import Client
from app.wiring import Service

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST = timedelta(minutes=5)
log = get_logger()


class OAuthError(Exception):
    """A token request is refused, in RFC 6749's words."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True, slots=True)
class Token:
    value: str
    seconds: int
    scopes: tuple[str, ...]


def grant(service: Service, form: Mapping[str, str]) -> Token:
    """Return an access token for a verified client assertion.

    Raises:
        OAuthError: with the error code of RFC 6749 section 5.2; an unknown client and a wrong signature look alike.
    """
    if form.get("grant_type") != "client_credentials":
        raise OAuthError("unsupported_grant_type", "client_credentials only")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError("invalid_request", "client_assertion_type is that of RFC 7523")
    try:
        client, verified = _authenticate(service, form.get("client_assertion", ""))
    except Rejected as rejected:
        log.warning("token.rejected", reason=str(rejected))
        raise OAuthError("invalid_client", "a client assertion signed by a registered client", 401) from None
    scopes = granted(form.get("scope", "").split(), client.scopes)
    if not scopes:
        raise OAuthError("invalid_scope", "none of these scopes is registered for the client")
    return issue(service, client, scopes, verified)


def issue(
    service: Service,
    client: Client,
    scopes: tuple[str, ...],
    verified: Verified | None = None,
    *,
    seconds: int | None = None,
) -> Token:
    """Keep a new opaque token, together with the assertion it was bought with, and return it.

    Raises:
        OAuthError: the assertion was used before.
    """
    now, life = service.now(), seconds or service.config.access_token_seconds
    token = Token(secrets.token_urlsafe(32), life, scopes)
    try:
        with service.database.writing() as connection:
            if verified:
                clients.spend(connection, verified.issuer, verified.jti, verified.remember_until)
            until = now + timedelta(seconds=life)
            clients.keep_token(connection, digest(token.value), client.id, scopes, until)
            events.record(connection, "token.issued", actor=client.id, at=now, scopes=list(scopes))
    except IntegrityError:
        log.warning("token.rejected", reason="replayed", client=client.id)
        raise OAuthError("invalid_client", "a client assertion is used once", 401) from None
    return token


def digest(token: str) -> str:
    """Return under what a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def _authenticate(service: Service, assertion: str) -> tuple[Client, Verified]:
    parsed = parse(assertion)
    issuer = parsed.claims.get("iss")
    if not isinstance(issuer, str) or parsed.claims.get("sub") != issuer:
        raise Rejected("iss and sub are not one client_id")
    with service.database.reading() as connection:
        client = clients.find(connection, issuer)
    if client is None:
        raise Rejected("unknown client")
    if parsed.jku is not None and parsed.jku != client.jwks_url:
        raise Rejected("jku is not the registered one")
    verified = verify(
        parsed,
        lambda kid: _keys(service, client, kid),
        audiences=frozenset({f"{service.config.base_url}/oauth/token"}),
        longest=LONGEST,
        issued_within=None,
        now=service.now(),
    )
    return client, verified


def _keys(service: Service, client: Client, kid: str) -> list[dict]:
    if client.jwks is not None:
        return called(client.jwks.get("keys"), kid)
    if client.jwks_url is None:
        raise Rejected("the client has no keys for the token endpoint")
    try:
        return service.jwks.keys(client.jwks_url, kid)
    except KeysUnavailable as unavailable:
        raise Rejected(f"keys: {unavailable}") from None
