"""Which policy is in force for this code, these people and this day? Old versions stay readable."""

from collections.abc import Iterable, Iterator
from datetime import date

from fhir_r4.resource import Coding
from rules.codes import Key, Pattern, keys_of
from rules.policy import Policy
from rules.scope import Enrolment


class PolicyBook:
    """All versions of all policies, found by code in constant time."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._versions = {(policy.id, policy.version): policy for policy in policies}
        self._by_key: dict[Key, list[tuple[Pattern, Policy]]] = {}
        for policy in sorted(self._versions.values(), key=_rank, reverse=True):
            for pattern in policy.applies_to.codes.patterns:
                self._by_key.setdefault(pattern.key, []).append((pattern, policy))

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._versions.values())

    def __len__(self) -> int:
        return len(self._versions)

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
                policy
                for key in keys_of(coding)
                for pattern, policy in self._by_key.get(key, ())
                if pattern.holds(on)
                and policy.in_force(on)
                and (under is None or policy.scope.has(under))
                and (order is None or not policy.applies_to.orders or order in policy.applies_to.orders)
            ]
            if found:
                return max(found, key=_rank), coding
        return None

    def knows(self, codes: Iterable[Coding], under: Enrolment) -> bool:
        """Tell whether any policy of theirs has any of these codes, in force or not."""
        found = (policy for one in codes for key in keys_of(one) for _, policy in self._by_key.get(key, ()))
        return any(policy.scope.has(under) for policy in found)

    def version(self, policy: str, version: str) -> Policy | None:
        """Return a version by name, in force or not: what was decided under it must stay explicable."""
        return self._versions.get((policy, version))


def _rank(policy: Policy) -> tuple[int, date, str, str]:
    return policy.priority, policy.effective, policy.version, policy.id
