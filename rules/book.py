"""Which policy is in force for this code, these people and this day? Old versions stay readable."""

from collections.abc import Iterable, Iterator
from datetime import date

from fhir_r4.resource import Coding
from rules.codes import Key, Pattern, keys_of
from rules.entry import Entry
from rules.policy import Policy
from rules.scope import Enrolment


class PolicyBook:
    """All versions of all policies, found by code in constant time and opened when they are asked for.

    Args:
        lists: lines of the payer's lists (rules/lists.py): found before policies, and not among those that are read.
    """

    def __init__(self, policies: Iterable[Policy | Entry], lists: Iterable[Entry] = ()) -> None:
        entries = (one if isinstance(one, Entry) else Entry.of(one) for one in policies)
        self._versions = {(entry.id, entry.version): entry for entry in entries}
        self._lines = {(entry.id, entry.version): entry for entry in lists}
        self._by_key: dict[Key, list[tuple[Pattern, Entry]]] = {}
        for entry in (*self._versions.values(), *self._lines.values()):
            for pattern in entry.patterns:
                self._by_key.setdefault(pattern.key, []).append((pattern, entry))

    def __iter__(self) -> Iterator[Policy]:
        """Open all policies, one after another; ``entries`` tells what they are without opening any."""
        return (entry.open() for entry in self._versions.values())

    def __len__(self) -> int:
        return len(self._versions)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._versions.values())

    @property
    def lists(self) -> tuple[Entry, ...]:
        return tuple(self._lines.values())

    def entry(self, policy: str, version: str) -> Entry | None:
        return self._versions.get((policy, version)) or self._lines.get((policy, version))

    def in_force(
        self, codes: Iterable[Coding], on: date, *, under: Enrolment | None = None, order: str | None = None
    ) -> tuple[Policy, Coding] | None:
        """Return the policy for the first of ``codes`` that has one in force, and that code.

        Where several have the code, the highest priority wins; of one policy's versions the newest.

        Args:
            codes: as the order carries them; a system's other spellings count as that system.
            on: service date, else the day the order was written, else the day of receipt, in the plan's zone.
            under: whose policies; None where nobody is known: then any policy with the code.
            order: type of the resource that is ordered, where there is one.
        """
        for coding in codes:
            found = [
                entry
                for key in keys_of(coding)
                for pattern, entry in self._by_key.get(key, ())
                if pattern.holds(on)
                and entry.in_force(on)
                and (under is None or entry.scope.has(under))
                and (order is None or not entry.orders or order in entry.orders)
            ]
            if found:
                return max(found, key=lambda entry: entry.rank).open(), coding
        return None

    def knows(self, codes: Iterable[Coding], under: Enrolment) -> bool:
        """Tell whether any policy of theirs has any of these codes, in force or not."""
        found = (entry for one in codes for key in keys_of(one) for _, entry in self._by_key.get(key, ()))
        return any(entry.scope.has(under) for entry in found)

    def version(self, policy: str, version: str) -> Policy | None:
        """Return a version by name, in force or not: what was decided under it must stay explicable."""
        found = self.entry(policy, version)
        return found.open() if found else None
