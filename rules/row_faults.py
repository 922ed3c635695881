"""What is wrong with decision rows that the schema cannot see? Names that lead nowhere, rows never reached."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.decisions import Answer
from rules.expression_faults import expression_findings
from rules.facts import Fact
from rules.periods import Span
from rules.read_codes import nearest
from rules.tables import cell
from rules.yaml_lines import Finding, Where

_PATIENCE = 20_000
"""Steps after which a row counts as reachable: criteria and rows are few, tables have cells."""
Answers = Mapping[str, frozenset[Answer]]


def row_findings(
    rows: Sequence[dict[str, Any]], criteria: Mapping[str, Any], facts: Mapping[str, Fact], days: Sequence[str]
) -> Iterator[Finding]:
    """Yield what is wrong with the rows, those of tables by their own file and line.

    Args:
        days: names beside the facts that an expression may ask about.
    """
    named = True
    for index, row in enumerate(rows):
        for where, message, suggestion, _ in _row(row, ("decisions", index), criteria, facts, days):
            named = named and "no criterion" not in message
            yield Finding(where, f"{row['table']}: {message}" if "table" in row else message, suggestion)
    yield from _ends(rows)
    if named:
        yield from _unreachable(rows)


def when_findings(when: Mapping[str, Any], where: Where, criteria: Mapping[str, Any]) -> Iterator[Finding]:
    for name in when:
        if name not in criteria:
            yield Finding((*where, name), f"no criterion is called '{name}'", nearest(name, criteria))


def _row(
    row: dict[str, Any], where: Where, criteria: Mapping[str, Any], facts: Mapping[str, Fact], days: Sequence[str]
) -> Iterator[Finding]:
    yield from when_findings(row.get("when", {}), (*where, "when"), criteria)
    if "for" in row:
        try:
            Span.parse(row["for"])
        except ValueError as error:
            yield Finding((*where, "for"), str(error), "write it as '12 months'")
    if "quantity" in row:
        yield from expression_findings(str(row["quantity"]), (*where, "quantity"), [*facts, *days])
    for name, written in row.get("cells", {}).items():
        try:
            cell(facts[name], written)
        except ValueError as error:
            yield Finding(where, str(error), "write a value, '<= 88', '56..59', or several with |")


def _ends(rows: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    last = len(rows) - 1
    for index, row in enumerate(rows):
        asks = "when" in row or "cells" in row
        if index == last and asks:
            say = "the last row has no 'when', so that one row always holds"
            yield Finding(("decisions", index), say, "add a last row '- then: pend' that says what a person looks at")
        if index != last and not asks:
            say = "rows below one without 'when' are never reached"
            yield Finding(("decisions", index), say, "give it a 'when', or move it to the end")


def _unreachable(rows: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Yield the rows that hold only where one above them holds too."""
    above: list[tuple[Answers, Mapping[str, str]]] = []
    for index, row in enumerate(rows):
        when = {name: _answers(said) for name, said in row.get("when", {}).items()}
        cells = row.get("cells", {})
        rivals = [other for other, asked in above if asked.items() <= cells.items()]
        if all(rivals) and not _escapes(rivals, when, [_PATIENCE]):
            say = f"row {index + 1} is never reached: one of the rows above always holds before it"
            yield Finding(("decisions", index), say, "move it up, or narrow the 'when' of a row above")
        above.append((when, cells))


def _escapes(above: Sequence[Answers], when: Answers, patience: list[int]) -> bool:
    """Tell whether there are answers with which ``when`` holds and none of the rows above does."""
    patience[0] -= 1
    if not above or patience[0] < 0:
        return True
    everything = frozenset(Answer)
    for name, allowed in above[0].items():
        left = when.get(name, everything) - allowed
        if left and _escapes(above[1:], {**when, name: left}, patience):
            return True
    return False


def _answers(said: Any) -> frozenset[Answer]:
    return frozenset(map(Answer, said if isinstance(said, list) else [said]))
