"""How are transactions kept in SQLite? On connections that stay open between them: the last one used is taken next.

WAL mode with ``synchronous=FULL``; whoever writes begins IMMEDIATE, so that two writers queue up instead of failing
half-way. To check a connection out of SQLAlchemy's pool, tell its listeners and reset it costs several times what
SQLite does to begin and to end (docs/decisions/0006-what-a-request-costs.md). Here each step is one call of the
driver's; SQLAlchemy's own transaction is ended where one of its statements has begun it.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from app.storage.prepared import as_sqlalchemy_says

BUSY_SECONDS = 10
ROOM = 1_000_000
"""Bytes that the disk has to have left for the service to be of use."""
Beforehand = Callable[[Connection], None]
"""Fills temporary tables, while others write."""
CACHE_KB = 512  # of each connection; whatever another one writes empties it, and the system keeps the file's pages


class Sqlite:
    """One file, and as many connections as there are transactions at once."""

    def __init__(self, url: str, **options: Any) -> None:
        connect = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        self.engine: Engine = create_engine(url, connect_args=connect, poolclass=NullPool, **options)
        self._idle: list[Connection] = []  # to append and to pop is one step each, whichever thread does it
        event.listen(self.engine, "connect", configure)
        event.listen(self.engine, "engine_disposed", self._close)

    def make_private(self) -> None:
        """Let nobody read the file but its owner, who makes it here, and the group that an operator may have given it.

        What SQLite keeps beside it (``-wal``, ``-shm``) gets the file's own mode when it is made.
        """
        name = self.engine.url.database
        if not name or name == ":memory:":
            return
        Path(name).touch(mode=0o600)
        for one in (Path(name), Path(f"{name}-wal"), Path(f"{name}-shm")):
            with suppress(FileNotFoundError, PermissionError):  # another's file is another's to guard
                one.chmod(stat.S_IMODE(one.stat().st_mode) & ~stat.S_IRWXO)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give one state of things; the driver leaves it as it was."""
        connection = self._begun("BEGIN")
        try:
            yield connection
        finally:
            self._rest(connection)

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        """Give a connection for one statement that changes nothing: SQLite gives each one state of things anyhow."""
        connection = self._taken()
        try:
            yield connection
        finally:
            self._rest(connection)

    @contextmanager
    def writing(self, beforehand: Beforehand | None = None) -> Iterator[Connection]:
        """Give a transaction that is kept once the block has ended well."""
        connection = self._begun("BEGIN IMMEDIATE", beforehand)
        try:
            yield connection
            if connection.in_transaction():
                connection.commit()
            _run(connection, _driver_of(connection).commit)
        finally:
            self._rest(connection)

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Give a transaction in which a table that others refer to is made anew; they have to hold at its end.

        SQLite takes away no such table while it minds references, and whether it does is said before a transaction.
        """
        with self.engine.connect() as connection:
            driver = _driver_of(connection)
            _run(connection, driver.execute, "PRAGMA foreign_keys=OFF")
            _run(connection, driver.execute, "BEGIN IMMEDIATE")
            yield connection
            _run(connection, _mind_references, driver)
            if connection.in_transaction():
                connection.commit()
            _run(connection, driver.commit)

    def try_writing(self) -> None:
        """Take the turn to write, then room beside the file, and give both back."""
        with self.writing():
            pass
        with TemporaryFile(dir=Path(str(self.engine.url.database)).parent) as room:
            os.posix_fallocate(room.fileno(), 0, ROOM)

    def _begun(self, begin: str, beforehand: Beforehand | None = None) -> Connection:
        connection = self._taken()
        driver = _driver_of(connection)
        try:
            if beforehand:
                _run(connection, driver.execute, "BEGIN")
                beforehand(connection)
                connection.commit()
            _run(connection, driver.execute, begin)
        except BaseException:
            self._rest(connection)
            raise
        return connection

    def _taken(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self.engine.connect()

    def _rest(self, connection: Connection) -> None:
        """Undo what was not committed, and let the connection wait for the next one; where that fails, close it."""
        try:
            if connection.in_transaction():
                connection.rollback()
            _driver_of(connection).rollback()
        except (SQLAlchemyError, sqlite3.Error):
            connection.invalidate()
            connection.close()
        else:
            self._idle.append(connection)

    def _close(self, _: Engine) -> None:
        while self._idle:
            self._idle.pop().close()


def configure(connection: Any, _: Any = None) -> None:
    """Make a connection of the driver's ready: who uses it begins its transactions, and a commit is durable."""
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"cache_size=-{CACHE_KB}"):
        connection.execute(f"PRAGMA {pragma}")


def _driver_of(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _mind_references(driver: sqlite3.Connection) -> None:
    if driver.execute("PRAGMA foreign_key_check").fetchone():
        raise sqlite3.IntegrityError("FOREIGN KEY constraint failed")


def _run(connection: Connection, step: Any, *words: Any) -> None:
    try:
        step(*words)
    except sqlite3.Error as error:
        raise as_sqlalchemy_says(error, connection.dialect) from None
