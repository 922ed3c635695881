"""Who is a member, and who provides care? Two tables, loaded from CSV; a payer's own systems can stand in later.

``members.csv``: payer, member_id, plan, birth_date, covered_from, covered_to (may be empty).
``providers.csv``: npi, name, network (``in`` or ``out``).
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from app.storage.database import Database
from app.storage.prepared import Prepared
from app.storage.tables import members, providers
from fhir_r4.resource import Identifier
from rules.directory import CardsOf, Member, Payer, Provider, no_cards, read_network
from rules.ports import Standing

BATCH = 5_000
_MEMBER_CALLED = Prepared(
    select(members).where(members.c.payer == bindparam("payer"), members.c.member_id == bindparam("number"))
)
_PROVIDER_CALLED = Prepared(select(providers).where(providers.c.npi == bindparam("npi")))


class BadTable(ValueError):
    """A CSV file cannot be loaded; the message names file, line and column, never a value."""


class TableDirectory:
    """The directory port over the two tables, and the back end that is none.

    Payers come from payer.yaml, gold cards by NPI from gold-cards.csv.
    """

    takes_cases = False

    def __init__(self, database: Database, payers: Iterable[Payer], cards: CardsOf = no_cards) -> None:
        self._database = database
        self._cards = cards
        self._payers = {payer.id: payer for payer in payers}
        self._by_identifier = {one: payer for payer in self._payers.values() for one in payer.identifiers}

    def payer(self, identifiers: Iterable[Identifier]) -> Payer | None:
        return next((self._by_identifier[one] for one in identifiers if one in self._by_identifier), None)

    def payer_called(self, payer_id: str) -> Payer | None:
        return self._payers.get(payer_id)

    def member(self, payer: Payer, member_id: str) -> Member | None:
        with self._database.glancing() as connection:
            found = _MEMBER_CALLED.rows(connection, {"payer": payer.id, "number": member_id})
        return Member(*found[0]) if found else None  # a column for each of its fields, in their order

    def standing(self, payer: Payer, member_id: str) -> tuple[Standing, ...]:  # noqa: ARG002 nothing is elsewhere
        return ()

    def hand_over(self, case: dict) -> None:
        """Leave the case in the worklist."""

    def provider(self, npi: str) -> Provider | None:
        with self._database.glancing() as connection:
            found = _PROVIDER_CALLED.rows(connection, {"npi": npi})
        return Provider(**found[0]._asdict(), gold_cards=self._cards(npi)) if found else None


def load(database: Database, folder: Path, payers: Iterable[Payer]) -> dict[str, int]:
    """Replace both tables by the CSV files of ``folder`` and return how many rows each has.

    The files are read into temporary tables, which takes seconds for many members; others write meanwhile.

    Raises:
        BadTable: a row is not usable, or there is none; nothing is changed then.
    """
    plans = {(payer.id, plan.id) for payer in payers for plan in payer.plans}
    counts: dict[str, int] = {}

    def checked(row: dict) -> dict:
        if (row["payer"], row["plan"]) not in plans:
            raise KeyError("plan")
        return row

    def read(connection: Connection) -> None:
        counts["members"] = _stage(connection, members, folder / "members.csv", _MEMBER, checked)
        counts["providers"] = _stage(connection, providers, folder / "providers.csv", _PROVIDER, dict)

    with database.writing(read) as connection:
        for table, staged in _STAGED.items():
            connection.execute(delete(table))
            connection.execute(insert(table).from_select(table.c.keys(), select(staged)))
            staged.drop(connection)
    return counts


def _staged(table: Table) -> Table:
    columns = [Column(one.name, one.type, primary_key=one.primary_key, nullable=one.nullable) for one in table.columns]
    return Table(f"staged_{table.name}", MetaData(), *columns, prefixes=["TEMPORARY"])


_STAGED = {table: _staged(table) for table in (members, providers)}


@dataclass(frozen=True, slots=True)
class _Column:
    """How a cell is read (ValueError where it cannot be), and what is allowed in it."""

    read: Callable[[str], Any]
    allowed: str = ""


def _required(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text


def _day_or_none(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


_WORD = _Column(_required, "may not be empty")
_DAY = _Column(date.fromisoformat, "has to be a day such as 2026-01-31")
_MEMBER = {
    "payer": _WORD,
    "member_id": _WORD,
    "plan": _WORD,
    "birth_date": _DAY,
    "covered_from": _DAY,
    "covered_to": _Column(_day_or_none, f"{_DAY.allowed}, or empty"),
}
_PROVIDER = {"npi": _WORD, "name": _WORD, "network": _Column(read_network, "has to be in or out")}


def _stage(
    connection: Connection,
    table: Table,
    file: Path,
    columns: Mapping[str, _Column],
    check: Callable[[dict], dict],
) -> int:
    """Read a file into the temporary table that stands for ``table`` and return how many rows it has."""
    staged = _STAGED[table]
    staged.create(connection)
    batch: list[dict] = []
    count = 0
    for line, row in _rows(file, columns):
        try:
            batch.append(check(row))
        except KeyError as unknown:
            raise BadTable(f"{file.name}:{line}: {unknown.args[0]} is not in payer.yaml") from None
        count += 1
        if len(batch) == BATCH:
            _insert(connection, staged, file, batch)
            batch = []
    if not count:
        raise BadTable(f"{file.name}: there is no row in it")
    if batch:
        _insert(connection, staged, file, batch)
    return count


def _insert(connection: Connection, staged: Table, file: Path, batch: list[dict]) -> None:
    try:
        connection.execute(insert(staged), batch)
    except IntegrityError:  # what it says has the rows in it
        raise BadTable(_twice(file, staged.primary_key.columns.keys())) from None


def _twice(file: Path, names: Sequence[str]) -> str:
    """Return which row is there for the second time; the file is read once more for it, so that no load pays for it."""
    seen = set()
    for line, row in _rows(file, dict.fromkeys(names, _Column(str))):
        key = tuple(row.values())
        if key in seen:
            return f"{file.name}:{line}: {' and '.join(names)} were in a line before"
        seen.add(key)
    return f"{file.name}: a row is in it twice"


def _rows(file: Path, columns: Mapping[str, _Column]) -> Iterator[tuple[int, dict]]:
    try:
        yield from _read(file, columns)
    except (UnicodeDecodeError, csv.Error):
        raise BadTable(f"{file.name}: not a table in UTF-8; save it as CSV UTF-8") from None


def _read(file: Path, columns: Mapping[str, _Column]) -> Iterator[tuple[int, dict]]:
    with file.open(newline="", encoding="utf-8-sig") as opened:  # spreadsheets put a mark first
        reader = csv.DictReader(opened)
        missing = columns.keys() - set(reader.fieldnames or ())
        if missing:
            raise BadTable(f"{file.name}:1: no column {', '.join(sorted(missing))}")
        for row in reader:
            read: dict[str, Any] = {}
            for name, column in columns.items():
                try:
                    read[name] = column.read((row[name] or "").strip())
                except ValueError:
                    raise BadTable(f"{file.name}:{reader.line_num}: {name} {column.allowed}") from None
            yield reader.line_num, read
