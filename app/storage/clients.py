"""Who are the systems that call us, and what may each of them do?"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

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
    active: bool = field(default=True)


def add(connection: Connection, client: Client, now: datetime) -> None:
    """Register a client, or replace what was registered under its id; tokens of before are void."""
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
        "active": client.active,
    }
    changed = connection.execute(clients.update().where(clients.c.id == client.id).values(values))
    if changed.rowcount == 0:
        connection.execute(insert(clients).values(id=client.id, created_at=now, **values))
    for one in client.organizations:
        connection.execute(insert(client_organizations).values(client_id=client.id, system=one.system, value=one.value))
    for base_url in client.ehrs:
        connection.execute(insert(client_ehrs).values(client_id=client.id, base_url=base_url))


def find(connection: Connection, client_id: str) -> Client | None:
    """Return the active client of this id."""
    return _one(connection, clients.c.id == client_id)


def find_by_issuer(connection: Connection, issuer: str) -> Client | None:
    """Return the active client whose hooks are signed by ``issuer``."""
    return _one(connection, clients.c.hook_issuer == issuer)


def find_by_token(connection: Connection, digest: str, now: datetime) -> tuple[Client, tuple[str, ...]] | None:
    """Return who holds the access token of this SHA-256, and the scopes it was granted."""
    query = select(access_tokens.c.client_id, access_tokens.c.scope).where(
        access_tokens.c.digest == digest, access_tokens.c.expires_at > now
    )
    row = connection.execute(query).one_or_none()
    client = find(connection, row.client_id) if row else None
    return (client, tuple(row.scope.split())) if row and client else None


def everyone(connection: Connection) -> list[Client]:
    rows = connection.execute(select(clients).order_by(clients.c.id)).all()
    return [_client(connection, row) for row in rows]


def keep_token(
    connection: Connection, digest: str, client_id: str, scopes: tuple[str, ...], now: datetime, until: datetime
) -> None:
    """Keep a token's digest until it expires; forget those that have."""
    connection.execute(delete(access_tokens).where(access_tokens.c.expires_at <= now))
    connection.execute(
        insert(access_tokens).values(digest=digest, client_id=client_id, scope=" ".join(scopes), expires_at=until)
    )


def spend(connection: Connection, issuer: str, jti: str, now: datetime, until: datetime) -> None:
    """Remember that this JWT was used; forget those that could not be used again anyway.

    Raises:
        IntegrityError: it was used before. The transaction is then good for nothing.
    """
    connection.execute(delete(spent_assertions).where(spent_assertions.c.expires_at <= now))
    connection.execute(insert(spent_assertions).values(issuer=issuer, jti=jti, expires_at=until))


def was_spent(connection: Connection, issuer: str, jti: str) -> bool:
    """Tell whether a JWT was used before; the transaction that keeps the answer decides."""
    query = select(spent_assertions.c.jti).where(spent_assertions.c.issuer == issuer, spent_assertions.c.jti == jti)
    return connection.execute(query).one_or_none() is not None


def _one(connection: Connection, condition: Any) -> Client | None:
    row = connection.execute(select(clients).where(condition, clients.c.active)).one_or_none()
    return _client(connection, row) if row else None


def _client(connection: Connection, row: Row[Any]) -> Client:
    organizations = select(client_organizations).where(client_organizations.c.client_id == row.id)
    ehrs = select(client_ehrs.c.base_url).where(client_ehrs.c.client_id == row.id)
    return Client(
        id=row.id,
        organizations=tuple(Identifier(one.system, one.value) for one in connection.execute(organizations)),
        scopes=tuple(row.scopes.split()),
        jwks=row.jwks,
        jwks_url=row.jwks_url,
        hook_issuer=row.hook_issuer,
        hook_jwks=row.hook_jwks,
        hook_jwks_url=row.hook_jwks_url,
        ehrs=tuple(connection.scalars(ehrs)),
        active=row.active,
    )
