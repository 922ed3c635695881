"""How is a CSV table beside a policy read as decision rows?

``- table: drugs.csv`` among a policy's decisions stands for the rows of that file, in their order. Its first line
names the columns: a criterion (``yes``, ``no``, ``missing``, or several with ``|``), a fact behind ``%`` (``<= 88``,
``56..59``, ``J1745 | Q5103``), and what a decision row says: ``then``, ``for``, ``quantity``, ``rest``, ``to``,
``because``, ``say``. Of a row with a ``rest``, ``to`` is who looks at that. An empty cell asks nothing.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from rules.csv_lines import read_csv
from rules.decisions import Cell
from rules.facts import Fact, FactType
from rules.yaml_lines import Document, Fault, FaultyFile

SAYS = ("then", "for", "quantity", "rest", "to", "because", "say")
_SIGN = re.compile(r"(<=|>=|<|>|=)?\s*(.+)")
_YES = {"yes": True, "true": True, "no": False, "false": False}
LONGEST = 5_000


def with_tables(document: Document, folder: Path | None, valid: Callable[[dict[str, Any]], Iterator[str]]) -> Document:
    """Return the document with the rows of its tables in their place.

    Args:
        folder: where the tables are.
        valid: yields what is wrong with a row as a policy would write it.

    Raises:
        FaultyFile: a table is not there, or a line of it is no decision row; with that line.
    """
    written = document.data["decisions"]
    if not any("table" in row for row in written):
        return document
    rows: list[dict[str, Any]] = []
    lines = {where: line for where, line in document.lines.items() if where[:1] != ("decisions",)}
    for index, row in enumerate(written):
        expanded = list(_table(document, index, folder, valid)) if "table" in row else [row]
        for one in expanded:
            lines[("decisions", len(rows))] = document.lines[("decisions", index)]
            rows.append(one)
        if "table" not in row:
            below = {where[2:]: line for where, line in document.lines.items() if where[:2] == ("decisions", index)}
            lines |= {("decisions", len(rows) - 1, *where): line for where, line in below.items()}
    return replace(document, data={**document.data, "decisions": rows}, lines=lines)


def _table(
    document: Document, index: int, folder: Path | None, valid: Callable[[dict[str, Any]], Iterator[str]]
) -> Iterator[dict[str, Any]]:
    name = document.data["decisions"][index]["table"]
    if folder is None or not (folder / name).is_file():
        say = f"there is no table {name} beside the policy"
        raise FaultyFile([document.fault(("decisions", index, "table"), say, "put the file there, or mend its name")])
    file = f"{document.file.rpartition('/')[0]}/{name}"
    try:
        text = (folder / name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FaultyFile([Fault(file, 1, "not a text in UTF-8", "save it as CSV UTF-8")]) from None
    rows = list(_rows(text, file, document.data))
    faults = [
        Fault(file, int(row["table"].rpartition(":")[2]), message)
        for row in rows
        for message in valid({key: value for key, value in row.items() if key not in {"table", "cells"}})
    ]
    if faults:
        raise FaultyFile(faults)
    yield from rows


def cell(fact: Fact, written: str) -> Cell:
    """Return what ``written`` asks of a fact.

    Raises:
        ValueError: it is nothing that this type of fact can be compared with.
    """
    return Cell(fact.name, written, tuple(_test(fact, part.strip()) for part in written.split("|")))


def _test(fact: Fact, part: str) -> tuple[str, Any]:
    low, dots, high = part.partition("..")
    if dots:
        return "..", (_value(fact, low.strip()), _value(fact, high.strip()))
    found = _SIGN.fullmatch(part)
    if not found:
        raise ValueError(f"an empty alternative says nothing about {fact.name}")
    return found[1] or "=", _value(fact, found[2])


def _value(fact: Fact, text: str) -> Any:
    value: Any = text
    if fact.type is FactType.BOOLEAN:
        value = _YES.get(text)
    elif fact.type is FactType.NUMBER:
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = None
    if value is None or not replace(fact, least=None, most=None).holds(value):
        raise ValueError(f"'{text}' is nothing to compare {fact.name} with, which is {fact.kind}")
    return value


def _rows(text: str, file: str, data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows as a policy would write them, with ``cells`` for facts and ``table`` for where they stand."""
    columns, rows = read_csv(text, file, LONGEST)
    known = {*SAYS, *data.get("criteria", {}), *(f"%{fact}" for fact in data.get("facts", {}))}
    faults = [
        Fault(file, 1, f"no fact, criterion or part of a decision is called '{name}'", "write a fact as %name")
        for name in columns
        if name not in known
    ]
    if not faults and "then" not in columns:
        faults = [Fault(file, 1, "no column is called 'then'", "add it: certify, pend, not-covered or no-auth")]
    if faults:
        raise FaultyFile(faults)
    for line, row in rows:
        written = {name: value for name, value in row.items() if value}
        yield _row(written, columns, f"{file}:{line}", data)


def _row(written: dict[str, str], columns: list[str], where: str, data: dict[str, Any]) -> dict[str, Any]:
    says: dict[str, Any] = {name: written[name] for name in SAYS if name in written}
    if "rest" in says:
        queue = {"to": says.pop("to")} if "to" in says else {}
        says["rest"] = {"say": says["rest"], **queue}
    when = {
        name: [one.strip() for one in written[name].split("|")] for name in data.get("criteria", {}) if name in written
    }
    cells = {name[1:]: written[name] for name in columns if name.startswith("%") and name in written}
    return says | ({"when": when} if when else {}) | ({"cells": cells} if cells else {}) | {"table": where}
