"""What is wrong with a policy that the schema cannot see? Names that lead nowhere, rows that never hold."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from fhir_r4.path import PathError, bounded
from rules.periods import Span
from rules.read_codes import ValueSets, code_findings, nearest
from rules.yaml_lines import Document, Finding, Where

_UNANSWERABLE = re.compile(r"\b(exists|empty|count|all|not)\s*\(\s*\)")
_VARIABLE = re.compile(r"%([A-Za-z_]\w*)")

DAYS = ("authored", "received")
"""Known to every criterion: the day of the order, and the day on which the request reached us."""
Found = Iterator[Finding]


def contradictions(document: Document, value_sets: ValueSets) -> Found:
    """Yield where and what, for data that the schema has passed."""
    data = document.data
    facts, criteria = data.get("facts", {}), data.get("criteria", {})
    yield from _identity(data, document.file)
    yield from code_findings(data["applies-to"], ("applies-to",), value_sets)
    for name, question in criteria.items():
        yield from _unaskable(question, facts, ("criteria", name))
    yield from _rows(data["decisions"], criteria)
    known = [*facts, *DAYS]
    for index, case in enumerate(data["cases"]):
        for name in case["given"]:
            if name not in known:
                yield Finding(("cases", index, "given", name), f"no fact is called '{name}'", nearest(name, known))


def _identity(data: dict, file: str) -> Found:
    expected = f"{data['policy']}/{data['version']}.yaml"
    if not file.replace("\\", "/").endswith(expected):
        yield Finding(("policy",), f"the file is to be {expected}", "rename the file, or the policy")
    days: list[Where] = [(key,) for key in ("effective", "expires") if key in data]
    days += [("sources", i, key) for i, one in enumerate(data["sources"]) for key in ("dated", "until") if key in one]
    days += [("approved", i, "on") for i in range(len(data.get("approved", ())))]
    for where in days:
        value: Any = data
        for step in where:
            value = value[step]
        try:
            date.fromisoformat(value)
        except ValueError:
            yield Finding(where, f"{where[-1]}: there is no such day", "write it as 2026-01-31")
    if data.get("expires", data["effective"]) < data["effective"]:
        yield Finding(("expires",), "it expires before it is effective", "exchange the two days")
    if len({one["by"] for one in data.get("approved", ())}) == 1:
        yield Finding(("approved",), "one person approved it twice", "name two people")


def _unaskable(question: str, facts: Mapping[str, Any], where: Where) -> Found:
    try:
        bounded(question)
    except PathError as error:
        yield Finding(where, str(error))
    for name in _VARIABLE.findall(question):
        if name not in facts and name not in DAYS:
            yield Finding(where, f"no fact is called '{name}'", nearest(name, [*facts, *DAYS]))
    if found := _UNANSWERABLE.search(question):
        say = f"{found[1]}() answers yes or no where a fact is missing"
        yield Finding(where, say, "ask about the fact itself: missing is never no")


def _rows(rows: list[dict], criteria: Mapping[str, Any]) -> Found:
    for index, row in enumerate(rows):
        for name in row.get("when", {}):
            if name not in criteria:
                where = ("decisions", index, "when", name)
                yield Finding(where, f"no criterion is called '{name}'", nearest(name, criteria))
        if "for" in row:
            try:
                Span.parse(row["for"])
            except ValueError as error:
                yield Finding(("decisions", index, "for"), str(error), "write it as '12 months'")
        last = index == len(rows) - 1
        if last and "when" in row:
            say = "the last row has no 'when', so that one row always holds"
            yield Finding(("decisions", index), say, "add a last row '- then: pend' with what a person is to look at")
        if not last and "when" not in row:
            say = "rows below one without 'when' are never reached"
            yield Finding(("decisions", index), say, "give it a 'when', or move it to the end")
