"""Who are the systems that call us, and what may each of them do?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, insert, select

from app.storage.prepared import Prepared
from app.storage.tables import access_tokens, client_ehrs, client_organizations, clients, spent_assertions
from fhir_r4.resource import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registered system.

    Attributes:
        id: its client_id.
        organizations: the organizations it speaks for; their identifiers bind tokens to data.
        scopes: what it may be granted, SMART v2 spelling.
        jwks, jwks_url: its public keys for the token endpoint, inline or where to fetch them.
        hook_issuer: ``iss`` of its CDS Hooks JWT.
        hook_jwks, hook_jwks_url: its public keys for hooks; the URL is the only ``jku`` accepted.
        ehrs: FHIR servers that may be read with the token that its hooks carry.
        has_dtr: it fetches and fills forms by itself; else hooks ask for them by a Task.
        strict: what it sends keeps to the profile of its operation, or is refused; else to FHIR R4.
        repeats_identifiers: it gives different requests one Bundle.identifier, as public conformance kits do.
    """

    id: str
    organizations: tuple[Identifier, ...] = ()
    scopes: tuple[str, ...] = ()
    jwks: dict | None = None
    jwks_url: str | None = None
    hook_issuer: str | None = None
    hook_jwks: dict | None = None
    hook_jwks_url: str | None = None
    ehrs: tuple[str, ...] = ()
    has_dtr: bool = True
    active: bool = field(default=True)
    strict: bool = False
    repeats_identifiers: bool = False


def add(connection: Connection, client: Client, now: datetime) -> bool:
    """Register a client, or replace what was registered under its id; tokens of before are void.

    Return whether it may call: one that is suspended stays so.
    """
    connection.execute(delete(access_tokens).where(access_tokens.c.client_id == client.id))
    connection.execute(delete(client_organizations).where(client_organizations.c.client_id == client.id))
    connection.execute(delete(client_ehrs).where(client_ehrs.c.client_id == client.id))
    values = {
        "scopes": " ".join(client.scopes),
        "jwks": client.jwks,
        "jwks_url": client.jwks_url,
        "hook_issuer": client.hook_issuer,
        "hook_jwks": client.hook_jwks,
        "hook_jwks_url": client.hook_jwks_url,
        "has_dtr": client.has_dtr,
        "strict": client.strict,
        "repeats_identifiers": client.repeats_identifiers,
    }
    changed = connection.execute(clients.update().where(clients.c.id == client.id).values(values))
    if changed.rowcount == 0:
        connection.execute(insert(clients).values(id=client.id, created_at=now, active=client.active, **values))
    for one in client.organizations:
        connection.execute(insert(client_organizations).values(client_id=client.id, system=one.system, value=one.value))
    for base_url in client.ehrs:
        connection.execute(insert(client_ehrs).values(client_id=client.id, base_url=base_url))
    return find(connection, client.id) is not None


def set_active(connection: Connection, client_id: str, *, active: bool) -> bool:
    """Suspend a client, whose tokens are void from then on, or let it in again; False where there is no such client."""
    changed = connection.execute(clients.update().where(clients.c.id == client_id).values(active=active))
    if not active:
        connection.execute(delete(access_tokens).where(access_tokens.c.client_id == client_id))
    return changed.rowcount == 1


def find(connection: Connection, client_id: str) -> Client | None:
    """Return the active client of this id."""
    return _one(_BY_ID.rows(connection, {"client_id": client_id}))


def find_by_issuer(connection: Connection, issuer: str, jti: str) -> tuple[Client, bool] | None:
    """Return the active client whose hooks are signed by ``issuer``, and whether this JWT of its was used before.

    The transaction that keeps the answer spends the JWT and has the last word.
    """
    rows = _BY_ISSUER.rows(connection, {"issuer": issuer, "jti": jti})
    client = _one(rows)
    return (client, rows[0].spent) if client else None


def granted(connection: Connection, digest: str, now: datetime) -> Any | None:
    """Return ``client_id`` and ``scope`` of the access token of this SHA-256, while it and its client are good."""
    return next(iter(_GRANTED.rows(connection, {"digest": digest, "now": now})), None)


def everyone(connection: Connection) -> list[Client]:
    rows = connection.execute(_REGISTERED.order_by(clients.c.id))
    return [_client(list(of_one)) for _, of_one in groupby(rows, key=lambda row: row.id)]


def keep_token(connection: Connection, digest: str, client_id: str, scopes: tuple[str, ...], until: datetime) -> None:
    """Keep a token's digest until it expires."""
    row = {"digest": digest, "client_id": client_id, "scope": " ".join(scopes), "expires_at": until}
    _KEEP_TOKEN.run(connection, row)


def spend(connection: Connection, issuer: str, jti: str, until: datetime) -> None:
    """Remember that this JWT was used.

    Raises:
        IntegrityError: it was used before. The transaction is then good for nothing.
    """
    _SPEND.run(connection, {"issuer": issuer, "jti": jti, "expires_at": until})


def forget(connection: Connection, now: datetime) -> None:
    """Forget tokens that have expired, and JWTs that could not be used again anyway."""
    connection.execute(_FORGET_TOKENS, {"now": now})
    connection.execute(_FORGET_SPENT, {"now": now})


_REGISTERED = (
    select(clients, client_organizations.c.system, client_organizations.c.value, client_ehrs.c.base_url)
    .outerjoin(client_organizations, client_organizations.c.client_id == clients.c.id)
    .outerjoin(client_ehrs, client_ehrs.c.client_id == clients.c.id)
)  # a row for each pair of organization and EHR
_ACTIVE = _REGISTERED.where(clients.c.active)
_BY_ID = Prepared(_ACTIVE.where(clients.c.id == bindparam("client_id")))
_SPENT = exists().where(spent_assertions.c.issuer == bindparam("issuer"), spent_assertions.c.jti == bindparam("jti"))
_BY_ISSUER = Prepared(_ACTIVE.add_columns(_SPENT.label("spent")).where(clients.c.hook_issuer == bindparam("issuer")))
_GRANTED = Prepared(
    select(access_tokens.c.client_id, access_tokens.c.scope)
    .join(clients, clients.c.id == access_tokens.c.client_id)
    .where(
        access_tokens.c.digest == bindparam("digest"), access_tokens.c.expires_at > bindparam("now"), clients.c.active
    )
)
_KEEP_TOKEN, _SPEND = Prepared(insert(access_tokens)), Prepared(insert(spent_assertions))
_FORGET_TOKENS = delete(access_tokens).where(access_tokens.c.expires_at <= bindparam("now"))
_FORGET_SPENT = delete(spent_assertions).where(spent_assertions.c.expires_at <= bindparam("now"))


def _one(rows: Iterable[Row[Any]]) -> Client | None:
    of_one = list(rows)
    return _client(of_one) if of_one else None


def _client(rows: list[Row[Any]]) -> Client:
    row = rows[0]
    return Client(
        id=row.id,
        organizations=tuple(dict.fromkeys(Identifier(one.system, one.value) for one in rows if one.value is not None)),
        scopes=tuple(row.scopes.split()),
        jwks=row.jwks,
        jwks_url=row.jwks_url,
        hook_issuer=row.hook_issuer,
        hook_jwks=row.hook_jwks,
        hook_jwks_url=row.hook_jwks_url,
        ehrs=tuple(dict.fromkeys(one.base_url for one in rows if one.base_url is not None)),
        has_dtr=row.has_dtr,
        active=row.active,
        strict=row.strict,
        repeats_identifiers=row.repeats_identifiers,
    )
