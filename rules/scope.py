"""For whom is a policy? Payers, lines of business, plans, products and states; whatever it does not name, all."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Under what somebody is insured; the payer by all its identifiers, as ``system|value``."""

    payer: frozenset[str]
    line_of_business: str | None = None
    plan: str | None = None
    product: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a policy names; an empty tuple is everything.

    Attributes:
        payers: identifiers as ``system|value``.
        plans: names of plans, ``*`` standing for any characters: ``ACME-MA-*``.
        states: two letters, as in an address.
    """

    payers: tuple[str, ...] = ()
    lines_of_business: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    def has(self, who: Enrolment) -> bool:
        """Tell whether the policy is for these people; what is not known of them is not what the policy names.

        >>> Scope(plans=("ACME-MA-*",)).has(Enrolment(frozenset(), plan="ACME-MA-HMO-2026"))
        True
        """
        return (
            (not self.payers or not who.payer.isdisjoint(self.payers))
            and (not self.lines_of_business or who.line_of_business in self.lines_of_business)
            and (not self.plans or any(fnmatchcase(who.plan or "", plan) for plan in self.plans))
            and (not self.products or who.product in self.products)
            and (not self.states or who.state in self.states)
        )

    def meets(self, other: "Scope") -> bool:
        """Tell whether somebody may be in both."""
        return (
            _share(self.payers, other.payers)
            and _share(self.lines_of_business, other.lines_of_business)
            and (not self.plans or not other.plans or any(_alike(a, b) for a in self.plans for b in other.plans))
            and _share(self.products, other.products)
            and _share(self.states, other.states)
        )


def _share(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    return not some or not others or not set(some).isdisjoint(others)


def _alike(one: str, other: str) -> bool:
    """Tell whether two plan names with stars may mean the same plan: their beginnings agree, and so do their ends."""
    if "*" not in one or "*" not in other:
        return fnmatchcase(one, other) or fnmatchcase(other, one)
    head, tail = min(one.index("*"), other.index("*")), min(len(one) - one.rindex("*"), len(other) - other.rindex("*"))
    return one[:head] == other[:head] and one[len(one) - tail + 1 :] == other[len(other) - tail + 1 :]
