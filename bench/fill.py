"""How does a store become large in minutes? Rows copied from one case that came in by the door, written in bulk.

Every row is there, with its indexes: member, authorization, item, decision, submission. Payloads are in full for the
members that are asked about, and all others share an empty one: a million of 24 KB would fill a disk and change
nothing that is looked up.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, text

from app.storage.database import Database
from bench.bodies import Bodies, member_number

BATCH = 20_000
_TABLES = ("members", "authorizations", "items", "decisions", "submissions")
_EMPTY = b"{}"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pattern:
    """The rows of the one case as the driver has them, by table, and its authorization's id."""

    rows: dict[str, Row]
    authorization: str

    def copies(self, table: str, names: list[tuple[int, str]], given: Bodies, asked: Collection[int]) -> Iterator[Row]:
        """Yield the table's rows of other cases, each of another member."""
        for number, identity in names:
            yield self.rows[table] | self._own(table, number, identity, given, asked)

    def _own(self, table: str, number: int, identity: str, given: Bodies, asked: Collection[int]) -> Row:
        match table:
            case "members":
                return {"member_id": member_number(number)}
            case "authorizations":
                own = {"reference": f"PR{number:010}", "number": f"PN{number:010}"}
                return own | {"id": identity, "member_id": member_number(number)}
            case "submissions":
                request = given.for_member("submission", number) if number in asked else _EMPTY
                own = {"id": str(uuid4()), "authorization_id": identity, "transaction_value": identity}
                return own | {"bundle_id": str(uuid4()), "request": request, "response": _EMPTY}
            case _:
                return {"authorization_id": identity}


def pattern(database: Database) -> Pattern:
    """Return the one case that there is; the member's row is that of the case."""
    with database.reading() as connection:
        rows = {
            table: dict(connection.execute(text(f"SELECT * FROM {table}")).mappings().first() or {})  # noqa: S608 ours
            for table in _TABLES
        }
        member = {"payer": rows["authorizations"]["payer"], "number": rows["authorizations"]["member_id"]}
        query = text("SELECT * FROM members WHERE payer = :payer AND member_id = :number")
        rows["members"] = dict(connection.execute(query, member).mappings().one())
    return Pattern(rows, rows["authorizations"]["id"])


def fill(
    database: Database,
    like: Pattern,
    given: Bodies,
    numbers: range,
    asked: Collection[int],
    told: Callable[[int], None],
) -> None:
    """Store a case for each of ``numbers``.

    Args:
        asked: members whose requests are stored in full.
        told: is called with the number stored so far.
    """
    write = _copied if database.engine.dialect.name == "postgresql" else _inserted
    for start in range(numbers.start, numbers.stop, BATCH):
        names = [(number, str(uuid4())) for number in range(start, min(start + BATCH, numbers.stop))]
        with database.writing() as connection:
            for table in _TABLES:
                write(connection, table, list(like.rows[table]), like.copies(table, names, given, asked))
        told(names[-1][0] + 1)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE"))


def _inserted(connection: Connection, table: str, columns: list[str], rows: Iterator[Row]) -> None:
    marks, names = ", ".join("?" * len(columns)), ", ".join(f'"{name}"' for name in columns)
    driver: Any = connection.connection.driver_connection
    driver.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", (tuple(row.values()) for row in rows))  # noqa: S608


def _copied(connection: Connection, table: str, columns: list[str], rows: Iterator[Row]) -> None:
    from psycopg.types.json import Json  # noqa: PLC0415 an extra: only where PostgreSQL is measured

    names = ", ".join(f'"{name}"' for name in columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([Json(one) if isinstance(one, (list, dict)) else one for one in row.values()])
