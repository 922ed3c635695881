"""Which services does a plan exclude, and for which need nothing be asked? Two lists that the payer keeps as CSV.

``plan-exclusions.csv`` and ``no-authorization.csv`` stand in the data folder. Each line is for some codes, some plans
and some days, and says why, in the payer's words:

    system,code,from,to,reason,plans
    CPT,15824-15829,2026-01-01,,Excluded by the plan: surgery of the face for looks.,ACME-*

``system``, ``code``, ``from`` and ``reason`` are needed. ``to`` is the last day, by the day of service.
``lines-of-business``, ``plans``, ``products`` and ``states`` say for whom, several with ``|``, and ``payers``, several
with a blank, as an identifier has a ``|`` of its own; empty is everybody. ``url`` is where members read it.

A line is a policy of one row: it goes before all policies, and hook, look-up and request answer by it alike. It holds
whatever is known of the patient, so it can exclude what the plan does not buy, and never judge who needs what:
reasons that do are refused. A line that was at work is ended by ``to`` and never taken away: what was decided or
promised by it is explained by that very line.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from rules.codes import SYSTEMS, CodeSet, patterns
from rules.csv_lines import read_csv
from rules.decisions import Because, Row, Then
from rules.entry import Entry
from rules.need import speaks_of_need
from rules.overlaps import shared
from rules.policy import AppliesTo, AtOrderTime, Identity, Policy, Source, Status
from rules.read_codes import nearest
from rules.scope import Scope
from rules.yaml_lines import Fault, FaultyFile, told_by

EXCLUSIONS, NO_AUTHORIZATION = "plan-exclusions", "no-authorization"
TITLES = {
    EXCLUSIONS: "The plan's list of exclusions",
    NO_AUTHORIZATION: "The plan's list of services that need no authorization",
}
FILES = {f"{name}.csv": name for name in TITLES}
FIRST = 1_000
"""Priority of a line: policies have 100 at most."""
LONGEST = 50_000
_NEEDED = ("system", "code", "from", "reason")
_SCOPE = ("payers", "lines-of-business", "plans", "products", "states")
_COLUMNS = (*_NEEDED, "to", "url", *_SCOPE)
LINES_OF_BUSINESS = ("medicare-advantage", "medicaid", "chip", "qhp", "commercial")
_SAYS = {
    EXCLUSIONS: (Then.NOT_COVERED, Because.EXCLUDED, AtOrderTime("not-covered")),
    NO_AUTHORIZATION: (Then.NO_AUTH, None, AtOrderTime("covered", "no-auth")),
}


def read_lists(texts: Mapping[str, str]) -> list[Entry]:
    """Return the lines of the lists, each as the entry of a policy; ``texts`` are the files by name.

    Raises:
        FaultyFile: with every fault by file and line; no cell is quoted but a code.
    """
    entries: list[Entry] = []
    faults: list[Fault] = []
    for file, name in FILES.items():
        if file in texts:
            faults += _read(name, file, texts[file], entries)
    faults = faults or [*_contradictions(entries)]
    if faults:
        raise FaultyFile(faults)
    return entries


def _read(name: str, file: str, text: str, entries: list[Entry]) -> Iterator[Fault]:
    """Add the lines of one file to ``entries``; yield its faults."""
    columns, rows = read_csv(text, file, LONGEST)
    if wrong := list(_columns(columns)):
        yield from (Fault(file, 1, *one) for one in wrong)
        return
    seen: dict[str, int] = {}
    for line, cells in rows:
        written = {key: " ".join(value.split()) for key, value in cells.items()}
        try:
            entry = _entry(name, f"{file}:{line}", written)
        except ValueError as error:
            yield Fault(file, line, *told_by(error))
            continue
        if entry.version in seen:
            yield Fault(file, line, f"it says the same as line {seen[entry.version]}", "take one of them away")
        seen[entry.version] = line
        entries.append(entry)


def _columns(named: Iterable[str]) -> Iterator[tuple[str, str]]:
    for missing in sorted({*_NEEDED} - {*named}):
        yield f"no column {missing}", "add it"
    for unknown in sorted({*named} - {*_COLUMNS}):
        yield f"'{unknown}' is no column of a list", nearest(unknown, _COLUMNS)


def _entry(name: str, where: str, written: Mapping[str, str]) -> Entry:
    """Return the entry of one line; ValueError says what is wrong with it."""
    system = SYSTEMS.get(written["system"])
    if system is None:
        raise ValueError(f"the system is none; {nearest(written['system'], [*SYSTEMS])}")
    starts, ends = _day(written["from"], "from"), _day(written["to"], "to") if written.get("to") else None
    if len(written["reason"]) < len("Said."):
        raise ValueError("it gives no reason; write a sentence that members and providers are told")
    if speaks_of_need(written["reason"]):
        raise ValueError("a list says what the plan buys, not who needs it; write a policy that pends to a person")
    if written.get("url") and not written["url"].startswith("https://"):
        raise ValueError("the url is none; write it as https://…")
    if unknown := next((one for one in _several(written, "lines-of-business") if one not in LINES_OF_BUSINESS), None):
        raise ValueError(f"a line of business is none; {nearest(unknown, LINES_OF_BUSINESS)}")
    if not all(one.isalpha() and one.isupper() and len(one) == len("NY") for one in _several(written, "states")):
        raise ValueError("a state is none; write two letters, as in an address: NY")
    return _closed(name, where, written, (starts, ends), CodeSet(patterns(system, written["code"])))


def _closed(name: str, where: str, written: Mapping[str, str], days: tuple[date, date | None], codes: CodeSet) -> Entry:
    cells = {key: written.get(key, "") for key in _COLUMNS if key != "to"}
    version = hashlib.sha256("\n".join(cells.values()).encode()).hexdigest()[:16]
    scope = Scope(**{key.replace("-", "_"): _several(cells, key) for key in _SCOPE})
    return Entry(
        id=name,
        version=version,
        title=TITLES[name],
        status=Status.ACTIVE,
        effective=days[0],
        expires=days[1],
        scope=scope,
        priority=FIRST,
        patterns=codes.patterns,
        orders=frozenset(),
        questionnaire=None,
        asks=(),
        searches=(),
        digest=version,
        open=lambda: _policy(name, version, where, cells, days, scope, codes),
        line=where,
    )


def _policy(
    name: str,
    version: str,
    where: str,
    cells: Mapping[str, str],
    days: tuple[date, date | None],
    scope: Scope,
    codes: CodeSet,
) -> Policy:
    """Return the policy that a line is: one row, which asks nothing."""
    then, because, says = _SAYS[name]
    reason, url = cells["reason"], cells["url"]
    nothing: dict[str, Any] = {"guideline": None, "suggestions": (), "facts": (), "criteria": (), "cases": ()}
    return Policy(
        id=name,
        version=version,
        title=TITLES[name],
        identity=Identity(Status.ACTIVE),
        effective=days[0],
        expires=days[1],
        scope=scope,
        priority=FIRST,
        sources=(Source(TITLES[name], url),) if url else (),
        applies_to=AppliesTo(codes, written={cells["system"]: (cells["code"],)}),
        at_order_time=AtOrderTime(says.covered, says.pa_needed, reason=reason),
        rows=(Row({}, then, say=reason, because=because, table=where),),
        line=where,
        **nothing,
    )


def _contradictions(entries: Iterable[Entry]) -> Iterator[Fault]:
    """Yield where the plan would exclude what it asks nothing for."""
    told = set()
    for _, one, other in shared(entries):
        if one.line and one.id != other.id and one.line not in told:
            told.add(one.line)
            file, _, line = one.line.rpartition(":")
            say = f"{other.line} says otherwise of the same code, for the same people and days"
            yield Fault(file, int(line), say, "end one of them, or part their plans")


def _several(cells: Mapping[str, str], column: str) -> tuple[str, ...]:
    parts = cells.get(column, "").split(None if column == "payers" else "|")
    return tuple(filter(None, map(str.strip, parts)))


def _day(text: str, column: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{column}' is no day; write it as 2026-01-31") from None
