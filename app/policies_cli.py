"""What can policy staff do at the command line? ``priorauth policies``: check, test, explain, diff, simulate.

Heavy rooms are imported by the command that needs them.
"""
# ruff: noqa: PLC0415

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.config import Config
from app.options import DATA
from app.policies_at_terminal import cases, console, explanation, many, tell_simulation
from rules.book import PolicyBook
from rules.casework import casework, explain_case
from rules.check import Beside
from rules.contradictions import DAYS
from rules.difference import difference
from rules.entry import Entry
from rules.explain import Explanation
from rules.load import load_book
from rules.policy import Case, Policy
from rules.scope import Enrolment
from rules.yaml_lines import Fault, FaultyFile, Finding

_FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Of the policies; else PRIORAUTH_POLICIES.",
)
_FORMS = click.option(
    "--forms",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Forms that go with them; else PRIORAUTH_FORMS.",
)


@click.group()
def policies() -> None:
    """What the payer's policy staff write."""


@policies.command("check")
@_FOLDER
@_FORMS
@DATA
def check(folder: Path | None, forms: Path | None, data: Path | None) -> None:
    """Say all that is wrong or doubtful, where, and what to write. Exit code 1 where a fault is.

    Each policy is held to its form: what it weighs, the form asks, in its kind and unit. The payer's lists and gold
    cards in the data folder are read too. Warnings, such as a source that has expired, refuse nothing.
    """
    from app.clock import now
    from app.policies import SHELF
    from rules.check import check as found_in
    from rules.shelf import Shelf

    config, out = Config.from_env(data=data), console()
    where, read = folder or config.policies, 0
    with Console(stderr=True).status("reading policies") as status:

        def tell(count: int, of: int) -> None:
            nonlocal read
            read = of
            status.update(f"{count:,} of {of:,} policies read")

        plans, faulty_payers = _plans(config.data)
        beside, faulty_forms = _held_to(forms or config.forms, plans)
        shelf = Shelf(config.data / SHELF) if config.data.is_dir() else None
        lists, faulty_lists = _lists(config.data, plans)
        found = [*faulty_payers, *faulty_forms, *faulty_lists]
        found += found_in(where, now().date(), shelf, tell, beside, lists)
    for fault in found:
        colour = "yellow" if fault.warning else "red"
        hint = f"\n    {escape(fault.suggestion)}" if fault.suggestion else ""
        out.print(f"[{colour}]{escape(fault.file)}:{fault.line}[/]: {escape(fault.message)}{hint}", soft_wrap=True)
    faults = sum(not fault.warning for fault in found)
    if not read and not faults:
        raise click.ClickException(f"there is no policy in {where}: they are its <id>/<version>.yaml")
    counted = many(faults, "fault"), many(len(found) - faults, "warning")
    said = f"{many(read, 'policy', 'policies')} read: {', '.join(counted)}"
    out.print(f"[bold red]{said}[/]" if faults else f"[bold green]{said}[/]")
    if faults:
        raise SystemExit(1)


def _plans(data: Path) -> tuple[list[Enrolment], list[Fault]]:
    """Return who can be insured here, by payer.yaml, or what is wrong with it; nobody where there is none."""
    from app.payers import load_payers

    try:
        payers = load_payers(data / "payer.yaml") if (data / "payer.yaml").is_file() else ()
    except FaultyFile as faulty:
        return [], faulty.faults
    return [payer.enrolment(plan.id) for payer in payers for plan in payer.plans], []


def _lists(data: Path, plans: list[Enrolment]) -> tuple[list[Entry], list[Fault]]:
    """Return the lines of the payer's lists, or what is wrong with them."""
    from app.policies import payers_lists

    try:
        lines = payers_lists(data)[0]
    except FaultyFile as faulty:
        return [], faulty.faults
    return lines, list(_for_nobody(lines, plans))


_FOR_NOBODY = "no plan of payer.yaml is in its scope", "mend for whom it is, or payer.yaml"


