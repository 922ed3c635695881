"""How does a policy file become a Policy, and what is told to its author when it cannot?

All faults of a file are collected, each with its line, and told at once: a faulty policy never half-loads.
"""

import json
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from fhir_r4.path import bounded
from fhir_r4.resource import Coding
from fhir_r4.systems import CPT, HCPCS
from rules.book import PolicyBook
from rules.contradictions import DAYS, Found, contradictions
from rules.evaluate import Outcome, evaluate
from rules.periods import Span
from rules.policy import Answer, AtOrderTime, Case, Criterion, Fact, FactType, Guideline, Policy, Row, Source, Then
from rules.yaml_lines import Document, FaultyFile, read_yaml

SYSTEMS = {"HCPCS": HCPCS, "CPT": CPT}
CASE_AUTHORED = date(2026, 3, 1)
"""The day on which the orders of the policies' own cases are written."""


def load_book(folder: Path) -> PolicyBook:
    """Return the book of all ``<id>/<version>.yaml`` below ``folder``.

    Raises:
        FaultyFile: any file has a fault; then nothing of the folder is used.
    """
    policies, faults = [], []
    for file in sorted(folder.glob("*/*.yaml")):
        try:
            policies.append(load_policy(file.read_text(encoding="utf-8"), str(file.relative_to(folder))))
        except FaultyFile as faulty:
            faults.extend(faulty.faults)
    if faults:
        raise FaultyFile(faults)
    return PolicyBook(policies)


def load_policy(text: str, file: str) -> Policy:
    """Return the policy that ``text`` is; ``file`` (``<id>/<version>.yaml``) says where faults are.

    Raises:
        FaultyFile: with every fault and its line.
    """
    document = read_yaml(text, file)
    _refuse(document, _against_schema(document))
    _refuse(document, contradictions(document))
    policy = _policy(document.data)
    _refuse(document, _failing_cases(policy))
    return policy


def run_case(policy: Policy, case: Case) -> Outcome:
    """Weigh the policy as its author's case asks; order and request are of ``CASE_AUTHORED`` unless it says so."""
    authored, received = (date.fromisoformat(case.given.get(name, CASE_AUTHORED.isoformat())) for name in DAYS)
    return evaluate(policy, case.given, authored, received)


def _refuse(document: Document, found: Found) -> None:
    faults = [document.fault(where, message) for where, message in found]
    if faults:
        raise FaultyFile(sorted(faults, key=lambda fault: fault.line))


def _against_schema(document: Document) -> Found:
    for error in _schema().iter_errors(document.data):
        yield tuple(error.absolute_path), _plainly(error)


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(resources.files("rules").joinpath("policy.schema.json").read_text("utf-8")))


def _plainly(error: Any) -> str:
    where = ".".join(str(step) for step in error.absolute_path) or "the file"
    if error.validator == "type" and error.validator_value == "string" and isinstance(error.instance, int | float):
        return f'{where}: write it in quotes, "{error.instance}" (unquoted it is a number)'
    return f"{where}: {error.message}"


def _failing_cases(policy: Policy) -> Found:
    reached = set()
    for index, case in enumerate(policy.cases):
        outcome = run_case(policy, case)
        reached.add(outcome.row)
        said = f"{outcome.then} for {outcome.period}" if outcome.period else str(outcome.then)
        if case.expect not in (outcome.then, said):
            yield ("cases", index), f"case '{case.name}' expects {case.expect}; row {outcome.row} says {said}"
    for number in range(1, len(policy.rows) + 1):
        if number not in reached:
            yield ("decisions", number - 1), f"no case reaches row {number}"


def _policy(data: dict) -> Policy:
    said, card = data["coverage-information"], data.get("guideline")
    return Policy(
        id=data["policy"],
        version=data["version"],
        title=data["title"],
        effective=date.fromisoformat(data["effective"]),
        expires=date.fromisoformat(data["expires"]) if "expires" in data else None,
        sources=tuple(Source(**source) for source in data["sources"]),
        applies_to=tuple(Coding(SYSTEMS[name], code) for name, codes in data["applies-to"].items() for code in codes),
        at_order_time=AtOrderTime(
            covered=said["covered"],
            pa_needed=said.get("pa-needed"),
            doc_needed=(said["doc-needed"],) if "doc-needed" in said else (),
            questionnaire=said.get("questionnaire"),
            reason=said.get("reason"),
        ),
        guideline=Guideline(**card) if card else None,
        facts=tuple(_fact(name, fact) for name, fact in data.get("facts", {}).items()),
        criteria=tuple(_criterion(name, question) for name, question in data.get("criteria", {}).items()),
        rows=tuple(_row(row) for row in data["decisions"]),
        cases=tuple(Case(case["name"], case["given"], case["expect"]) for case in data["cases"]),
    )


def _fact(name: str, fact: dict) -> Fact:
    least, most = fact.get("from-to", (None, None))
    return Fact(
        name,
        fact["question"],
        FactType(fact.get("type", FactType.NUMBER)),
        fact.get("unit"),
        None if least is None else Decimal(str(least)),
        None if most is None else Decimal(str(most)),
    )


def _criterion(name: str, question: str) -> Criterion:
    return Criterion(name, question, bounded(question))


def _row(row: dict) -> Row:
    when = {
        name: frozenset(map(Answer, answers if isinstance(answers, list) else [answers]))
        for name, answers in row.get("when", {}).items()
    }
    return Row(when, Then(row["then"]), Span.parse(row["for"]) if "for" in row else None, row.get("say"))
