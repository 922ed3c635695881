"""What becomes of a request while a payer's own systems do not answer? It is pended, and weighed once they do.

Nobody is refused for a system that is slow: neither as unknown, nor as not eligible (issue 7; PAS asks for an answer
in time, and pended is one).
"""

from dataclasses import replace
from datetime import datetime

from prior_auth.authorization import Authorization, Item, Move
from prior_auth.deadlines import decision_due
from prior_auth.decision import Basis, Decision, ReviewAction
from prior_auth.parties import BusinessError, Parties, requestors_of
from prior_auth.requested_item import RequestedItem
from prior_auth.submission import Submission
from prior_auth.weigh import Knowledge, OnFile, Weighing, weigh
from rules.directory import Payer

UNKNOWN_PLAN = "unknown"
_WAITS = "The insurer's own systems did not answer in time; the request is weighed as soon as they do."


def unanswered(submission: Submission, payer: Payer, knowledge: Knowledge, client: str, now: datetime) -> Authorization:
    """Return the case as it waits for an answer: every item pended, the member as the submitter names them."""
    return Authorization(
        id=knowledge.new_id(),
        reference=knowledge.new_number(),
        client=client,
        payer=payer.id,
        plan=UNKNOWN_PLAN,
        member_id=next(iter(submission.member_ids), ""),
        claim_identifiers=submission.claim_identifiers,
        npis=submission.npis,
        requestors=requestors_of(submission),
        received_at=now,
        due_at=decision_due(now, urgent=submission.urgent),
        urgent=submission.urgent,
        items=tuple(_pended(item, _WAITS, now) for item in submission.items),
        retrospective=any(item.starts and item.starts < payer.today(now) for item in submission.items),
        emergency=submission.emergency,
    )


def answered(
    waiting: Authorization,
    submission: Submission,
    known: Parties | BusinessError,
    on_file: OnFile,
    knowledge: Knowledge,
    now: datetime,
) -> Authorization:
    """Return the case once there is an answer: weighed, or with a person where we do not know whose it is.

    Only what is still pended moves: a person may have decided meanwhile.
    """
    if isinstance(known, BusinessError):
        items = [_pended(item, f"{known.say} A person looks at the request.", now) for item in submission.items]
        return _moved(replace(waiting, plan=UNKNOWN_PLAN), items)
    weighing = Weighing(
        forms=submission.forms,
        known=known,
        on_file=on_file,
        knowledge=knowledge,
        number=waiting.number or knowledge.new_number(),
        now=now,
        requestors=waiting.requestors,
        own=waiting.id,
        emergency=submission.emergency,
    )
    items = [weigh(item, weighing) for item in submission.items]
    return _moved(replace(waiting, plan=known.member.plan, member_id=known.member.member_id), items)


def _moved(waiting: Authorization, items: list[Item]) -> Authorization:
    moves = [
        (Move.ASK if item.decision.action is ReviewAction.PENDED else Move.DECIDE, item)
        for item in items
        if (before := waiting.item(item.sequence)) and before.decision.action is ReviewAction.PENDED
    ]
    return waiting.revised(moves)


def _pended(item: RequestedItem, reason: str, now: datetime) -> Item:
    decision = Decision(
        action=ReviewAction.PENDED,
        basis=Basis.PLAN,
        decided_by="the payer's own systems",
        decided_at=now,
        reason=reason,
    )
    return Item(item.sequence, item.codes, item.starts, item.ends, decision, item.asked)
