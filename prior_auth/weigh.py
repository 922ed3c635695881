"""What does the policy say of one item, on all that was sent for it?

An item is weighed by the policy that was promised at order time, else by the one in force; where none has the code,
by the plan's own default. What a policy does not certify waits for a person; software refuses nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

from fhir_r4.resource import Coding
from prior_auth.authorization import Authorization, Item
from prior_auth.decision import Basis, Decision, ReviewAction, Service
from prior_auth.evidence import evidence_of, part_of, unweighed, within
from prior_auth.forms_sent import Said, said_in
from prior_auth.parties import Parties
from prior_auth.quantity import quantity_of
from prior_auth.requested_item import Form, RequestedItem
from prior_auth.review import reason_codes
from questionnaires.catalog import Catalog
from rules.assertion import CoverageAssertion
from rules.book import PolicyBook
from rules.codes import can_be_billed
from rules.decisions import Then
from rules.evaluate import Outcome
from rules.periods import Span
from rules.policy import Policy
from rules.ports import Standing
from rules.weigh import weigh as weighed


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the payer brings to every request: policies, forms, and how new cases and numbers are named."""

    book: PolicyBook
    catalog: Catalog
    new_id: Callable[[], str]
    new_number: Callable[[], str]


@dataclass(frozen=True, slots=True)
class OnFile:
    """What the payer has promised and authorized before: for the orders of the request, for its member.

    ``elsewhere`` is what the payer's own systems have certified without us.
    """

    promises: tuple[CoverageAssertion, ...] = ()
    authorizations: tuple[Authorization, ...] = ()
    elsewhere: tuple[Standing, ...] = ()

    def standing(self, *, without: str | None) -> tuple[Standing, ...]:
        """Return all that is certified for the member, but for the case that is weighed."""
        others = (one for one in self.authorizations if one.id != without)
        return (*(standing for one in others for standing in one.standing()), *self.elsewhere)


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """All that an item is weighed with.

    Attributes:
        forms: all that were sent for the case, the newest of each supportingInfo.
        number: the authorization number, should anything be certified.
        requestors: who asks; what is on file for others is not told by its number.
        own: the id of the case that is weighed anew, if any.
        emergency: the provider says so.
    """

    forms: tuple[Form, ...]
    known: Parties
    on_file: OnFile
    knowledge: Knowledge
    number: str
    now: datetime
    requestors: frozenset[str] = frozenset()
    own: str | None = None
    emergency: bool = False

    @property
    def today(self) -> date:
        return self.known.payer.today(self.now)

    @cached_property
    def standing(self) -> tuple[Standing, ...]:
        """Return what is certified for the member otherwise."""
        return self.on_file.standing(without=self.own)


def weigh(item: RequestedItem, weighing: Weighing) -> Item:
    """Return the item, decided or pended."""
    found = _policy_for(item, weighing)
    if found is None:
        return Item(item.sequence, item.codes, item.starts, item.ends, _by_default(item, weighing), item.asked)
    policy, code, promise = found
    said = said_in(weighing.forms, policy, item, weighing.knowledge.catalog, weighing.now)
    outcome = weighed(policy, evidence_of(item, code, said.answers, weighing.known, weighing.standing, weighing.today))
    doubts = item.doubts if policy.line else (*item.doubts, *_doubts(policy, code, said, item, weighing))
    decision = _decision(outcome, _by(policy, outcome), item, doubts, (*outcome.notes, *said.notes), weighing)
    decision.trace.update(outcome.trace(promise=promise, notes=said.notes).to_json())
    return Item(item.sequence, (code,), item.starts, item.ends, decision, item.asked)


def weigh_anew(before: Item, item: RequestedItem, weighing: Weighing) -> Item:
    """Return an item that waits as it is seen now, with what was certified of it already.

    What would take that back is left to a person.
    """
    after = weigh(item, weighing)
    part, now = before.decision.part, after.decision.part
    if part is None or after.decision.action not in {ReviewAction.PENDED, ReviewAction.NOT_CERTIFIED}:
        return after
    if now and (now.quantity or 0) >= (part.quantity or 0):
        return after
    return replace(after, decision=replace(after.decision, action=ReviewAction.PENDED).keeping(before.decision))


def _by_default(item: RequestedItem, weighing: Weighing) -> Decision:
    """Say what the plan says of a service that no policy has: a person looks, or nothing needs to be asked."""
    plan = weighing.known.payer.plan(weighing.known.member.plan)
    by, book = f"plan {weighing.known.member.plan}", weighing.knowledge.book
    billed = bool(item.codes) and all(map(can_be_billed, item.codes))
    known = book.knows(item.codes, weighing.known.payer.enrolment(weighing.known.member.plan))
    unseen = (*item.doubts, *unweighed(item, None))
    if plan and plan.otherwise == "no-auth" and billed and not unseen and not known:
        return Decision(
            action=ReviewAction.NOT_REQUIRED,
            basis=Basis.PLAN,
            decided_by=by,
            decided_at=weighing.now,
            reason="The plan asks for no prior authorization of this service.",
        )
    reason = "The plan has no policy of its own for this service; a person looks at the request."
    doubts = (*unseen, *(said for code in item.codes[:1] for said in _twice(item, code, weighing)))
    return _pended(Basis.PLAN, by, " ".join((*doubts, reason)), weighing)


