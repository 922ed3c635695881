"""How does a policy file become a Policy, and what is told to its author when it cannot?

All faults of a file are collected, each with its line, and told at once: a faulty policy never half-loads.
"""

import json
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from rules.book import PolicyBook
from rules.build import policy_from
from rules.contradictions import DAYS, Found, contradictions
from rules.evaluate import Outcome, evaluate
from rules.overlaps import overlaps
from rules.policy import Case, Policy
from rules.read_codes import VALUE_SETS, ValueSets
from rules.value_sets import load_value_sets
from rules.yaml_lines import Document, Fault, FaultyFile, Finding, read_yaml

CASE_AUTHORED = date(2026, 3, 1)
"""The day on which the orders of the policies' own cases are written."""


def load_book(folder: Path) -> PolicyBook:
    """Return the book of all ``<id>/<version>.yaml`` below ``folder``, with its value sets.

    Raises:
        FaultyFile: any file has a fault, or two policies contradict each other; then nothing of the folder is used.
    """
    value_sets = load_value_sets(folder)
    policies: list[Policy] = []
    faults: list[Fault] = []
    for file in sorted(folder.glob("*/*.yaml")):
        if file.parent.name == VALUE_SETS:
            continue
        try:
            text, name = file.read_text(encoding="utf-8"), file.relative_to(folder).as_posix()
            policies.append(load_policy(text, name, value_sets))
        except FaultyFile as faulty:
            faults.extend(faulty.faults)
    if faults := faults or overlaps(policies):
        raise FaultyFile(faults)
    return PolicyBook(policies)


def load_policy(text: str, file: str, value_sets: ValueSets | None = None) -> Policy:
    """Return the policy that ``text`` is; ``file`` (``<id>/<version>.yaml``) says where faults are.

    Raises:
        FaultyFile: with every fault and its line.
    """
    document, shared = read_yaml(text, file), value_sets or {}
    _refuse(document, _against_schema(document))
    _refuse(document, contradictions(document, shared))
    policy = policy_from(document.data, shared)
    _refuse(document, _failing_cases(policy))
    return policy


def run_case(policy: Policy, case: Case) -> Outcome:
    """Weigh the policy as its author's case asks; order and request are of ``CASE_AUTHORED`` unless it says so."""
    authored, received = (date.fromisoformat(case.given.get(name, CASE_AUTHORED.isoformat())) for name in DAYS)
    return evaluate(policy, case.given, authored, received)


def _refuse(document: Document, found: Found) -> None:
    faults = [document.fault(*finding) for finding in found]
    if faults:
        raise FaultyFile(sorted(faults, key=lambda fault: fault.line))


def _against_schema(document: Document) -> Found:
    for error in _schema().iter_errors(document.data):
        yield Finding(tuple(error.absolute_path), *_plainly(error))


@cache
def _schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(resources.files("rules").joinpath("policy.schema.json").read_text("utf-8")))


def _plainly(error: Any) -> tuple[str, str]:
    where = ".".join(str(step) for step in error.absolute_path) or "the file"
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    if error.validator == "type" and "string" in wanted and isinstance(error.instance, int | float):
        return f"{where}: unquoted, {error.instance} is a number", f'write it in quotes, "{error.instance}"'
    return f"{where}: {error.message}", ""


def _failing_cases(policy: Policy) -> Found:
    reached = set()
    for index, case in enumerate(policy.cases):
        outcome = run_case(policy, case)
        reached.add(outcome.row)
        said = f"{outcome.then} for {outcome.period}" if outcome.period else str(outcome.then)
        if case.expect not in (outcome.then, said):
            yield Finding(("cases", index), f"case '{case.name}' expects {case.expect}; row {outcome.row} says {said}")
    for number in range(1, len(policy.rows) + 1):
        if number not in reached:
            yield Finding(("decisions", number - 1), f"no case reaches row {number}", "add one to 'cases'")
