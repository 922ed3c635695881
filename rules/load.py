"""How does a policy file become a Policy, and what is told to its author when it cannot?

All faults of a file are collected, each with its line, and told at once: a faulty policy never half-loads.
"""

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

from rules.book import PolicyBook
from rules.build import policy_from
from rules.contradictions import DAYS, Found, contradictions
from rules.evaluate import Outcome, evaluate
from rules.overlaps import overlaps
from rules.policy import Case, Policy
from rules.read_codes import VALUE_SETS, ValueSets
from rules.schema_faults import row_faults, schema_findings
from rules.tables import with_tables
from rules.value_sets import load_value_sets
from rules.yaml_lines import Document, Fault, FaultyFile, Finding, read_yaml

CASE_AUTHORED = date(2026, 3, 1)
"""The day on which the orders of the policies' own cases are written."""


def load_book(folder: Path, *, cases: bool = True) -> PolicyBook:
    """Return the book of all ``<id>/<version>.yaml`` below ``folder``, with its value sets.

    Args:
        folder: of policies.
        cases: whether a policy that does not decide its own cases as it says is faulty; an author at work asks not.

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
            policies.append(load_policy(text, name, value_sets, file.parent, cases=cases))
        except FaultyFile as faulty:
            faults.extend(faulty.faults)
    if faults := faults or overlaps(policies):
        raise FaultyFile(faults)
    return PolicyBook(policies)


def load_policy(
    text: str, file: str, value_sets: ValueSets | None = None, tables: Path | None = None, *, cases: bool = True
) -> Policy:
    """Return the policy that ``text`` is; ``file`` (``<id>/<version>.yaml``) says where faults are.

    Args:
        value_sets: that it may name.
        tables: the folder of its tables, ``None`` where it may have none.
        cases: as for ``load_book``.

    Raises:
        FaultyFile: with every fault and its line.
    """
    document, shared = read_yaml(text, file), value_sets or {}
    _refuse(document, schema_findings(document.data))
    expanded = with_tables(document, tables, row_faults)
    _refuse(expanded, contradictions(expanded, shared))
    policy = policy_from(expanded.data, shared)
    if cases:
        _refuse(document, _failing_cases(policy))
    return policy


def run_case(policy: Policy, case: Case) -> Outcome:
    """Weigh the policy as its author's case asks; order and request are of ``CASE_AUTHORED`` unless it says so."""
    authored, received, service = (date.fromisoformat(case.given.get(name, CASE_AUTHORED.isoformat())) for name in DAYS)
    return evaluate(policy, case.given, authored, received, service=service)


def _refuse(document: Document, found: Found) -> None:
    faults = [document.fault(*finding) for finding in found]
    if faults:
        raise FaultyFile(sorted(faults, key=lambda fault: fault.line))


def _failing_cases(policy: Policy) -> Found:
    reached = set()
    for index, case in enumerate(policy.cases):
        outcome = run_case(policy, case)
        reached.add(outcome.row)
        if not outcome.meets(case.expect):
            say = f"case '{case.name}' expects {case.expect}; row {outcome.row} says {outcome.said}"
            yield Finding(("cases", index), say, "mend the case, or the row")
    for number in unreached(policy, reached):
        yield Finding(("decisions", number - 1), f"no case reaches row {number}", "add one to 'cases'")


def unreached(policy: Policy, reached: Collection[int]) -> Iterator[int]:
    """Yield the rows, counted from 1, that no case reaches; of a table one reached row speaks for all."""
    tables = {row.table.partition(":")[0] for n, row in enumerate(policy.rows, 1) if row.table and n in reached}
    for number, row in enumerate(policy.rows, start=1):
        if number not in reached and not (row.table and row.table.partition(":")[0] in tables):
            yield number
