"""How do we talk to the database? The two kinds of transaction, and the types that both databases keep alike."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, create_engine, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.types import TypeDecorator

from app.storage.sqlite import Beforehand, Sqlite
from fhir_r4.wire import read_own, write_json

_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Seconds, and the last in milliseconds: a server whose host or network is gone is given up after these, by libpq's
names, and not after the quarter of an hour that the system waits. What the URL says goes before."""
_READS_ONLY = frozenset({"25006", "0A000"})
"""PostgreSQL's codes of a write in a transaction that only reads, and of BEGIN READ WRITE on a standby."""


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment has a time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Database:
    """One engine, and the two kinds of transaction."""

    def __init__(self, url: str) -> None:
        json = {"json_serializer": _to_json, "json_deserializer": _from_json}
        self._kept = (Sqlite if url.startswith("sqlite") else Pooled)(url, **json)
        self.engine: Engine = self._kept.engine
        self._held = threading.local()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of things and changes nothing.

        A reading within a reading, on the same thread, is part of it: what is gathered from several places is
        gathered from one state of things and costs one transaction.
        """
        if held := getattr(self._held, "reading", None):
            yield held
            return
        with self._kept.reading() as connection:
            self._held.reading = connection
            try:
                yield connection
            finally:
                self._held.reading = None

    def glancing(self) -> AbstractContextManager[Connection]:
        """Give a connection for one statement that changes nothing, which needs no transaction to see one state.

        Within a reading, on the same thread, it is part of it.
        """
        held = getattr(self._held, "reading", None)
        return nullcontext(held) if held else self._kept.glancing()

    def make_private(self) -> None:
        """Let nobody on this host read the database but the service."""
        self._kept.make_private()

    def writing(self, beforehand: Beforehand | None = None) -> AbstractContextManager[Connection]:
        """Give a connection whose changes are all kept, durably, or none of them.

        Args:
            beforehand: is done on that connection before others have to wait, to temporary tables alone.
        """
        return self._kept.writing(beforehand)

    def migrating(self) -> AbstractContextManager[Connection]:
        """Give a transaction in which tables are changed; references among them hold at its end."""
        return self._kept.migrating()

    def try_writing(self) -> None:
        """Raise where a write would fail (SQLAlchemyError, OSError); change nothing, and wait for no disk.

        A database server that has no room says so only when it is written to.
        """
        self._kept.try_writing()


class Pooled:
    """A database server: SQLAlchemy's pool finds out which connections have outlived it.

    There are as many connections as threads that want one at a time: nobody waits for another's.
    """

    def __init__(self, url: str, **options: Any) -> None:
        pool = {"pool_pre_ping": True, "pool_use_lifo": True, "pool_size": 0}
        said = make_url(url).query
        patience = {name: value for name, value in _PATIENCE.items() if name not in said}
        self.engine: Engine = create_engine(url, connect_args=patience, **pool, **options)
        self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    def reading(self) -> AbstractContextManager[Connection]:
        """Give one state of things, which is not the default; to close rolls back."""
        return self._reader.connect()

    def glancing(self) -> AbstractContextManager[Connection]:
        """Give a connection that begins no transaction: the server gives each statement one state of things."""
        return self._alone.connect()

    def make_private(self) -> None:
        """Leave it to the server, which keeps its files itself."""

    @contextmanager
    def writing(self, beforehand: Beforehand | None = None) -> Iterator[Connection]:
        """Give a transaction; a server that only reads, as after a fail-over, is as good as away.

        No connection to it is used again: new ones find the server that writes by then.
        """
        try:
            with self.engine.begin() as connection:
                if beforehand:
                    beforehand(connection)
                yield connection
        except DatabaseError as error:
            said: Any = error.orig
            if said.sqlstate not in _READS_ONLY:
                raise
            self.engine.dispose()
            raise OperationalError(error.statement, None, said, hide_parameters=True) from None

    migrating = writing

    def try_writing(self) -> None:
        with self.writing() as connection:
            connection.exec_driver_sql("DELETE FROM alembic_version WHERE false")


def _to_json(value: Any) -> str:
    return write_json(value).decode()


def _from_json(text: str | bytes) -> Any:
    return read_own(text.encode() if isinstance(text, str) else text)
