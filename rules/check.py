"""What would a careful colleague say of a folder of policies before it is published? Every fault, and what is doubtful.

Faults refuse the whole folder; warnings do not: a source that has expired, a version that nobody approved.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from rules.load import Progress, read_folder
from rules.overlaps import overlaps
from rules.policy import Policy, Status
from rules.shelf import Shelf
from rules.yaml_lines import Fault, read_yaml

STALE = timedelta(days=3 * 365)
"""A source whose edition was read so long ago is looked at again."""


def check(folder: Path, today: date, shelf: Shelf | None = None, progress: Progress | None = None) -> list[Fault]:
    """Return every fault and warning of the folder's policies, value sets and tables, by file and line.

    Args:
        today: against which sources expire.
    """
    entries, faults = read_folder(folder, shelf, progress)
    found = [*faults, *overlaps(entries)]
    for entry in entries:
        if entry.status is Status.ACTIVE and (entry.expires is None or entry.expires >= today):
            found += _doubts(entry.open(), folder / entry.file, today)
    return sorted(found, key=lambda fault: (fault.file, fault.line))


def _doubts(policy: Policy, file: Path, today: date) -> Iterator[Fault]:
    document = read_yaml(file.read_text(encoding="utf-8"), f"{policy.id}/{policy.version}.yaml")
    for index, source in enumerate(policy.sources):
        where = ("sources", index)
        if source.until and source.until < today:
            say = f"the source '{source.cite}' has expired"
            yield document.fault((*where, "until"), say, "read what is in its place, and cite that", warning=True)
        elif source.dated and source.dated + STALE < today:
            say = f"the edition of '{source.cite}' that was read is more than three years old"
            yield document.fault((*where, "dated"), say, "read it again, and date it anew", warning=True)
    if not policy.identity.owner:
        yield document.fault(("policy",), "nobody owns it", "add 'owner'", warning=True)
    if not policy.identity.approved:
        say = "it is active and nobody has approved it"
        yield document.fault(("policy",), say, "add 'approved' with two people, or 'status: draft'", warning=True)
