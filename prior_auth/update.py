"""What becomes of an authorization when the provider changes, renews or cancels it?

Each item goes its own way: cancelled, weighed anew, added, or left as it is. The number lives on. A denied case takes
no update (PAS, "Additional Notes"), and one that was cancelled no further item: what is asked for again is a new
request. To cancel again changes nothing.

Source: PAS 2.0.1 and 2.2.1, "Prior Authorization Updates"; pas.md §3.3.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from fhir_r4.bundle import local_part
from fhir_r4.resource import extensions, identifier
from fhir_r4.systems import ITEM_TRACE_NUMBER
from prior_auth.ask import with_forms_asked
from prior_auth.authorization import OPEN, Authorization, Item, Move
from prior_auth.change import Change, Wish
from prior_auth.deadlines import decision_due
from prior_auth.decision import Basis, Decision, ReviewAction
from prior_auth.information import answered
from prior_auth.parties import BusinessError, requestors_of
from prior_auth.requested_item import RequestedItem
from prior_auth.submission import Submission
from prior_auth.weigh import Weighing, weigh, weigh_anew

NOT_FOUND, REFUSED = "AA", "33"


def prior_of(submission: Submission, change: Change, candidates: Iterable[Authorization]) -> Authorization | None:
    """Return which of the member's authorizations is changed; only one of the same organization's can be.

    Asked in the order of trust: numbers that we gave, the prior Claim's identifiers, our own ids, and last the
    identifiers and trace numbers that the new Claim has in common with an old one.
    """
    asking = requestors_of(submission)
    mine = [one for one in candidates if not one.requestors.isdisjoint(asking)]
    ids = {part.partition("/")[2] for target in change.targets if (part := local_part(target))}
    traces = {one for item in submission.items for one in _traces(item.asked)}
    questions: tuple[Callable[[Authorization], bool], ...] = (
        lambda one: not change.numbers.isdisjoint({one.number or "", one.reference}),
        lambda one: not change.identifiers.isdisjoint(one.claim_identifiers),
        lambda one: one.id in ids,
        lambda one: not set(submission.claim_identifiers).isdisjoint(one.claim_identifiers),
        lambda one: not traces.isdisjoint(trace for item in one.items for trace in _traces(item.asked)),
    )
    return next((one for asks in questions for one in mine if asks(one)), None)


def update(
    prior: Authorization, submission: Submission, change: Change, weighing: Weighing, *, news: bool
) -> Authorization | BusinessError:
    """Return the authorization as changed, or why the change is not taken; unchanged where nothing is new.

    Args:
        weighing: with the forms of all that was sent for the case, ``number`` the case's own where it has one.
        news: it brings a form that was not sent before.
    """
    cancels_again = change.cancels_all and any(item.decision.action is ReviewAction.CANCELLED for item in prior.items)
    if prior.header is ReviewAction.NOT_CERTIFIED and not cancels_again:
        say = "A request that was not certified takes no update; send a new request, or ask for a reconsideration."
        return BusinessError(REFUSED, "N", "2000E-UM02", change.path, say)
    if change.cancels_all:
        moves = [(Move.CANCEL, _cancelled(item, weighing)) for item in prior.items if item.decision.action in OPEN]
    else:
        if error := _fault(prior, submission):
            return error
        moves = [one for item in submission.items for one in _moved(prior, item, weighing, news=news)]
    if not moves:
        return prior
    after = _with_what_is_new(prior.revised(moves), prior, submission, moves, weighing.now)
    asks = answered(after.asks, None, weighing.now) if news else after.asks
    return with_forms_asked(replace(after, asks=asks), weighing.knowledge, weighing.now)


def _fault(prior: Authorization, submission: Submission) -> BusinessError | None:
    """Say where an item is changed that can no longer be."""
    for index, item in enumerate(submission.items):
        before, path = prior.item(item.sequence), f"{submission.claim.path}.item[{index}]"
        if before is None and item.wish is Wish.CANCELLED:
            return BusinessError(REFUSED, "C", "2000F-UM02", path, "The authorization has no item of this sequence.")
        if before is None and prior.header is ReviewAction.CANCELLED:
            say = "An authorization that was cancelled takes no further item; send a new request."
            return BusinessError(REFUSED, "N", "2000F-UM02", path, say)
        closed = before is not None and before.decision.action not in OPEN
        if closed and item.wish not in {Wish.CANCELLED, Wish.UNCHANGED}:
            say = "An item that was not certified, or was cancelled, takes no change; add it under a new sequence."
            return BusinessError(REFUSED, "N", "2000F-UM02", path, say)
    return None


def _moved(prior: Authorization, item: RequestedItem, weighing: Weighing, *, news: bool) -> Iterator[tuple[Move, Item]]:
    """Yield what happens to one item, if anything does; what is pended is weighed again where there is news."""
    before = prior.item(item.sequence)
    if before is None:
        yield Move.UPDATE, weigh(item, weighing)
    elif before.decision.action not in OPEN:
        return
    elif item.wish is Wish.CANCELLED:
        yield Move.CANCEL, _cancelled(before, weighing)
    elif item.wish is not Wish.UNCHANGED or _differs(before, item) or (news and before.waits):
        anew = item.wish is not Wish.UNCHANGED or _differs(before, item)
        after = weigh(item, weighing) if anew else weigh_anew(before, item, weighing)
        if anew or after.decision.says_more_than(before.decision):
            yield Move.UPDATE, after


def _differs(before: Item, item: RequestedItem) -> bool:
    """Tell whether an item that says nothing of itself asks for something else all the same."""
    names = ("productOrService", "modifier", "servicedDate", "servicedPeriod", "quantity")
    return any(before.asked.get(name) != item.asked.get(name) for name in names) if before.asked else False


def _cancelled(item: Item, weighing: Weighing) -> Item:
    decision = Decision(
        action=ReviewAction.CANCELLED,
        basis=Basis.PROVIDER,
        decided_by="the provider",
        decided_at=weighing.now,
    )
    return replace(item, decision=decision)


def _with_what_is_new(
    after: Authorization,
    prior: Authorization,
    submission: Submission,
    moves: Iterable[tuple[Move, Item]],
    now: datetime,
) -> Authorization:
    """Return it known by the new names as well; what is pended anew has a clock of its own, what was keeps its."""
    anew = any(item.decision.action is ReviewAction.PENDED for _, item in moves)
    due = decision_due(now, urgent=submission.urgent)
    return replace(
        after,
        claim_identifiers=tuple(dict.fromkeys((*submission.claim_identifiers, *prior.claim_identifiers))),
        npis=prior.npis | submission.npis,
        requestors=prior.requestors | requestors_of(submission),
        urgent=submission.urgent or (prior.urgent and prior.pended),
        due_at=(min(prior.due_at, due) if prior.pended else due) if anew else prior.due_at,
    )


def _traces(asked: dict) -> Iterator[object]:
    for one in extensions(asked, ITEM_TRACE_NUMBER):
        if found := identifier(one.get("valueIdentifier")):
            yield found
