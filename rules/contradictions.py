"""What is wrong with a policy that the schema cannot see? Names that lead nowhere, days that are none, expressions
that cannot be asked.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fhir_r4.path import PathError, compiled, tree
from rules.build import fact_from
from rules.case_faults import case_findings
from rules.codes import SYSTEMS, patterns
from rules.comparisons import mismatches
from rules.expression_faults import expression_findings
from rules.fact_faults import fact_findings
from rules.facts import Fact, FactType, is_day
from rules.need import need_findings
from rules.read_codes import ValueSets, code_findings
from rules.row_faults import row_findings, when_findings
from rules.yaml_lines import Document, Finding, Where, told_by

_UNANSWERABLE = re.compile(r"\b(exists|empty|count|all|not)\s*\(\s*\)")

DAYS = ("authored", "received", "service")
"""Known to every criterion: the day of the order, that on which the request reached us, and that of the service."""
_SAMPLES = {
    FactType.NUMBER: 2,
    FactType.BOOLEAN: True,
    FactType.DATE: "2026-01-31",
    FactType.CODE: "code",
}
Found = Iterator[Finding]


def contradictions(document: Document, value_sets: ValueSets) -> Found:
    """Yield where and what, for data that the schema has passed and whose tables are read."""
    data = document.data
    written, criteria = data.get("facts", {}), data.get("criteria", {})
    yield from _identity(data, document.file)
    yield from code_findings(data["applies-to"], ("applies-to",), value_sets)
    yield from need_findings(data)
    yield from _suggestions(data.get("suggestions", ()), criteria)
    for cards in ("instructions", "apps"):
        for index, card in enumerate(data.get(cards, ())):
            yield from when_findings(card.get("when", {}), (cards, index, "when"), criteria)
            if "/dtr/" in card.get("url", ""):
                say = "DTR is not launched by a card; its client is started from the coverage information"
                yield Finding((cards, index, "url"), say, "leave the card out, and name the form as 'questionnaire'")
    wrong = [finding for name, fact in written.items() for finding in fact_findings(name, fact, value_sets)]
    yield from wrong
    yield from (finding for name in written for finding in _name(name))
    if not wrong:
        facts = {name: fact_from(name, fact, value_sets) for name, fact in written.items()}
        for name, question in criteria.items():
            yield from _unaskable(question, facts, ("criteria", name))
        yield from row_findings(data["decisions"], criteria, facts, DAYS)
    yield from case_findings(data["cases"], written, DAYS)


def _name(name: str) -> Found:
    if name in DAYS:
        yield Finding(("facts", name), f"%{name} is known to every policy", "call it otherwise")
    try:
        compiled(f"%{name}")
    except PathError:
        yield Finding(("facts", name), f"'{name}' is a word of FHIRPath", f"call it otherwise, such as care_{name}")


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
        if not is_day(value):
            yield Finding(where, f"{where[-1]}: there is no such day", "write it as 2026-01-31")
    if data.get("expires", data["effective"]) < data["effective"]:
        yield Finding(("expires",), "it expires before it is effective", "exchange the two days")
    if len({one["by"] for one in data.get("approved", ())}) == 1:
        yield Finding(("approved",), "one person approved it twice", "name two people")


def _suggestions(cards: list[dict[str, Any]], criteria: Mapping[str, Any]) -> Found:
    for index, card in enumerate(cards):
        where = ("suggestions", index)
        yield from when_findings(card.get("when", {}), (*where, "when"), criteria)
        for system, code in card["code"].items():
            try:
                if len(list(patterns(SYSTEMS[system], code))) != 1 or "*" in code:
                    yield Finding((*where, "code", system), "one code is ordered, not several", "name one")
            except ValueError as error:
                yield Finding((*where, "code", system), *told_by(error))


def _unaskable(question: str, facts: Mapping[str, Fact], where: Where) -> Found:
    wrong = list(expression_findings(question, where, [*facts, *DAYS]))
    yield from wrong
    if found := _UNANSWERABLE.search(question):
        say = f"{found[1]}() answers yes or no where a fact is missing"
        yield Finding(where, say, "ask about the fact itself: missing is never no")
    elif not wrong:
        types = {name: fact.type for name, fact in facts.items()} | dict.fromkeys(DAYS, FactType.DATE)
        apart = [Finding(where, *said) for said in mismatches(tree(question), types)]
        yield from apart or _tried(question, facts, where)


def _tried(question: str, facts: Mapping[str, Fact], where: Where) -> Found:
    """Ask once with values of each fact's type: what fails now, or answers neither yes nor no, always does."""
    known = {name: _SAMPLES[fact.type] for name, fact in facts.items()} | dict.fromkeys(DAYS, "2026-01-31")
    try:
        said = compiled(question)({}, known)
    except Exception:  # noqa: BLE001 fhirpathpy raises bare Exceptions
        say = "it cannot be answered with facts of these types"
        yield Finding(where, say, "compare a number with a number, a date with a date")
        return
    if said not in ([True], [False], []):
        yield Finding(where, "it answers neither yes nor no", "compare it with something: %weeks >= 6")
