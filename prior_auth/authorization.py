"""A prior authorization, and the only moves that it can make.

Each item moves by itself; the whole is what its items are::

    pended ---certify---> certified        A1  by a policy, or by a clinician
    pended ---modify----> modified         A6  by a clinician
    pended ---refuse----> not certified    A3  by a clinician; by the plan where it excludes the service
    pended ---cancel----> cancelled        C   by the provider
    certified, modified ---cancel---> cancelled

Software never refuses or reduces care on medical necessity: such a ``Decision`` cannot be built without a
clinician's name, licence and reason (decisions.md §5), and the database refuses its row as well.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from fhir_r4.resource import Coding, Identifier
from rules.ports import Standing


class ReviewAction(StrEnum):
    """What the payer says about one item: X12 code set 306, in PAS's extension-reviewActionCode."""

    CERTIFIED = "A1"
    PARTLY_CERTIFIED = "A2"
    NOT_CERTIFIED = "A3"
    PENDED = "A4"
    MODIFIED = "A6"
    CANCELLED = "C"


class Basis(StrEnum):
    """On whose word a decision stands."""

    POLICY = "policy"
    PLAN = "plan"
    CLINICIAN = "clinician"
    PROVIDER = "provider"


ADVERSE = frozenset({ReviewAction.PARTLY_CERTIFIED, ReviewAction.NOT_CERTIFIED, ReviewAction.MODIFIED})
_MOVES = {
    ReviewAction.PENDED: frozenset(ReviewAction) - {ReviewAction.PENDED},
    ReviewAction.CERTIFIED: frozenset({ReviewAction.CANCELLED}),
    ReviewAction.MODIFIED: frozenset({ReviewAction.CANCELLED}),
}


class Settled(Exception):
    """A final decision already stands on this item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about one item, by whom and why.

    Attributes:
        reason: a sentence for the provider; needed where the action is adverse or pends.
        decided_by: the policy and row, the plan, or the clinician's name.
        licence: the clinician's, ``STATE/NUMBER``.
        starts, ends: the days for which the item is certified, both included, in the plan's time zone.
        number: the authorization number; exactly where something is certified.
        trace: policy, version, row, each criterion's answer and each fact, as weighed.

    Raises:
        ValueError: adverse without a clinician, reason and licence, but for a plan's own exclusion (A3).
    """

    action: ReviewAction
    basis: Basis
    decided_by: str
    decided_at: datetime
    reason: str | None = None
    licence: str | None = None
    starts: date | None = None
    ends: date | None = None
    number: str | None = None
    trace: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.action in ADVERSE and not self.reason:
            raise ValueError("an adverse decision has a reason")
        excluded = self.basis is Basis.PLAN and self.action is ReviewAction.NOT_CERTIFIED
        if self.action in ADVERSE and not excluded and not (self.basis is Basis.CLINICIAN and self.licence):
            raise ValueError("care is refused or reduced by a licensed clinician only")
        if self.action is ReviewAction.CERTIFIED and not (self.number and self.starts and self.ends):
            raise ValueError("what is certified has a number and a period")


@dataclass(frozen=True, slots=True)
class Item:
    """One service of the request. ``sequence`` is the Claim's own and is echoed in every answer."""

    sequence: int
    codes: tuple[Coding, ...]
    starts: date | None
    ends: date | None
    decision: Decision


@dataclass(frozen=True, slots=True)
class Authorization:
    """One case, from its submission on.

    Attributes:
        id: opaque; the id of its ClaimResponse in all its versions.
        reference: the administration reference number, by which a pended case is asked about.
        client: who submitted it.
        npis: ordering and rendering providers, who may inquire beside the submitter.
        requestors: ``system|value`` of the organizations in whose name it was submitted; subscribers watch these.
        received_at, due_at: aware.
        version: counts changes, from 1.
    """

    id: str
    reference: str
    client: str
    payer: str
    plan: str
    member_id: str
    claim_identifiers: tuple[Identifier, ...]
    npis: frozenset[str]
    requestors: frozenset[str]
    received_at: datetime
    due_at: datetime
    urgent: bool
    items: tuple[Item, ...]
    version: int = 1

    @property
    def pended(self) -> bool:
        return any(item.decision.action is ReviewAction.PENDED for item in self.items)

    @property
    def number(self) -> str | None:
        """The authorization number, once something is certified."""
        return next((item.decision.number for item in self.items if item.decision.number), None)

    def decide(self, sequence: int, decision: Decision) -> "Authorization":
        """Return the authorization with ``decision`` on that item.

        Raises:
            Settled: a final decision already stands: two reviewers, or a reviewer and a worker, may reach for
                the same case, and the first answer sent to a provider is the one that they act on.
            KeyError: there is no such item.
        """
        item = next((item for item in self.items if item.sequence == sequence), None)
        if item is None:
            raise KeyError(sequence)
        if decision.action not in _MOVES.get(item.decision.action, frozenset()):
            raise Settled(f"item {sequence} is {item.decision.action}")
        changed = tuple(replace(one, decision=decision) if one is item else one for one in self.items)
        return replace(self, items=changed, version=self.version + 1)

    def standing(self) -> tuple[Standing, ...]:
        """Return what a hook may call satisfied: the certified items."""
        return tuple(
            Standing(decided.number, item.codes, decided.starts, decided.ends)
            for item in self.items
            if (decided := item.decision).action is ReviewAction.CERTIFIED
            and decided.number
            and decided.starts
            and decided.ends
        )
