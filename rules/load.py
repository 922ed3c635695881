"""How does a policy file become a Policy, and what is told to its author when it cannot?

All faults of a file are collected, each with its line, and told at once: a faulty policy never half-loads.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from fhir_r4.path import tree
from fhir_r4.wire import write_json
from rules.book import PolicyBook
from rules.build import policy_from
from rules.case_faults import why_otherwise
from rules.cold import keep_all
from rules.contradictions import DAYS, Found, contradictions
from rules.entry import Entry
from rules.evaluate import Outcome, evaluate
from rules.overlaps import overlaps
from rules.policy import Case, Policy
from rules.read_codes import VALUE_SETS, ValueSets, value_sets_named
from rules.schema_faults import row_faults, schema_findings
from rules.shelf import Packed, Shelf
from rules.tables import with_tables
from rules.value_sets import load_value_sets
from rules.yaml_lines import Document, Fault, FaultyFile, Finding, read_yaml

CASE_AUTHORED = date(2026, 3, 1)
"""The day on which the orders of the policies' own cases are written."""


Progress = Callable[[int, int], None]
"""Told how many policies are read, and of how many."""


def load_book(
    folder: Path,
    shelf: Shelf | None = None,
    progress: Progress | None = None,
    *,
    cases: bool = True,
    lists: Iterable[Entry] = (),
) -> PolicyBook:
    """Return the book of all ``<id>/<version>.yaml`` below ``folder``, with its value sets.

    Args:
        shelf: where checked policies are kept; what it has costs a read and no check.
        cases: whether a policy that does not decide its own cases as it says is faulty; an author at work asks not.
        lists: lines of the payer's lists, which go before policies.

    Raises:
        FaultyFile: any file has a fault, or two policies contradict each other; then nothing of the folder is used.
    """
    entries, faults = read_folder(folder, shelf, progress, cases=cases)
    if faults := faults or overlaps(entries):
        raise FaultyFile(faults)
    return PolicyBook(entries, lists)


def read_folder(
    folder: Path, shelf: Shelf | None = None, progress: Progress | None = None, *, cases: bool = True
) -> tuple[list[Entry], list[Fault]]:
    """Return the policies of a folder that have no fault, and the faults of the others."""
    try:
        value_sets = load_value_sets(folder)
    except FaultyFile as faulty:
        return [], faulty.faults
    reader = _Reader(folder, value_sets, shelf if cases else None, cases=cases)
    files = [file for file in sorted(folder.glob("*/*.yaml")) if file.parent.name != VALUE_SETS]
    found = {file: kept for file in files if (kept := reader.kept(file))}
    fresh = [file for file in files if file not in found]
    told = partial(_told, progress, len(found), len(files))
    if shelf and cases:
        keep_all(fresh, partial(_keep, folder, shelf), told)
    faults: list[Fault] = []
    for count, file in enumerate(fresh, start=1):
        try:
            found[file] = reader.entry(file)
        except FaultyFile as faulty:
            faults.extend(faulty.faults)
        told(count)
    if not fresh:
        told(0)
    return [found[file] for file in files if file in found], faults


def _told(progress: Progress | None, before: int, of: int, count: int) -> None:
    if progress:
        progress(before + count, of)


def _keep(folder: Path, shelf: Shelf, files: Sequence[str]) -> None:
    """Check files in a process of its own, and keep those that have no fault."""
    reader = _Reader(folder, load_value_sets(folder), shelf, cases=True)
    for file in files:
        with suppress(FaultyFile, OSError):
            reader.entry(Path(file))


class _Reader:
    """Reads the files of one folder, each once."""

    def __init__(self, folder: Path, value_sets: ValueSets, shelf: Shelf | None, *, cases: bool) -> None:
        self._folder, self._value_sets, self._shelf, self._cases = folder, value_sets, shelf, cases
        self._digests: dict[str, str | None] = {}

    def kept(self, file: Path) -> Entry | None:
        """Return what is on the shelf for a file."""
        name, text = file.relative_to(self._folder).as_posix(), file.read_bytes()
        return self._shelf.get(name, text, self._digest) if self._shelf else None

    def entry(self, file: Path) -> Entry:
        """Return the entry of a file, checked if it was not before; raises FaultyFile."""
        if kept := self.kept(file):
            return kept
        name, text = file.relative_to(self._folder).as_posix(), file.read_bytes()
        try:
            policy, data = _checked(text.decode(), name, self._value_sets, file.parent, cases=self._cases)
        except UnicodeDecodeError:
            raise FaultyFile([Fault(name, 1, "not a text in UTF-8", "save it as UTF-8")]) from None
        if self._shelf is None:
            return Entry.of(policy, _weighed(data))
        packed = Packed.of(data, {one: self._value_sets[one] for one in value_sets_named(data)}, _trees(policy))
        entry = Entry.of(policy, _weighed(data), packed.open)
        depends = {one: self._digest(one) or "" for one in _named(data, file.parent.name)}
        self._shelf.put(name, text, entry, packed, depends)
        return entry

    def _digest(self, name: str) -> str | None:
        """Return the digest of a file of the folder, read once."""
        if name not in self._digests:
            file = self._folder / name
            self._digests[name] = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
        return self._digests[name]


def _weighed(data: dict[str, Any]) -> str:
    """Return the digest of all that weighing depends on; value sets are the same files for all."""
    aside = {"cases", "expires", "status", "owner", "approved", "published-at"}
    weighed = {key: value for key, value in data.items() if key not in aside}
    return "" if value_sets_named(data) else hashlib.sha256(write_json(weighed)).hexdigest()


def _trees(policy: Policy) -> dict[str, Any]:
    """Return all expressions of a policy, parsed."""
    return {expression: tree(expression) for expression in policy.expressions}


def _named(data: dict[str, Any], folder: str) -> set[str]:
    """Return the files beside its own that a policy's data were made of."""
    tables = {
        f"{folder}/{row['table'].rpartition('/')[2].partition(':')[0]}" for row in data["decisions"] if "table" in row
    }
    return tables | {f"{VALUE_SETS}/{name}.yaml" for name in value_sets_named(data)}


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
    return _checked(text, file, value_sets or {}, tables, cases=cases)[0]


def _checked(
    text: str, file: str, value_sets: ValueSets, tables: Path | None, *, cases: bool
) -> tuple[Policy, dict[str, Any]]:
    """Return the policy, and the data that it was made of with its tables' rows in their place."""
    document = read_yaml(text, file)
    _refuse(document, schema_findings(document.data))
    expanded = with_tables(document, tables, row_faults)
    _refuse(expanded, contradictions(expanded, value_sets))
    policy = policy_from(expanded.data, value_sets)
    if cases:
        _refuse(expanded, _failing_cases(policy))
    return policy, expanded.data


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
            said = f"case '{case.name}' expects {case.expect}; row {outcome.row} says {outcome.said}"
            why = why_otherwise(policy, case.expect, outcome)
            yield Finding(("cases", index), f"{said}{why}", "mend the case, or the row")
    for number in unreached(policy, reached):
        yield Finding(("decisions", number - 1), f"no case reaches row {number}", "add one to 'cases'")


def unreached(policy: Policy, reached: Collection[int]) -> Iterator[int]:
    """Yield the rows, counted from 1, that no case reaches; of a table one reached row speaks for all."""
    tables = {row.table.partition(":")[0] for n, row in enumerate(policy.rows, 1) if row.table and n in reached}
    for number, row in enumerate(policy.rows, start=1):
        if number not in reached and not (row.table and row.table.partition(":")[0] in tables):
            yield number
