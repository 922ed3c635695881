"""How does an operator let a client in? Keys come as a file or as the URL where they are published."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from app.clients.outbound import OutboundRefused
from app.clock import now
from app.config import Config
from app.security.backend_services import issue
from app.security.jwt import ALGORITHMS
from app.security.scopes import rights
from app.storage import clients, events
from app.storage.clients import Client
from app.storage.database import Database
from app.wiring import build, way_out
from fhir_r4.generations import Generation
from fhir_r4.npi import is_npi
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import Identifier, dicts, text_of
from fhir_r4.systems import NPI
from fhir_r4.wire import read_object

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


class BadRegistration(ValueError):
    """The client cannot be registered so; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the operator says of a client; key sets are files or URLs."""

    name: str
    organizations: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    jwks: str | None = None
    hook_issuer: str | None = None
    hook_jwks: str | None = None
    ehrs: tuple[str, ...] = ()
    has_dtr: bool = True
    strict: bool = False
    repeats_identifiers: bool = False


def register(config: Config, said: Registration) -> bool:
    """Register a client under its name, or replace what was registered; return False where it is suspended still.

    Raises:
        BadRegistration: a name, key set, scope, organization or URL that cannot be used.
    """
    if not said.name or len(said.name) > 64 or not said.name.replace("-", "").replace("_", "").isalnum():
        raise BadRegistration("a name is made of letters, digits, - and _")
    unknown = [scope for scope in said.scopes if not rights((scope,))]
    if unknown:
        raise BadRegistration(f"not a system scope: {', '.join(unknown)}")
    if bool(said.hook_issuer) != bool(said.hook_jwks):
        raise BadRegistration("--hook-issuer and --hook-jwks go together")
    for ehr in said.ehrs:
        _refuse_unreachable(ehr, config)
    keys, keys_url = _keys(said.jwks, config)
    hook_keys, hook_keys_url = _keys(said.hook_jwks, config)
    client = Client(
        id=said.name,
        organizations=tuple(map(_organization, said.organizations)),
        scopes=said.scopes,
        jwks=keys,
        jwks_url=keys_url,
        hook_issuer=said.hook_issuer,
        hook_jwks=hook_keys,
        hook_jwks_url=hook_keys_url,
        ehrs=said.ehrs,
        has_dtr=said.has_dtr,
        strict=said.strict,
        repeats_identifiers=said.repeats_identifiers,
    )
    moment, scopes = now(), list(said.scopes)
    try:
        with Database(config.database).writing() as connection:
            active = clients.add(connection, client, moment)
            kind = "client.registered"
            events.record(connection, kind, actor="operator", at=moment, client=said.name, scopes=scopes)
    except IntegrityError:
        raise BadRegistration("another client has this --hook-issuer") from None
    return active


def doubts(said: Registration) -> Iterator[str]:
    """Yield why a client that is registered so can do nothing, in words for its operator."""
    if not said.scopes and not said.hook_issuer:
        yield "it has no scopes and no hook issuer, so it can do nothing; add --scope, or --hook-issuer and --hook-jwks"
    elif said.scopes and not said.jwks:
        yield "it has no keys, so it gets no token by itself; add --jwks, or issue one with 'priorauth client token'"


def addresses(base_url: str, *, hooks: bool) -> Iterator[tuple[str, str]]:
    """Yield where a client finds us, as (what, URL): what its operator has to know beside its client_id.

    Source: DTR 2.0.1 @25; DTR 2.2.0 spec-7.
    """
    for generation in Generation:
        yield f"FHIR {generation}", f"{base_url}/fhir/{generation}"
    yield "tokens", f"{base_url}/oauth/token"
    if hooks:
        yield "hooks", f"{base_url}/cds-services"


def set_active(config: Config, name: str, *, active: bool) -> None:
    """Suspend a client, or let it in again.

    Every request asks the database who calls: a suspended client is refused from its next request on, also with
    tokens that it has, and those are void for good.

    Raises:
        BadRegistration: there is no such client.
    """
    moment = now()
    with Database(config.database).writing() as connection:
        if not clients.set_active(connection, name, active=active):
            raise BadRegistration("no client of this name is registered")
        kind = "client.resumed" if active else "client.suspended"
        events.record(connection, kind, actor="operator", at=moment, client=name)


def operator_token(config: Config, name: str, minutes: int) -> str:
    """Return a new bearer token for all that the client is registered for."""
    service = build(config)
    with service.database.reading() as connection:
        client = clients.find(connection, name)
    if client is None or not client.scopes:
        raise BadRegistration("no active client of this name has scopes")
    return issue(service, client, client.scopes, seconds=minutes * 60).value


def _organization(given: str) -> Identifier:
    found = Identifier.parse(given) if "|" in given else Identifier(NPI, given)
    if found.system == NPI and not is_npi(found.value):
        raise BadRegistration(f"--organization {given}: no NPI, ten digits of which the last checks the others")
    return found


def _keys(given: str | None, config: Config) -> tuple[dict | None, str | None]:
    if given is None:
        return None, None
    if "://" in given:
        _refuse_unreachable(given, config)
        return None, given
    try:
        found = read_object(Path(given).read_bytes())
    except (OSError, InvalidRequest):
        raise BadRegistration(f"cannot read a JWK Set in {given}") from None
    keys = dicts(found.get("keys"))
    if not keys or any(_PRIVATE & key.keys() for key in keys):
        raise BadRegistration(f"{given} is no JWK Set of public keys")
    if any(key.get("kty") not in ALGORITHMS.values() or not text_of(key.get("kid")) for key in keys):
        raise BadRegistration(f"the keys in {given} are RSA or EC and have a kid")
    return found, None


def _refuse_unreachable(url: str, config: Config) -> None:
    try:
        way_out(config, config.outbound_timeout_seconds).check(url)
    except OutboundRefused as refused:
        raise BadRegistration(f"{url} would never be called: {refused}") from None