def _for_nobody(lines: list[Entry], plans: list[Enrolment]) -> Iterator[Fault]:
    """Yield a warning for each line that no plan of this installation is in."""
    for one in lines:
        if plans and not any(map(one.scope.has, plans)):
            file, _, line = (one.line or "").rpartition(":")
            yield Fault(file, int(line), *_FOR_NOBODY, warning=True)


def _held_to(forms: Path, plans: list[Enrolment]) -> tuple[Beside, list[Fault]]:
    """Return what is said of a policy beside its form and the plans; of forms that cannot be read, their faults."""
    from app.policies import load_forms
    from questionnaires.drift import drifted

    def beside(policy: Policy) -> Iterator[Finding]:
        if catalog is not None:
            yield from drifted(policy, catalog)
        if plans and not any(map(policy.scope.has, plans)):
            yield Finding(("scope",), *_FOR_NOBODY, warning=True)

    try:
        catalog = load_forms(forms)
    except FaultyFile as faulty:
        catalog = None
        return beside, faulty.faults
    return beside, []


@policies.command("test")
@click.argument("names", nargs=-1, metavar="[POLICY]…")
@_FOLDER
def test(names: tuple[str, ...], folder: Path | None) -> None:
    """Run the policies' own cases. Exit code 1 when one goes otherwise, or a row is reached by none.

    POLICY is an id (all its versions) or ID@VERSION; without one, all policies are tested.
    """
    out, book = console(), _book(folder)
    chosen = [policy for name in names for policy in _named(book, name)] if names else list(book)
    done = [casework(policy) for policy in chosen]
    for one in done:
        out.print(cases(one))
    results = [result for one in done for result in one.results]
    wrong, unreached = sum(not one.passed for one in results), sum(len(one.unreached) for one in done)
    said = f"{many(len(done), 'policy', 'policies')}, {many(len(results), 'case')}: "
    if wrong or unreached:
        out.print(f"[bold red]{said}{wrong} not as expected, {many(unreached, 'row')} that no case reaches[/]")
        raise SystemExit(1)
    out.print(f"[bold green]{said}all as expected, every row is reached[/]")


@policies.command("explain")
@click.argument("name", required=False, metavar="POLICY")
@click.argument("case", required=False, type=click.Path(path_type=Path, dir_okay=False), metavar="CASE.json")
@click.option("--authorization", metavar="ID", help="Explain a stored case's decisions, by its id or number.")
@click.option("--who", help="With --authorization: who looks; it is recorded.")
@_FOLDER
@DATA
def explain(
    name: str | None,
    case: Path | None,
    authorization: str | None,
    who: str | None,
    folder: Path | None,
    data: Path | None,
) -> None:
    """Say why a case is decided as it is. Each fact, each criterion, each row is shown, and what follows.

    CASE.json holds facts by name, {"spo2": 88, "tested": "2026-02-20"}, as under 'given' of a policy's own cases.
    POLICY is an id (its newest version) or ID@VERSION. With --authorization a stored decision is explained instead;
    what it shows is the patient's.
    """
    out = console()
    if authorization and not who:
        raise click.UsageError("say --who looks: what is shown is the patient's, and the look is recorded")
    if authorization and who:
        for told in _stored(Config.from_env(data=data), authorization, who):
            out.print(told if isinstance(told, str) else explanation(told))
        return
    if not name or not case:
        raise click.UsageError("name a POLICY and a CASE.json, or an --authorization")
    policy = _named(_book(folder), name)[-1]
    out.print(explanation(explain_case(policy, _case(case, policy))))


@policies.command("diff")
@click.argument("name", metavar="POLICY")
@click.argument("old", required=False)
@click.argument("new", required=False)
@_FOLDER
def diff(name: str, old: str | None, new: str | None, folder: Path | None) -> None:
    """Say in sentences what is another between two versions. They are OLD and NEW; without them, the newest two."""
    book = _book(folder)
    versions = _named(book, name)
    if bool(old) != bool(new):
        raise click.UsageError("name both versions, or neither")
    if old and new:
        before, after = (_version(book, name, version) for version in (old, new))
    elif len(versions) > 1:
        before, after = versions[-2:]
    else:
        raise click.ClickException(f"{name} has one version only")
    out, told = console(), difference(before, after)
    out.print(f"[bold]{escape(after.title)}[/]: {escape(str(before))} → {escape(after.version)}")
    for changes in told:
        out.print(f"\n[bold]{escape(changes.section)}[/]")
        for sentence in changes.sentences:
            out.print(f"  • {escape(sentence)}")
    if not told:
        out.print("They say the same.")


