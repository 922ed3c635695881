"""Which policy is in force for this code on this day? Old versions stay readable."""

from collections.abc import Iterable, Iterator
from datetime import date

from fhir_r4.resource import Coding
from fhir_r4.systems import code_key
from rules.policy import Policy


class PolicyBook:
    """All versions of all policies, found by code in constant time."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._versions = {(policy.id, policy.version): policy for policy in policies}
        self._by_code: dict[tuple[str, str], list[Policy]] = {}
        for policy in sorted(self._versions.values(), key=lambda one: (one.effective, one.version), reverse=True):
            for coding in policy.applies_to:
                self._by_code.setdefault(coding.key, []).append(policy)

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._versions.values())

    def __len__(self) -> int:
        return len(self._versions)

    def in_force(self, codes: Iterable[Coding], on: date) -> tuple[Policy, Coding] | None:
        """Return the policy for the first of ``codes`` that has one in force, and that code.

        Args:
            codes: as the order carries them; a system's other spellings count as that system.
            on: service date, else the day the order was written, else the day of receipt, in the plan's zone.
        """
        for coding in codes:
            for policy in self._by_code.get(code_key(coding.system, coding.code), ()):
                if policy.in_force(on):
                    return policy, coding
        return None

    def version(self, policy: str, version: str) -> Policy | None:
        """Return a version by name, in force or not: what was decided under it must stay explicable."""
        return self._versions.get((policy, version))
