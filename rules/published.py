"""Is everything still there that was published? A published version never changes and never goes.

What was decided under a version, or promised by it, is explained and honoured by that very text. Cases may be added,
an end may be set, a version may be retired; whoever wants other rows, facts or codes gives them a version of their
own. A draft may change as often as its authors like.
"""

from dataclasses import replace

from rules.book import PolicyBook
from rules.entry import Entry
from rules.policy import Identity, Policy, Status
from rules.yaml_lines import Fault

_ANYBODY = Identity(Status.ACTIVE)


def unkept(before: PolicyBook, after: PolicyBook) -> list[Fault]:
    """Return a fault for each version of ``before`` that ``after`` has changed or left out."""
    published = (entry for entry in (*before.entries, *before.lists) if entry.status is not Status.DRAFT)
    return [fault for entry in published for fault in _unkept(entry, after.entry(entry.id, entry.version))]


def _unkept(entry: Entry, now: Entry | None) -> list[Fault]:
    if now is None and entry.line:
        file, _, line = entry.line.rpartition(":")
        say = "a line that was at work is gone or was changed"
        return [
            Fault(file, int(line), say, "put it back as it was; 'to' says when it ends, and a new line what is new")
        ]
    if now is None:
        return [Fault(entry.file, 1, f"{entry} was published and is gone", "put it back; 'expires' says when it ends")]
    same = bool(entry.line) or (bool(entry.digest) and entry.digest == now.digest)
    if not same and _weighed(entry.open()) != _weighed(now.open()):
        suggestion = "put it back, and give the change a version of its own"
        return [Fault(entry.file, 1, f"{entry} is published and never changes", suggestion)]
    return []


def _weighed(policy: Policy) -> Policy:
    """Return what cannot be changed: all but the author's examples, who answers for it, and how and when it ends."""
    return replace(policy, cases=(), expires=None, identity=_ANYBODY)
