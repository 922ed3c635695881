"""A prior authorization, and the only moves that it can make.

Each item moves by itself; the header is what the items are. Where the arrows start and end stands in ``_MOVES``::

    pended ------decide---> certified A1, certified in part A2, modified A6, not certified A3, not required NA
    pended ------ask------> pended A4        more is asked for, or what was asked for has not come
                                             (in part, the rest pended: A4 that grants something already)
    any but A3 --update---> weighed anew     by the provider; a denied item takes no update
    any but A3 --cancel---> cancelled C      by the provider
    settled -----correct--> another decision by a person, with a reason
    settled -----reopen---> pended           by a person: a peer-to-peer talk, an appeal
    certified ---extend---> certified longer by a person

Software never refuses or reduces care on medical necessity: such a ``Decision`` cannot be built without a
clinician's name, licence and reason (decisions.md §5), and the database refuses its row as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fhir_r4.resource import Coding, Identifier
from fhir_r4.systems import code_key
from prior_auth.decision import GRANTED, SETTLED, Decision, ReviewAction, Service
from prior_auth.information import InformationRequest
from prior_auth.quantity import quantity_of
from rules.ports import Standing


class Move(StrEnum):
    """What can happen to an item; the word under which it stands in the history."""

    DECIDE = "decided"
    ASK = "information-asked"
    UPDATE = "updated"
    CANCEL = "cancelled"
    CORRECT = "corrected"
    REOPEN = "reopened"
    EXTEND = "extended"


_A = ReviewAction
OPEN = frozenset(_A) - {_A.NOT_CERTIFIED, _A.CANCELLED}
_MOVES = {  # from where, to where
    Move.DECIDE: (frozenset({_A.PENDED}), SETTLED | {_A.CANCELLED}),
    Move.ASK: (frozenset({_A.PENDED}), frozenset({_A.PENDED})),
    Move.UPDATE: (OPEN, SETTLED | {_A.PENDED}),
    Move.CANCEL: (OPEN, frozenset({_A.CANCELLED})),
    Move.CORRECT: (SETTLED, SETTLED),
    Move.REOPEN: (SETTLED, frozenset({_A.PENDED})),
    Move.EXTEND: (GRANTED, GRANTED),
}


class Settled(Exception):
    """The item is not where this move starts: somebody else was first."""


@dataclass(frozen=True, slots=True)
class Item:
    """One service of the request.

    Attributes:
        sequence: the Claim's own; it stays through all updates and is echoed in every answer.
        asked: Claim.item as the submitter last wrote it; what is echoed comes from here.
    """

    sequence: int
    codes: tuple[Coding, ...]
    starts: date | None
    ends: date | None
    decision: Decision
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def waits(self) -> bool:
        return self.decision.action is ReviewAction.PENDED

    def days(self, received: datetime) -> tuple[date, date]:
        """Return the days that it is for: as granted, else as asked, else from the day on which it was received."""
        granted = (None, None) if self.waits else (self.decision.starts, self.decision.ends)
        starts = granted[0] or self.starts or received.date()
        unsaid = date.max if self.starts is None else starts
        return starts, max(starts, granted[1] or self.ends or unsaid)

    @property
    def standing(self) -> Standing | None:
        """Return what is certified of it, if anything."""
        decided = self.decision
        if not (decided.grants and decided.number and decided.starts and decided.ends):
            return None
        granted = decided.granted or Service()
        return Standing(
            number=decided.number,
            codes=granted.codes or self.codes,
            starts=decided.starts,
            ends=decided.ends,
            quantity=granted.quantity if granted.quantity is not None else quantity_of(self.asked) or Decimal(1),
            whole=decided.action is ReviewAction.CERTIFIED,
        )


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
        retrospective: asked for after the service began.
        emergency: the provider calls it an emergency (level of service 03).
        first_number: the authorization number, once there has been one.
        asks: what was asked for, in the order of asking, answered or not.
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
    retrospective: bool = False
    emergency: bool = False
    first_number: str | None = None
    asks: tuple[InformationRequest, ...] = ()

    def is_of(self, client: str, organizations: Iterable[Identifier]) -> bool:
        """Tell whether it is a client's own: it submitted it, or speaks for an organization that asked."""
        asked = {one.rpartition("|")[2] for one in self.requestors}
        return client == self.client or any(one.value in asked for one in organizations)

    @property
    def header(self) -> ReviewAction:
        """Return what the whole is: pended while anything is; A2 where what is left of the items differs."""
        said = {item.decision.action for item in self.items}
        done = {ReviewAction.CANCELLED}
        alive = said - done - {ReviewAction.NOT_REQUIRED} or said - done or said
        if ReviewAction.PENDED in alive:
            return ReviewAction.PENDED
        return next(iter(alive)) if len(alive) == 1 else ReviewAction.PARTLY_CERTIFIED

    @property
    def pended(self) -> bool:
        return self.header is ReviewAction.PENDED

    @property
    def number(self) -> str | None:
        """The authorization number, once something is certified; it lives on whatever becomes of that."""
        return self.first_number or next((item.decision.number for item in self.items if item.decision.number), None)

    def item(self, sequence: int) -> Item | None:
        return next((item for item in self.items if item.sequence == sequence), None)

    def decide(self, sequence: int, decision: Decision) -> "Authorization":
        """Return the authorization with ``decision`` in place of the item's pend; raises as ``make`` does."""
        return self.make(Move.DECIDE, sequence, decision)

    def make(self, move: Move, sequence: int, decision: Decision) -> "Authorization":
        """Return the authorization, one version on, with ``decision`` on that item.

        Raises:
            Settled: the item is not where the move starts: two reviewers, or a reviewer and a worker, may reach for
                the same case, and the first answer sent to a provider is the one that they act on.
            KeyError: there is no such item.
        """
        item = self.item(sequence)
        if item is None:
            raise KeyError(sequence)
        return self.revised([(move, replace(item, decision=decision))])

    def revised(self, changes: Iterable[tuple[Move, Item]]) -> "Authorization":
        """Return the authorization, one version on, with these items in place of those of their sequence, or added.

        Raises:
            Settled: as ``make`` does.
        """
        changed = {item.sequence: item for move, item in changes if self._allowed(move, item)}
        kept = tuple(changed.pop(item.sequence, item) for item in self.items)
        items = (*kept, *changed.values())
        return replace(self, items=items, version=self.version + 1, first_number=self.number)

    def _allowed(self, move: Move, item: Item) -> bool:
        before = self.item(item.sequence)
        starts, ends = _MOVES[move]
        if before and (before.decision.action not in starts or item.decision.action not in ends):
            raise Settled(f"item {item.sequence} is {before.decision.action}")
        return True

    def asks_for(self, code: Coding, starts: date, ends: date) -> bool:
        """Tell whether a live item of this case is for that service on any of these days."""
        wanted = code_key(code.system, code.code)
        return any(
            item.decision.action in GRANTED | {ReviewAction.PENDED}
            and any(code_key(own.system, own.code) == wanted for own in item.codes)
            and item.days(self.received_at)[0] <= ends
            and starts <= item.days(self.received_at)[1]
            for item in self.items
        )

    def standing(self) -> tuple[Standing, ...]:
        """Return what is certified: a hook may call satisfied what is so as a whole, and all of it counts as used."""
        return tuple(found for item in self.items if (found := item.standing))