def _policy_for(item: RequestedItem, weighing: Weighing) -> tuple[Policy, Coding, str | None] | None:
    """Return the policy, the code it has, and the promise that pins its version, if any."""
    known, book = weighing.known, weighing.knowledge.book
    for promise in weighing.on_file.promises:
        if (
            promise.id in item.assertion_ids
            and promise.policy
            and promise.version
            and promise.payer == known.payer.id
            and promise.honoured(
                member_id=known.member.member_id,
                codes=item.codes,
                on=weighing.today,
                coverage=item.coverage,
                performers=item.performers,
            )
            and (pinned := book.version(promise.policy, promise.version))
        ):
            return pinned, promise.code, promise.id
    under = known.payer.enrolment(known.member.plan)
    found = book.in_force(item.codes, item.starts or item.authored, under=under)
    return (*found, None) if found else None


def _twice(item: RequestedItem, code: Coding, weighing: Weighing) -> Iterator[str]:
    """Say where the same service for the same days is on file under another request, once."""
    starts = item.starts or weighing.today
    for one in weighing.on_file.authorizations:
        if one.id != weighing.own and one.asks_for(code, starts, item.ends or starts):
            mine = not one.requestors.isdisjoint(weighing.requestors)
            said = f" under {one.number or one.reference}; update that one instead" if mine else " by somebody else"
            yield f"This service for these days is on file already: it was requested before{said}."
            return
    if any(one.satisfies(code, starts) for one in weighing.on_file.elsewhere):
        yield "This service for these days is on file already: it was authorized elsewhere."


def _after_the_fact(item: RequestedItem, weighing: Weighing) -> Iterator[str]:
    """Say where the service began before it was asked for; what was an emergency is told apart."""
    plan = weighing.known.payer.plan(weighing.known.member.plan)
    if item.starts and item.starts < weighing.today and (plan is None or plan.after_the_fact == "review"):
        kind = "emergency care" if weighing.emergency else "a service"
        yield f"The request comes after the fact, for {kind} that has begun; a person looks at it."


def _doubts(policy: Policy, code: Coding, said: Said, item: RequestedItem, weighing: Weighing) -> Iterator[str]:
    """Say what a person has to look at before anything is certified; a line of a list certifies nothing."""
    yield from unweighed(item, policy)
    yield from said.doubts
    yield from _twice(item, code, weighing)
    yield from _after_the_fact(item, weighing)


def _pended(basis: Basis, by: str, reason: str | None, weighing: Weighing) -> Decision:
    return Decision(
        action=ReviewAction.PENDED,
        basis=basis,
        decided_by=by,
        decided_at=weighing.now,
        reason=reason,
        reason_codes=reason_codes(weighing.known.payer, ReviewAction.PENDED),
    )


def _by(policy: Policy, outcome: Outcome) -> str:
    """Return by what it is decided: a row of a policy, or a line of a list."""
    file, _, line = (policy.line or "").rpartition(":")
    return f"{file}, line {line}" if file else f"policy {policy}, row {outcome.row}"


def _decision(
    outcome: Outcome, by: str, item: RequestedItem, doubts: tuple[str, ...], notes: tuple[str, ...], weighing: Weighing
) -> Decision:
    """Make the outcome a decision; where there is doubt, nothing is certified by software."""
    now = weighing.now
    match outcome.then:
        case Then.CERTIFY if outcome.period and not doubts and within(outcome, item):
            starts, ends = _days(outcome.period, item, weighing)
            return Decision(
                action=ReviewAction.CERTIFIED,
                basis=Basis.POLICY,
                decided_by=by,
                decided_at=now,
                reason=outcome.say,
                starts=starts,
                ends=ends,
                number=weighing.number,
            )
        case Then.NOT_COVERED if not item.doubts:  # what is not surely this service alone is not refused for it
            return Decision(
                action=ReviewAction.NOT_CERTIFIED,
                basis=Basis.PLAN,
                decided_by=by,
                decided_at=now,
                reason=outcome.say,
                reason_codes=reason_codes(weighing.known.payer, ReviewAction.NOT_CERTIFIED),
            )
        case Then.NO_AUTH if not doubts:
            return Decision(
                action=ReviewAction.NOT_REQUIRED, basis=Basis.PLAN, decided_by=by, decided_at=now, reason=outcome.say
            )
        case _:
            more = outcome.rest.say if outcome.rest and not within(outcome, item) else outcome.say
            said = " ".join(doubts) if doubts else more
            pend = _pended(Basis.POLICY, by, f"{said} ({'; '.join(notes)})" if notes else said, weighing)
            return pend if doubts else _in_part(pend, outcome, item, weighing)


def _in_part(pend: Decision, outcome: Outcome, item: RequestedItem, weighing: Weighing) -> Decision:
    """Return the pend with what the policy certifies of the item already; the rest is what waits."""
    part = part_of(outcome, item)
    if part is None or outcome.period is None:
        return pend
    starts, ends = _days(outcome.period, item, weighing)
    certified = f"{part.normalize():f} of {quantity_of(item.asked) or part:f} certified; the rest is pended."
    return replace(
        pend,
        reason=f"{certified} {pend.reason}" if pend.reason else certified,
        granted=Service(quantity=part),
        starts=starts,
        ends=ends,
        number=weighing.number,
    )


def _days(period: Span, item: RequestedItem, weighing: Weighing) -> tuple[date, date]:
    """Return the first and the last day to certify: as long as the policy says, and no longer than is asked for."""
    starts = item.starts or weighing.today
    granted = period.last_day(starts)
    return starts, min(granted, item.ends) if item.ends and item.ends > starts else granted
