"""Which of the payer's people is at this page, and may they do this?

Local accounts: a password set by a one-time link, kept as argon2id; sessions in the database, ended by 15 idle
minutes or 8 hours. A payer's own identity provider can stand in later.
"""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from app.config import SHORTEST_KEY, BadSettings, Config
from app.once import write_once
from app.storage import events, staff
from app.storage.database import Database
from app.storage.staff import Person
from app.wiring import Service
from fhir_r4.npi import is_npi
from fhir_r4.problems import Forbidden, Issue, NotAuthenticated, Unavailable, Unknown, Unprocessable

LINK_LIFE = timedelta(hours=24)
SHORTEST = 12
TRIES = 5
_LICENCE = re.compile(r"[A-Z]{2}/[A-Za-z0-9-]{2,32}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_hasher = PasswordHasher()
_nobody = _hasher.hash("nobody")
_weighing = threading.BoundedSemaphore(2)  # a password costs 64 MB and two cores' time: no flood takes all threads


def make_secret_key(file: Path) -> None:
    """Make the key of the signed cookies, once, readable by the service alone."""
    write_once(file, secrets.token_hex(32).encode())


def secret_key(config: Config) -> str:
    """Return the key of the signed cookies, from the setting or its file.

    Raises:
        BadSettings: there is none, or one that is too short to guard anything.
    """
    file = config.secret_key_file
    found = config.secret_key or (file.read_text().strip() if file.exists() else "")
    if len(found) < SHORTEST_KEY:
        said = "set PRIORAUTH_SECRET_KEY, or let 'priorauth migrate' make one where there is none"
        raise BadSettings(f"there is no key for the staff pages' cookies in {file}: {said}")
    return found


def invite(config: Config, person: Person, now: datetime) -> str:
    """Add a person and return the link, good once and for a day, by which they set a password.

    Raises:
        ValueError: a name, licence or NPI that is not one.
    """
    if not _NAME.fullmatch(person.name):
        raise ValueError("a name is made of letters, digits, '.', '_' and '-'")
    if person.licence is not None and not _LICENCE.fullmatch(person.licence):
        raise ValueError("a licence is STATE/NUMBER, such as NY/123456")
    if person.npi is not None and not is_npi(person.npi):
        raise ValueError(f"{person.npi}: no NPI, ten digits of which the last checks the others")
    secret = secrets.token_urlsafe(32)
    with Database(config.database).writing() as connection:
        staff.add(connection, person, secret, now + LINK_LIFE, now)
        events.record(connection, "staff.invited", actor="operator", at=now, name=person.name, role=person.role)
    return f"{config.base_url}/staff/link/{secret}"


def suspend(config: Config, name: str, now: datetime) -> None:
    """Shut a person out at once, in all processes: each click asks the database who is here.

    Raises:
        ValueError: there is no such person.
    """
    with Database(config.database).writing() as connection:
        if not staff.suspend(connection, name):
            raise ValueError("nobody of this name was added")
        events.record(connection, "staff.suspended", actor="operator", at=now, name=name)


def invited(service: Service, secret: str) -> Person:
    """Return who may set a password by this link; Unknown where it was used or is too old."""
    with service.database.reading() as connection:
        person = staff.by_link(connection, secret, service.now())
    if person is None:
        raise Unknown("this link was used or is too old; ask for another")
    return person


def set_password(service: Service, secret: str, password: str) -> Person:
    """Keep the password and use up the link."""
    person = invited(service, secret)
    if len(password) < SHORTEST:
        raise Unprocessable(Issue("value", f"a password must have at least {SHORTEST} characters"))
    hashed = _hasher.hash(password)
    with service.database.writing() as connection:
        staff.set_password(connection, person.name, hashed)
        events.record(connection, "staff.password", actor=person.name, at=service.now())
    return person


def log_in(service: Service, name: str, password: str) -> str:
    """Return the secret of a new session.

    Raises:
        NotAuthenticated: wrong, or tried too often; the same words for both, and for a name that nobody has.
        Unavailable: too many log in at this moment.
    """
    name = name if _NAME.fullmatch(name) else ""  # which nobody has
    with service.database.reading() as connection:
        hashed = staff.password_of(connection, name)
    with _a_turn():
        matches = _may_try(service, name) and _matches(hashed, password)
    if not matches:
        if service.anonymous_refusals.take():
            with service.database.writing() as connection:
                events.record(connection, "staff.login-refused", actor="unknown", at=service.now())
        raise NotAuthenticated("name or password is wrong, or was wrong too often; wait five minutes")
    secret, now = secrets.token_urlsafe(32), service.now()
    with service.database.writing() as connection:
        staff.forgive(connection, name)
        staff.begin_session(connection, secret, name, now)
        events.record(connection, "staff.login", actor=name, at=now)
    return secret


def log_out(service: Service, secret: str | None) -> None:
    if secret:
        with service.database.writing() as connection:
            staff.end_session(connection, secret)


def whoever(service: Service, secret: str | None) -> Person | None:
    """Return who has this session, if it is still good."""
    if not secret:
        return None
    with service.database.writing() as connection:
        return staff.by_session(connection, secret, service.now())


def require(person: Person, *roles: str) -> Person:
    """Raise Forbidden unless the person has one of ``roles``."""
    if person.role not in roles:
        raise Forbidden("your role does not reach here")
    return person


@contextmanager
def _a_turn() -> Iterator[None]:
    """Give one of the few turns to weigh a password; Unavailable where all are taken, and nobody waits for one."""
    if not _weighing.acquire(blocking=False):
        raise Unavailable("too many people log in at this moment; try again")
    try:
        yield
    finally:
        _weighing.release()


def _may_try(service: Service, name: str) -> bool:
    """Count a try and tell whether there are some left; it counts before it is weighed, as many as come at once."""
    with service.database.writing() as connection:
        return staff.count_try(connection, name, service.now()) < TRIES


def _matches(hashed: str | None, password: str) -> bool:
    """Compare, and take as long for a name that nobody has."""
    try:
        _hasher.verify(hashed or _nobody, password)
    except (Argon2Error, InvalidHashError):
        return False
    return hashed is not None
