"""Which policies and forms were ever in force, and which are now? Files by content; activations only ever grow.

All processes read the newest activation, so that all switch together (decisions.md §4). Files are kept, so that what
was decided under a version stays explicable, and a process starts with the active book whatever its folder holds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from app.storage import events
from app.storage.tables import policy_activations, policy_books, policy_files

Files = Mapping[str, bytes]
"""Contents by path: ``policies/<id>/<version>.yaml``, ``forms/<id>/<version>.json``."""


@dataclass(frozen=True, slots=True)
class Activation:
    """From ``at`` (aware) on, the book of this digest is the active one."""

    digest: str
    at: datetime


def digest_of(files: Files) -> str:
    """Return the name of these contents, the same wherever they lie."""
    lines = (f"{_sha256(content)} {path}\n" for path, content in sorted(files.items()))
    return _sha256("".join(lines).encode())


def activate(connection: Connection, files: Files, at: datetime) -> Activation:
    """Make the book of these files the active one; nothing happens where it is already."""
    digest = digest_of(files)
    now_active = active(connection)
    if now_active and now_active.digest == digest:
        return now_active
    if connection.execute(_KNOWN_BOOK, {"digest": digest}).first() is None:
        _keep(connection, digest, files, at)
    connection.execute(_ACTIVATE, {"digest": digest, "at": at})
    policies = sum(path.startswith("policies/") for path in files)
    events.record(connection, "policies.activated", actor="service", at=at, digest=digest, files=policies)
    return Activation(digest, at)


def active(connection: Connection) -> Activation | None:
    """Return the newest activation; None where there was none yet."""
    row = connection.execute(_ACTIVE).one_or_none()
    return Activation(row.digest, row.at) if row else None


def files_of(connection: Connection, digest: str) -> dict[str, bytes]:
    """Return the files of a book that was active at some time; KeyError where there was none such."""
    book = connection.execute(_KNOWN_BOOK, {"digest": digest}).one_or_none()
    if book is None:
        raise KeyError(digest)
    names = sorted(set(book.files.values()))
    contents: dict[str, bytes] = {}
    for start in range(0, len(names), _AT_ONCE):
        rows = connection.execute(_FILES, {"digests": names[start : start + _AT_ONCE]})
        contents |= {row.digest: row.content for row in rows}
    return {path: contents[name] for path, name in book.files.items()}


def _keep(connection: Connection, digest: str, files: Files, at: datetime) -> None:
    named = {path: _sha256(content) for path, content in files.items()}
    for name, content in {named[path]: content for path, content in files.items()}.items():
        if connection.execute(_KNOWN_FILE, {"digest": name}).first() is None:
            connection.execute(_KEEP_FILE, {"digest": name, "content": content})
    connection.execute(_KEEP_BOOK, {"digest": digest, "files": named, "first_at": at})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_ACTIVATE, _KEEP_BOOK, _KEEP_FILE = insert(policy_activations), insert(policy_books), insert(policy_files)
_ACTIVE = select(policy_activations).order_by(policy_activations.c.id.desc()).limit(1)
_KNOWN_BOOK = select(policy_books).where(policy_books.c.digest == bindparam("digest"))
_KNOWN_FILE = select(policy_files.c.digest).where(policy_files.c.digest == bindparam("digest"))
_FILES = select(policy_files).where(policy_files.c.digest.in_(bindparam("digests", expanding=True)))
_AT_ONCE = 500
