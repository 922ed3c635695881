"""What is wrong with a policy that the schema cannot see? Names that lead nowhere, rows that never hold."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from fhir_r4.path import PathError, bounded
from rules.periods import Span
from rules.yaml_lines import Document, Where

_UNANSWERABLE = re.compile(r"\b(exists|empty|count|all|not)\s*\(\s*\)")
_VARIABLE = re.compile(r"%([A-Za-z_]\w*)")

DAYS = ("authored", "received")
"""Known to every criterion: the day of the order, and the day on which the request reached us."""
Found = Iterator[tuple[Where, str]]


def contradictions(document: Document) -> Found:
    """Yield where and what, for data that the schema has passed."""
    data = document.data
    facts, criteria = data.get("facts", {}), data.get("criteria", {})
    yield from _identity(data, document.file)
    for name, question in criteria.items():
        yield from ((("criteria", name), message) for message in _unaskable(question, facts))
    yield from _rows(data["decisions"], criteria)
    for index, case in enumerate(data["cases"]):
        for name in case["given"]:
            if name not in facts and name not in DAYS:
                yield ("cases", index, "given", name), f"no fact is called '{name}'"


def _identity(data: dict, file: str) -> Found:
    expected = f"{data['policy']}/{data['version']}.yaml"
    if not file.replace("\\", "/").endswith(expected):
        yield ("policy",), f"the file is to be {expected}"
    for key in ("effective", "expires"):
        try:
            date.fromisoformat(data.get(key, "2000-01-01"))
        except ValueError:
            yield (key,), f"{key}: there is no such day"


def _unaskable(question: str, facts: Mapping[str, Any]) -> Iterator[str]:
    try:
        bounded(question)
    except PathError as error:
        yield str(error)
    for name in _VARIABLE.findall(question):
        if name not in facts and name not in DAYS:
            yield f"no fact is called '{name}'"
    if found := _UNANSWERABLE.search(question):
        yield f"{found[1]}() answers yes or no where a fact is missing; ask about the fact itself"


def _rows(rows: list[dict], criteria: Mapping[str, Any]) -> Found:
    for index, row in enumerate(rows):
        for name in row.get("when", {}):
            if name not in criteria:
                yield ("decisions", index, "when", name), f"no criterion is called '{name}'"
        if "for" in row:
            try:
                Span.parse(row["for"])
            except ValueError as error:
                yield ("decisions", index, "for"), str(error)
        last = index == len(rows) - 1
        if last and "when" in row:
            yield ("decisions", index), "the last row has no 'when', so that one row always holds"
        if not last and "when" not in row:
            yield ("decisions", index), "rows below one without 'when' are never reached"
