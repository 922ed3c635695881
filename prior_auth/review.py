"""What may a reviewer do? Decide about one item, ask for more, and take up again what was settled.

Nobody but a licensed clinician refuses or reduces care. What is settled changes only by a new event with a reason: it
is corrected, reopened (a peer-to-peer talk, an appeal) or extended; what stood before stays in the history.

Source: 42 CFR 422.566(d) (adverse medical necessity decisions); California Health and Safety Code 1367.01.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from fhir_r4.problems import Conflict, Issue, Unprocessable
from fhir_r4.resource import Coding
from fhir_r4.systems import X12_DECISION_REASON
from prior_auth.authorization import Authorization, Item, Move, Settled
from prior_auth.deadlines import decision_due
from prior_auth.decision import ADVERSE, GRANTED, Basis, Decision, ReviewAction, Service
from prior_auth.information import InformationRequest
from prior_auth.quantity import quantity_of
from rules.directory import Payer


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides. ``licence`` is ``STATE/NUMBER``; without one nothing can be refused."""

    name: str
    licence: str | None
    npi: str | None = None
    specialty: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reviewer says about one item of the case as they saw it.

    Attributes:
        seen: the version of the authorization on the reviewer's page.
        starts, ends: the days to certify, both included.
        move: decide what is pended; or correct, reopen, extend what is settled.
        quantity: how much is granted of an item that is modified or certified in part; None leaves it as asked.
        reason_code: of the payer's own table; None takes the first that fits.
    """

    sequence: int
    action: ReviewAction
    reason: str | None
    seen: int
    starts: date | None = None
    ends: date | None = None
    move: Move = Move.DECIDE
    quantity: Decimal | None = None
    reason_code: str | None = None


DECIDED = (
    ReviewAction.CERTIFIED,
    ReviewAction.PARTLY_CERTIFIED,
    ReviewAction.MODIFIED,
    ReviewAction.NOT_CERTIFIED,
)
OFFERED = {
    Move.DECIDE: DECIDED,
    Move.CORRECT: DECIDED,
    Move.REOPEN: (ReviewAction.PENDED,),
    Move.EXTEND: tuple(GRANTED),
}


def record(
    authorization: Authorization,
    verdict: Verdict,
    reviewer: Reviewer,
    number: str,
    now: datetime,
    payer: Payer | None = None,
) -> Authorization:
    """Return the authorization with the verdict on its item.

    Args:
        number: the authorization number to use where none was given yet.
        now: aware.
        payer: whose table of reasons is used.

    Raises:
        Conflict: the case has moved on since the reviewer's page was made, or the item is settled.
        Unprocessable: a verdict that is not one: no reason, no licence, no or an empty period.
    """
    item = _seen(authorization, verdict.sequence, verdict.seen)
    faults = list(_faults(verdict, reviewer, item))
    if faults:
        raise Unprocessable(*faults)
    granted = verdict.action in GRANTED
    decision = Decision(
        action=verdict.action,
        basis=Basis.CLINICIAN,
        decided_by=reviewer.name,
        decided_at=now,
        reason=verdict.reason,
        reason_codes=reason_codes(payer, verdict.action, verdict.reason_code),
        licence=reviewer.licence,
        reviewer_npi=reviewer.npi,
        reviewer_specialty=reviewer.specialty,
        starts=(verdict.starts or item.decision.starts) if granted else None,
        ends=verdict.ends if granted else None,
        number=(authorization.number or number) if granted else None,
        granted=_granted(verdict, item),
        trace=item.decision.trace if verdict.action is ReviewAction.PENDED else {},
    )
    if verdict.move is Move.REOPEN:  # what was granted of it stands while the rest is looked at again
        after = _made(authorization, verdict.move, item, decision.keeping(item.decision))
        return replace(after, due_at=decision_due(now, urgent=after.urgent))
    return _made(authorization, verdict.move, item, decision)


def ask(authorization: Authorization, wanted: InformationRequest, reviewer: Reviewer, seen: int) -> Authorization:
    """Return the authorization with the item still pended, and more asked for.

    Raises:
        Conflict: as ``record``; Unprocessable: nothing is asked for, or no note says why.
    """
    item = _seen(authorization, wanted.sequence, seen)
    if not (wanted.documents or wanted.questionnaire):
        raise Unprocessable(Issue("required", "choose what is asked for: documents or the form"))
    if not (wanted.note or "").strip():
        raise Unprocessable(Issue("required", "write what is needed and why"))
    decision = Decision(
        action=ReviewAction.PENDED,
        basis=Basis.CLINICIAN,
        decided_by=reviewer.name,
        decided_at=wanted.asked_at,
        reason=wanted.note,
        reason_codes=item.decision.reason_codes,
        trace=item.decision.trace,
    )
    after = _made(authorization, Move.ASK, item, decision.keeping(item.decision))
    return replace(after, asks=(*authorization.asks, wanted))


def reason_codes(payer: Payer | None, action: ReviewAction, chosen: str | None = None) -> tuple[Coding, ...]:
    """Return the payer's X12 886 code for an action: the chosen one, else the first that may be given with it."""
    if payer is None:
        return ()
    found = payer.reason(chosen) if chosen else payer.reason_for(action)
    return (Coding(X12_DECISION_REASON, found.code, found.text),) if found and action in found.actions else ()


