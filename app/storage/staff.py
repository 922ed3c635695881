"""Who works for the payer, and who of them is here now?"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.tables import staff, staff_sessions, staff_tries

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=8)
FORGIVEN = timedelta(minutes=5)
"""How long after the last of them tries to log in count."""
_INSERT: Mapping[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Person:
    """One of the payer's staff. ``licence`` is ``STATE/NUMBER``, ``specialty`` a code of the NUCC taxonomy."""

    name: str
    role: str
    licence: str | None
    npi: str | None = None
    specialty: str | None = None


def add(connection: Connection, person: Person, link: str, until: datetime, now: datetime) -> None:
    """Add a person, or give one who is there a new role, licence and link; the old password is void then."""
    connection.execute(delete(staff_sessions).where(staff_sessions.c.name == person.name))
    values = {
        "role": person.role,
        "licence": person.licence,
        "npi": person.npi,
        "specialty": person.specialty,
        "password": None,
        "link": _digest(link),
        "link_until": until,
        "active": True,
    }
    changed = connection.execute(update(staff).where(staff.c.name == person.name).values(values))
    if changed.rowcount == 0:
        connection.execute(insert(staff).values(name=person.name, created_at=now, **values))


def suspend(connection: Connection, name: str) -> bool:
    """Shut a person out: sessions, password and link are void; False where there is no such person."""
    connection.execute(delete(staff_sessions).where(staff_sessions.c.name == name))
    void = {"active": False, "password": None, "link": None, "link_until": None}
    return connection.execute(update(staff).where(staff.c.name == name).values(void)).rowcount == 1


def everyone(connection: Connection) -> list[tuple[Person, str]]:
    """Return all people ever added, each with "active", "invited" (no password yet) or "suspended"."""
    return [(_person(row), _state(row)) for row in connection.execute(select(staff).order_by(staff.c.name))]


def by_link(connection: Connection, link: str, now: datetime) -> Person | None:
    """Return who may set a password by this link."""
    row = connection.execute(
        select(staff).where(staff.c.link == _digest(link), staff.c.link_until > now, staff.c.active)
    ).one_or_none()
    return _person(row) if row else None


def set_password(connection: Connection, name: str, password: str) -> None:
    """Keep the hash of a password; the link is used up."""
    connection.execute(update(staff).where(staff.c.name == name).values(password=password, link=None, link_until=None))


def password_of(connection: Connection, name: str) -> str | None:
    """Return the hash of an active person's password."""
    query = select(staff.c.password).where(staff.c.name == name, staff.c.active)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def count_try(connection: Connection, name: str, now: datetime) -> int:
    """Count a try to log in under this name, whoever has it; return how many there were before it."""
    connection.execute(delete(staff_tries).where(staff_tries.c.last_at <= now - FORGIVEN))
    first = _INSERT[connection.dialect.name](staff_tries).values(name=name, tries=1, last_at=now)
    again = {"tries": staff_tries.c.tries + 1, "last_at": now}
    counted = first.on_conflict_do_update(index_elements=["name"], set_=again).returning(staff_tries.c.tries)
    return int(connection.execute(counted).scalar_one()) - 1


def forgive(connection: Connection, name: str) -> None:
    """Forget a name's tries: somebody knew the password."""
    connection.execute(delete(staff_tries).where(staff_tries.c.name == name))


def begin_session(connection: Connection, secret: str, name: str, now: datetime) -> None:
    connection.execute(delete(staff_sessions).where(staff_sessions.c.seen_at < now - LONGEST))
    connection.execute(insert(staff_sessions).values(digest=_digest(secret), name=name, started_at=now, seen_at=now))


def by_session(connection: Connection, secret: str, now: datetime) -> Person | None:
    """Return who is here, unless they were idle or here for too long; being seen counts as not idle."""
    row = connection.execute(
        select(staff)
        .join(staff_sessions, staff_sessions.c.name == staff.c.name)
        .where(
            staff_sessions.c.digest == _digest(secret),
            staff_sessions.c.seen_at > now - IDLE,
            staff_sessions.c.started_at > now - LONGEST,
            staff.c.active,
        )
    ).one_or_none()
    if row is None:
        return None
    connection.execute(update(staff_sessions).where(staff_sessions.c.digest == _digest(secret)).values(seen_at=now))
    return _person(row)


def end_session(connection: Connection, secret: str) -> None:
    connection.execute(delete(staff_sessions).where(staff_sessions.c.digest == _digest(secret)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _state(row: Row[Any]) -> str:
    if not row.active:
        return "suspended"
    return "active" if row.password else "invited"


def _person(row: Row[Any]) -> Person:
    return Person(row.name, row.role, row.licence, row.npi, row.specialty)
