"""What would a careful colleague say of a folder of policies before it is published? Every fault, and what is doubtful.

Faults refuse the whole folder; warnings do not: a source that has expired, a version that nobody approved.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from rules.entry import Entry
from rules.facts import Place, Whence
from rules.load import Progress, read_folder
from rules.overlaps import overlaps, shared
from rules.policy import Policy, Status
from rules.shelf import Shelf
from rules.yaml_lines import Document, Fault, Finding, read_yaml

STALE = timedelta(days=3 * 365)
"""A source whose edition was read so long ago is looked at again."""


Beside = Callable[[Policy], Iterator[Finding]]
"""What else is looked at, policy by policy, such as the form that goes with it."""


def check(
    folder: Path,
    today: date,
    shelf: Shelf | None = None,
    progress: Progress | None = None,
    beside: Beside = lambda _: iter(()),
    lists: Iterable[Entry] = (),
) -> list[Fault]:
    """Return every fault and warning of the folder's policies, value sets and tables, by file and line.

    Args:
        today: against which sources expire.
        beside: what it yields of a policy, drafts included, is told with its line.
        lists: lines of the payer's lists, which go before policies.
    """
    entries, faults = read_folder(folder, shelf, progress)
    found = [*faults, *overlaps(entries), *_unheard(lists, entries), *_unread(folder)]
    for entry in entries:
        if entry.status is Status.RETIRED or (entry.expires is not None and entry.expires < today):
            continue
        policy, document = entry.open(), read_yaml((folder / entry.file).read_text(encoding="utf-8"), entry.file)
        found += [document.fault(*finding) for finding in beside(policy)]
        if entry.status is Status.ACTIVE:
            found += _doubts(policy, document, today)
    return sorted(found, key=lambda fault: (fault.file, fault.line))


def _unread(folder: Path) -> Iterator[Fault]:
    """Yield a warning for each file that looks like a policy and stands where none is looked for."""
    read = set(folder.glob("*/*.yaml"))
    for file in sorted({*folder.rglob("*.yaml"), *folder.rglob("*.yml")} - read):
        place = file.relative_to(folder).as_posix()
        yield Fault(place, 1, "it is not read", "a policy is <id>/<version>.yaml in the folder", warning=True)


def _unheard(lists: Iterable[Entry], policies: Iterable[Entry]) -> Iterator[Fault]:
    """Yield a warning for each line of a list that a policy is silent for; some are meant so, and some forgotten."""
    level = [replace(one, priority=0) for one in (*lists, *policies)]
    told = set()
    for _, line, policy in shared(level):
        if line.line and not policy.line and (line.line, policy.id) not in told:
            told.add((line.line, policy.id))
            file, _, number = line.line.rpartition(":")
            say = f"{policy} is for the same code, people and days, and is not heard"
            yield Fault(file, int(number), say, "end the line, or the policy, where that is not meant", warning=True)


def _never_no(policy: Policy, document: Document) -> Iterator[Fault]:
    """Yield a warning where a row asks for the no of what only a record tells: finding nothing there says nothing."""
    found = {f"%{fact.name}" for fact in policy.facts if all(map(_is_there_or_not_known, fact.whence))}
    asked = {one.name: one.question.strip() for one in policy.criteria}
    for index, row in enumerate(document.data["decisions"]):
        for name, allowed in row.get("when", {}).items():
            if allowed in ("no", ["no"]) and asked[name] in found:
                say = f"'{name}' is never no: what a record does not have is missing"
                instead = "let the row ask for [no, missing], or a question of the form be asked first"
                yield document.fault(("decisions", index, "when", name), say, instead, warning=True)


def _is_there_or_not_known(whence: Whence) -> bool:
    return whence.place is Place.RECORD and whence.path is None


def _doubts(policy: Policy, document: Document, today: date) -> Iterator[Fault]:
    for index, source in enumerate(policy.sources):
        where = ("sources", index)
        if source.until and source.until < today:
            say = f"the source '{source.cite}' has expired"
            yield document.fault((*where, "until"), say, "read what is in its place, and cite that", warning=True)
        elif source.dated and source.dated + STALE < today:
            say = f"the edition of '{source.cite}' that was read is more than three years old"
            yield document.fault((*where, "dated"), say, "read it again, and date it anew", warning=True)
    yield from _never_no(policy, document)
    if not policy.identity.owner:
        yield document.fault(("policy",), "nobody owns it", "add 'owner'", warning=True)
    if not policy.identity.approved:
        say = "it is active and nobody has approved it"
        yield document.fault(("policy",), say, "add 'approved' with two people, or 'status: draft'", warning=True)