def _seen(authorization: Authorization, sequence: int, seen: int) -> Item:
    if seen != authorization.version:
        raise Conflict(Issue("conflict", "the case has changed since this page was opened; look at it again"))
    item = authorization.item(sequence)
    if item is None:
        raise Unprocessable(Issue("not-found", "the case has no such item"))
    return item


def _made(authorization: Authorization, move: Move, item: Item, decision: Decision) -> Authorization:
    try:
        return authorization.make(move, item.sequence, decision)
    except Settled:
        raise Conflict(Issue("conflict", _NOT_FROM_HERE.get(move, "the item is not settled"))) from None


_NOT_FROM_HERE = {
    Move.DECIDE: "a final decision already stands on this item",
    Move.ASK: "a final decision already stands on this item",
    Move.EXTEND: "the item is not certified",
}


def _granted(verdict: Verdict, item: Item) -> Service | None:
    """Return what a modified item grants; an extension leaves it as it was."""
    if verdict.move is Move.EXTEND:
        return item.decision.granted
    return Service(quantity=verdict.quantity) if verdict.action in GRANTED - {ReviewAction.CERTIFIED} else None


def _faults(verdict: Verdict, reviewer: Reviewer, item: Item) -> Iterator[Issue]:
    if verdict.action not in OFFERED.get(verdict.move, ()):
        yield Issue("value", "choose what is decided: certify, a part, with changes, or not")
    if verdict.action in ADVERSE and not reviewer.licence:
        yield Issue("forbidden", "only a licensed clinician may refuse or reduce care")
    needs_reason = verdict.action in ADVERSE or verdict.move is not Move.DECIDE
    if needs_reason and not (verdict.reason or "").strip():
        yield Issue("required", "give a reason that the provider can act on")
    if verdict.move is Move.EXTEND:
        yield from _extension_faults(verdict, item)
    elif verdict.action in GRANTED:
        yield from _period_faults(verdict)
    if verdict.quantity is not None and verdict.quantity <= 0:
        yield Issue("value", "a quantity must be more than nothing")
    if verdict.action is ReviewAction.PARTLY_CERTIFIED and verdict.move is not Move.EXTEND:
        yield from _part_faults(verdict, item)
    if verdict.move is Move.DECIDE and item.decision.part:
        yield from _taken_back(verdict, item.decision)


def _part_faults(verdict: Verdict, item: Item) -> Iterator[Issue]:
    """A part is less than what is asked for: of the quantity, or of the days."""
    asked = quantity_of(item.asked)
    if verdict.quantity is not None and asked is not None and verdict.quantity >= asked:
        yield Issue("value", "what is certified in part must be less than what is asked for")
    shorter = (item.starts and verdict.starts and verdict.starts > item.starts) or (
        item.ends and verdict.ends and verdict.ends < item.ends
    )
    if verdict.quantity is None and not shorter:
        yield Issue("required", "say how much of it is certified, or for which of the days that are asked for")


def _taken_back(verdict: Verdict, before: Decision) -> Iterator[Issue]:
    """What is certified of an item already is not taken back by deciding about the rest."""
    stands = (before.part.quantity if before.part else None) or 0
    if verdict.action not in GRANTED:
        yield Issue("value", "a part of it is certified already; the rest is refused by certifying it in part")
    elif verdict.quantity is not None and verdict.quantity < stands:
        yield Issue("value", "certify no less than the part that is certified already")
    elif before.ends and verdict.ends and verdict.ends < before.ends:
        yield Issue("value", "certify no fewer days than the part is certified for already")


def _period_faults(verdict: Verdict) -> Iterator[Issue]:
    if not (verdict.starts and verdict.ends):
        yield Issue("required", "give the first and the last day to certify")
    elif verdict.ends < verdict.starts:
        yield Issue("value", "the last day must not be before the first")


def _extension_faults(verdict: Verdict, item: Item) -> Iterator[Issue]:
    if verdict.action is not item.decision.action:
        yield Issue("value", "an extension must leave the decision as it is")
    if verdict.ends is None or (item.decision.ends and verdict.ends <= item.decision.ends):
        yield Issue("value", "the new last day must be later than the one that stands")
