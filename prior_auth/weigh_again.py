"""What becomes of a pended case when something has arrived for it, or has not come in time?

Weighed anew on all that is there. Software still only certifies, says what the plan excludes, or leaves it to a
person; an item that a reviewer holds stays the reviewer's, unless it was the form that was asked for.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from prior_auth.authorization import Authorization, Item, Move
from prior_auth.case_file import CaseFile
from prior_auth.decision import Basis, Decision, ReviewAction
from prior_auth.information import answered, lapsed
from prior_auth.weigh import Weighing, weigh_anew

LAPSED = "What was asked for has not come in time; a person decides on what is there."


def weigh_again(authorization: Authorization, file: CaseFile, weighing: Weighing) -> Authorization:
    """Return the authorization as the policies see it now; itself where they see nothing new."""
    moves = list(_moves(authorization, file, weighing))
    return authorization.revised(moves) if moves else authorization


def _moves(authorization: Authorization, file: CaseFile, weighing: Weighing) -> Iterator[tuple[Move, Item]]:
    for item in authorization.items:
        requested = file.item(item.sequence)
        if not item.waits or requested is None or _is_a_person_s(authorization, item):
            continue
        after = weigh_anew(item, requested, weighing)
        if not after.waits:
            yield Move.DECIDE, after
        elif after.decision.says_more_than(item.decision):
            yield Move.ASK, after


def _is_a_person_s(authorization: Authorization, item: Item) -> bool:
    asked_for_form = any(one.sequence == item.sequence and one.questionnaire for one in authorization.asks)
    return item.decision.basis is Basis.CLINICIAN and not asked_for_form


def arrived(authorization: Authorization, tracking: str | None, now: datetime) -> Authorization:
    """Return the authorization with what was asked for under this number answered; all of it where it is None."""
    return replace(authorization, asks=answered(authorization.asks, tracking, now))


def overdue(authorization: Authorization, now: datetime) -> Authorization:
    """Return the authorization with what did not come given up; the items wait for a person. Nothing is refused."""
    asks = lapsed(authorization.asks, now)
    late = {one.sequence for one, before in zip(asks, authorization.asks, strict=True) if one != before}
    waiting = [item for item in authorization.items if item.sequence in late and item.waits]
    if not waiting:
        return replace(authorization, asks=asks)
    moves = [(Move.ASK, replace(item, decision=_given_up(item, now))) for item in waiting]
    return replace(authorization.revised(moves), asks=asks)


def _given_up(item: Item, now: datetime) -> Decision:
    before = item.decision
    reason = f"{before.reason} {LAPSED}" if before.reason and LAPSED not in before.reason else LAPSED
    return replace(before, action=ReviewAction.PENDED, decided_at=now, reason=reason)
