"""What does CRD say of an order, once the policy is weighed on what is known when it is written?

A missing fact becomes ``info-needed`` (who, where, when) or ``doc-needed`` (clinical, administrative, the patient's
own). What the row that held has to say itself goes before all of this. Without authorization nothing is to be
documented, but what the plan asks for to another end: with the claim, with the order, in the record.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from rules.decisions import Row, Then
from rules.evaluate import Outcome
from rules.policy import AtOrderTime, Policy, one_or_more
from rules.trace import Need
from rules.wording import listed

_IN_WORDS = {
    Need.LOCATION: "the place of service, as CMS's code",
    Need.PERFORMER: "the performer, by NPI",
    Need.TIMEFRAME: "the day of service",
}
_CONDITIONAL, _SATISFIED = "conditional", "satisfied"


def at_order_time(policy: Policy, outcome: Outcome) -> AtOrderTime:
    """Return what is said, in the words of ext-coverage-information; ``info_needed`` goes with ``conditional`` only.

    Source: CRD 2.2.1, ext-coverage-information (q1 to q3: a questionnaire has doc-needed, what is not covered needs no
    authorization, conditional goes with info-needed).
    """
    said = _overridden(_by_outcome(policy, outcome), outcome.at_order_time)
    if said.covered == "not-covered":
        return replace(said, pa_needed=None, doc_needed=(), info_needed=(), questionnaire=None, doc_purposes=())
    if said.pa_needed == "no-auth" and said.doc_purposes:
        return replace(said, info_needed=())
    if said.pa_needed == "no-auth":
        return replace(said, doc_needed=(), info_needed=(), questionnaire=None)
    if _CONDITIONAL not in {said.covered, said.pa_needed}:
        return said
    why = said.reason or f"See the plan's policy: {policy.title}."
    if not said.info_needed:
        return replace(said, info_needed=("OTH",), reason=why)
    needed = listed([_IN_WORDS[Need(one)] for one in said.info_needed])
    return replace(said, reason=f"{why} To say more of this order, the plan needs {needed}.")


def hangs_on(policy: Policy, outcome: Outcome, facts: Collection[str]) -> bool:
    """Tell whether it depends on any of these missing facts if the order is covered, and if it needs authorization.

    Most rows certify or leave to a person: whichever of them holds, the order needs authorization. Only a row that has
    its own say at order time makes it another answer.
    """
    about = {criterion.name: criterion.facts for criterion in policy.criteria}
    asked: set[str] = set()  # on which it depends whether the rows are read as far down as this
    for row in policy.rows:
        wanted = row.asks_for(outcome.answers, outcome.facts, about)
        if wanted is None:
            continue
        asked |= wanted
        if _has_its_say(row) and not asked.isdisjoint(facts):
            return True
        if not wanted:
            break
    return False


def _has_its_say(row: Row) -> bool:
    return row.then in {Then.NOT_COVERED, Then.NO_AUTH} or not {"covered", "pa-needed"}.isdisjoint(row.at_order_time)


def _by_outcome(policy: Policy, outcome: Outcome) -> AtOrderTime:
    says = policy.at_order_time
    match outcome.then:
        case Then.NOT_COVERED if says.covered != "not-covered":
            return AtOrderTime(covered="not-covered", reason=outcome.say or says.reason)
        case Then.NO_AUTH:
            return AtOrderTime(covered=says.covered, pa_needed="no-auth", reason=outcome.say)
        case _ if says.pa_needed == "no-auth" or says.covered == "not-covered":
            return says
        case _:
            return _asking(says, outcome)


def _asking(says: AtOrderTime, outcome: Outcome) -> AtOrderTime:
    """Add what is missing. Where only the order itself is incomplete, the answer depends on it: conditional."""
    needs = {one.need for one in outcome.missing}
    information = tuple(sorted(str(need) for need in needs if need.is_information))
    documents = {str(need) for need in needs if not need.is_information and need is not Need.ADMIN}
    asked = tuple(sorted(documents.union(says.doc_needed)))
    if information:
        return replace(says, pa_needed=_CONDITIONAL, info_needed=information, doc_needed=asked)
    return says if asked == says.doc_needed else replace(says, doc_needed=asked)


def _overridden(said: AtOrderTime, row: Mapping[str, Any]) -> AtOrderTime:
    if not row:
        return said
    issues = row.get("pa-needed") == _SATISFIED  # until a number is issued, what the policy says holds
    changed = replace(
        said,
        covered=row.get("covered", said.covered),
        pa_needed=said.pa_needed if issues else row.get("pa-needed", said.pa_needed),
        doc_needed=one_or_more(row.get("doc-needed", said.doc_needed)),
        questionnaire=row.get("questionnaire", said.questionnaire),
        reason=row.get("reason", said.reason),
        issues=issues,
        doc_purposes=one_or_more(row.get("doc-purpose", said.doc_purposes)),
    )
    conditional = _CONDITIONAL in {changed.covered, changed.pa_needed}
    return changed if conditional else replace(changed, info_needed=())
