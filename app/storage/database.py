"""How do we talk to the database? Engine, transactions, and the types that both databases keep alike.

SQLite runs in WAL mode with ``synchronous=FULL``; whoever writes begins IMMEDIATE, so that two writers queue up
instead of failing half-way.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.types import TypeDecorator

from fhir_r4.wire import read_own, write_json

BUSY_SECONDS = 10


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
        self.engine: Engine = create_engine(url, **_options(url))
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._reader = self.engine.execution_options(**_READING.get(self.engine.dialect.name, {}))
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
        with self._reader.connect() as connection:
            if connection.dialect.name == "sqlite":
                _own(connection).execute("BEGIN")  # others begin by themselves; to close rolls back
            self._held.reading = connection
            try:
                yield connection
            finally:
                self._held.reading = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are all kept, durably, or none of them."""
        with self.engine.begin() as connection:
            yield connection


_READING = {"postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}}
"""What a reading is where it is not one state of things by itself: SQLite's is, PostgreSQL's default is not."""


def _options(url: str) -> dict[str, Any]:
    json = {"json_serializer": _to_json, "json_deserializer": _from_json}
    if url.startswith("sqlite"):
        connect = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        return json | {"connect_args": connect, "pool_size": 0}  # a connection for each thread that wants one
    return json | {"pool_pre_ping": True}


def _to_json(value: Any) -> str:
    return write_json(value).decode()


def _from_json(text: str | bytes) -> Any:
    return read_own(text.encode() if isinstance(text, str) else text)


def _configure_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if not _own(connection).in_transaction:  # else a reading that has begun
        _own(connection).execute("BEGIN IMMEDIATE")


def _own(connection: Connection) -> Any:
    """Return the driver's own connection."""
    return connection.connection.driver_connection