@policies.command("simulate")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_FORMS
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only submissions received since this day (UTC).")
@click.option("--as-if-in-force", is_flag=True, help="Weigh by each policy's newest version, whatever its dates.")
@click.option("--ids", is_flag=True, help="Show the ids of all cases that would go otherwise.")
@DATA
def simulate(
    folder: Path, forms: Path | None, since: datetime | None, as_if_in_force: bool, ids: bool, data: Path | None
) -> None:
    """Say what other policies would have decided. FOLDER has them. Stored requests are weighed; nothing is changed."""
    from dataclasses import replace

    from app import simulation
    from app.policies import load_edition
    from app.wiring import build

    config = Config.from_env(data=data)
    service, out, report = build(config), console(), simulation.Report()
    edition = load_edition("simulated", folder, forms or config.forms, config.data)
    book = simulation.with_drafts(edition.book)
    edition = replace(edition, book=simulation.as_if_in_force(book) if as_if_in_force else book)
    start = since.replace(tzinfo=UTC) if since else None
    with service.database.reading() as connection:
        total = simulation.how_many(connection, start)
    columns = (TextColumn("weighing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("weighing", total=total)
        for done in simulation.simulate(service, edition, start, report):
            progress.update(task, completed=done)
    tell_simulation(out, report, every_id=ids)


def _stored(config: Config, identity: str, who: str) -> list[Explanation | str]:
    """Return how a policy last weighed each item, whoever decided after it, or what there is to say where none did.

    That ``who`` looked is recorded, or nothing is returned.
    """
    from app.explained import explained
    from app.storage import authorizations, events, worklist
    from app.wiring import build

    service = build(config)
    with service.database.writing() as connection:
        found = authorizations.find(connection, worklist.called(connection, identity) or identity)
        if found is None:
            raise click.ClickException("no authorization has this id or number")
        events.record(connection, "case.read", actor=who, at=service.now(), authorization_id=found.id)
        told: list[Explanation | str] = []
        weighed = authorizations.weighed(connection, found.id)
        for item in found.items:
            code = f" ({item.codes[0].code})" if item.codes else ""
            told.append(f"[bold]Item {item.sequence}{escape(code)}[/]: by {escape(item.decision.decided_by)}")
            one = explained(service, weighed.get(item.sequence, {}))
            told.append(one or "No policy weighed it.")
    return told


def _book(folder: Path | None) -> PolicyBook:
    return load_book(folder or Config.from_env().policies, cases=False)


def _named(book: PolicyBook, name: str) -> list[Policy]:
    """Return the policy's versions, oldest first; of ID@VERSION that one."""
    identity, _, version = name.partition("@")
    found = [one for one in book if one.id == identity and version in {"", one.version}]
    if not found:
        raise click.ClickException(f"no policy is called {name}")
    return sorted(found, key=lambda one: (one.effective, one.version))


def _version(book: PolicyBook, name: str, version: str) -> Policy:
    return _named(book, f"{name}@{version}")[0]


def _case(file: Path, policy: Policy) -> Case:
    try:
        given = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise click.ClickException(f"cannot read {file}: {(error.strerror or 'no file').lower()}") from None
    except ValueError:
        raise click.ClickException(f"{file} is not JSON in UTF-8") from None
    given = given.get("given", given) if isinstance(given, dict) else None
    if not isinstance(given, dict):
        raise click.ClickException(f"{file} is an object of facts by name")
    known = {fact.name for fact in policy.facts} | set(DAYS)
    if unknown := sorted(given.keys() - known):
        raise click.ClickException(f"no fact is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return Case(file.stem, given, "")
