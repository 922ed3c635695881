"""What does a policy ask for, where answers are missing? Its form, once for each item.

Only where the decision depends on what a question of the form would tell: that is the minimum necessary (PAS, "Privacy
and Security"). A form that was sent complete is asked for all the same where the answer that decides is not in it: the
note says which, and a second time nobody asks but a person.
"""

from dataclasses import replace
from datetime import datetime

from prior_auth.authorization import Authorization, Item
from prior_auth.decision import Basis
from prior_auth.information import InformationRequest, Kind, due_by
from prior_auth.weigh import Knowledge
from rules.trace import Trace

BY_POLICY = "policy"


def with_forms_asked(authorization: Authorization, knowledge: Knowledge, now: datetime) -> Authorization:
    """Return the authorization with the policy's form asked for about each pended item whose answers are missing."""
    asks = [
        InformationRequest(
            id=knowledge.new_id(),
            sequence=item.sequence,
            tracking=knowledge.new_id(),
            kind=Kind.QUESTIONNAIRE,
            questionnaire=form,
            note=item.decision.reason,
            asked_by=BY_POLICY,
            asked_at=now,
            due_at=due_by(now, authorization.due_at),
        )
        for item in authorization.items
        if item.waits and (form := _form_of(item, knowledge)) and not _asked_before(authorization, item)
    ]
    return replace(authorization, asks=(*authorization.asks, *asks)) if asks else authorization


def _asked_before(authorization: Authorization, item: Item) -> bool:
    return any(one.sequence == item.sequence and one.questionnaire for one in authorization.asks)


def _form_of(item: Item, knowledge: Knowledge) -> str | None:
    """Return the canonical of the form that the policy wants, where what its questions would tell decides."""
    trace = Trace.from_json(item.decision.trace) if item.decision.basis is Basis.POLICY else None
    policy = knowledge.book.version(trace.policy, trace.version) if trace else None
    if trace is None or policy is None or policy.at_order_time.questionnaire is None:
        return None
    lacks = any(one.question for one in trace.missing)
    return knowledge.catalog.canonical(policy.at_order_time.questionnaire) if lacks else None
