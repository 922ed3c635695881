"""What is said about one order under one coverage, and what is promised by it?

Pure: everything known of the world comes in as values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Required, TypedDict

from cds_hooks.circumstances import Circumstances
from cds_hooks.determination import Issue, Wanted, may_issue, nothing
from cds_hooks.evidence import Matched, evidence, policy_for, unread
from cds_hooks.insured import Insured
from cds_hooks.knowledge import Knowledge
from cds_hooks.order import Order
from cds_hooks.performer import pinned
from cds_hooks.request import HookRequest
from fhir_r4.coverage_information import (
    CONDITIONAL,
    INDETERMINATE,
    CoverageInformation,
    Detail,
    Reason,
    extension_2_0,
    extension_2_2,
    says_the_same,
)
from fhir_r4.generations import Generation
from fhir_r4.resource import Coding, kind, local_reference
from rules.assertion import CoverageAssertion
from rules.codes import can_be_billed
from rules.directory import Member, Plan
from rules.evaluate import Outcome
from rules.order_time import at_order_time, hangs_on
from rules.policy import Policy
from rules.ports import Standing
from rules.weigh import weigh as weigh_policy

_EXTENSION = {Generation.V2_0: extension_2_0, Generation.V2_2: extension_2_2}
_ON_FILE = "Prior authorization is on file."
_DETAIL = "detail-code"
_UNKNOWN_CODE = Coding("", "")


@dataclass(frozen=True, slots=True)
class Scene:
    """One call with all that is known: what does not change from order to order.

    Attributes:
        standing: the certified items of each member.
        now: the moment of the answer, aware.
        issue: makes an authorization where a policy's row says that the hook does.
    """

    request: HookRequest
    circumstances: Circumstances
    standing: Mapping[Member, tuple[Standing, ...]]
    knowledge: Knowledge
    now: datetime
    issue: Issue = nothing


@dataclass(frozen=True, slots=True)
class Weighed:
    """One order under one coverage: what is said of it, what that promises, and by which policy, weighed how.

    Attributes:
        unread: facts that the EHR might have told, had it answered.
    """

    order: Order
    insured: Insured
    assertion: CoverageAssertion
    information: CoverageInformation
    policy: Policy | None
    today: date
    outcome: Outcome | None = None
    unread: frozenset[str] = frozenset()

    def written(self, generation: Generation) -> dict:
        return _EXTENSION[generation](self.information)

    @property
    def is_of_a_service(self) -> bool:
        """Tell whether it is about what a plan can have a say in: an encounter that is begun names no service mostly.

        There coverage information may be left out (CRD 2.2.1 hook-16); asked at each visit for a billing code, people
        would read none of it.
        """
        visit = kind(self.order.resource) == "Encounter" and self.policy is None
        return not (visit and _DETAIL in self.information.info_needed)

    def is_news(self, written: dict) -> bool:
        """Tell whether the order does not carry this very statement, from a promise with half its life before it."""
        life = self.assertion.expires_on - self.today
        return not says_the_same(self.order.resource, written, since=self.today - life // 2)


class _Said(TypedDict, total=False):
    """What is said of an order, as the elements of CoverageInformation."""

    covered: Required[str]
    pa_needed: str | None
    doc_needed: tuple[str, ...]
    doc_purposes: tuple[str, ...]
    info_needed: tuple[str, ...]
    billing_codes: tuple[Coding, ...]
    reasons: tuple[Reason, ...]
    questionnaires: tuple[str, ...]
    details: tuple[Detail, ...]
    satisfied_pa_id: str


def weigh(order: Order, insured: Insured, scene: Scene) -> Weighed:
    """Say what holds for an order under a coverage; where that cannot be found out now, say so."""
    if not order.is_for(scene.request.patient_id):
        insured = replace(insured, member=None)
    member, payer = insured.member, insured.payer
    today = insured.today(scene.now)
    day = order.day(insured.zone) or today
    matched = policy_for(order, insured, day, scene.knowledge.book)
    policy, code = (matched.policy, matched.code) if matched else (None, _code_of(order))
    order = order.called(policy.title) if policy else order
    told = _told(order, insured, matched, today, scene)
    plan = payer.plan(member.plan) if payer and member else None
    said = _said(order, insured, day, told, code, plan, scene)
    expires = today + timedelta(days=plan.assertion_days if plan else 0)
    information = CoverageInformation(
        coverage=local_reference(insured.coverage),
        date=today,
        coverage_assertion_id=scene.knowledge.new_id(),
        dependencies=_dependencies(order, scene),
        phone=payer.phone if payer else None,
        expiry_date=expires if plan else None,
        **(said if scene.request.service.primary else _without_documents(said)),
    )
    assertion = CoverageAssertion(
        id=information.coverage_assertion_id,
        payer=payer.id if payer else "",
        plan=plan.id if plan else "",
        member_id=member.member_id if member else "",
        coverage=information.coverage,
        order=order.reference,
        code=code,
        policy=policy.id if policy else None,
        version=policy.version if policy else None,
        performers=pinned(order.performers),
        expires_on=expires,
    )
    outcome, lost = (told.outcome, told.unread) if told else (None, frozenset[str]())
    return Weighed(order, insured, assertion, information, policy, today, outcome, lost)


@dataclass(frozen=True, slots=True)
class _Told:
    """An order's policy, what is known for it when the order is written, what is not, and what it says to that."""

    wanted: Wanted
    matched: Matched
    outcome: Outcome
    unread: frozenset[str]


def _told(order: Order, insured: Insured, matched: Matched | None, today: date, scene: Scene) -> _Told | None:
    """Weigh the policy on what is known when the order is written; None where there is none, or nobody to weigh for."""
    if matched is None or insured.member is None:
        return None
    on_file, patient = scene.standing.get(insured.member, ()), scene.request.patient_id
    known = evidence(order, insured, matched, scene.circumstances, on_file, patient, today)
    lost = unread(matched, scene.circumstances.known, scene.request)
    return _Told(Wanted(order, insured, matched.code, known), matched, weigh_policy(matched.policy, known), lost)


def _said(
    order: Order, insured: Insured, day: date, told: _Told | None, code: Coding, plan: Plan | None, scene: Scene
) -> _Said:
    """Return what holds: what the directory lacks, else what the policy says, else what the plan says by default."""
    if not order.is_for(scene.request.patient_id):
        reason = Reason("The order is for another patient than the one for whom the hook was called.")
        return {"covered": INDETERMINATE, "reasons": (reason,)}
    if insured.unavailable:
        return {"covered": INDETERMINATE, "reasons": (Reason(_what_would_do(insured), "technical"),)}
    if missing := _not_a_member(insured, day):
        return missing
    if told is None:
        return _without_policy(order, insured, plan, scene)
    return _by_policy(told, _number_on_file(order, insured.member, code, day, scene), scene)


def _what_would_do(insured: Insured) -> str:
    """Say what the EHR did not give, and what would do in its stead: whether to ask again helps, only it can know."""
    if insured.payer is None:
        lost, instead = (
            "Whose coverage it is",
            "the payer's identifier in Coverage.payor, or its Organization sent along",
        )
    else:
        lost, instead = "The member's number", "Coverage.subscriberId, or the Patient sent along"
    return f"{lost} could not be read from the EHR; {instead}, would do."


def _not_a_member(insured: Insured, day: date) -> _Said | None:
    """Say what the directory does not have (CRD 2.2.1 resp-44, resp-45), or None."""
    if insured.member is None:
        reason = Reason("No member of this payer was found for this coverage.", "no-member-found")
    elif insured.over or not insured.member.covered(day):
        reason = Reason("The coverage is not active on the day of service.", "no-active-coverage")
    else:
        return None
    return {"covered": "not-covered", "reasons": (reason,)}


def _code_of(order: Order) -> Coding:
    """Return the code under which an order without a policy is known: one that it can be billed by, if it has one."""
    return next(iter((*_billed(order), *order.codes)), _UNKNOWN_CODE)


def _billed(order: Order) -> tuple[Coding, ...]:
    return tuple(filter(can_be_billed, order.codes))


def _without_policy(order: Order, insured: Insured, plan: Plan | None, scene: Scene) -> _Said:
    """Say what the plan says by default, if any of the codes is one that could have had a policy."""
    if not order.codes and _is_coded_elsewhere(order, scene):
        why = "What the order is for could not be read from the record; a code in the order itself would do."
        return {"covered": INDETERMINATE, "reasons": (Reason(why, "technical"),)}
    if not (billed := _billed(order)):
        reason = Reason("The plan could not look up what this is for; name a HCPCS or CPT code.", _DETAIL)
        return {
            "covered": CONDITIONAL,
            "pa_needed": CONDITIONAL,
            "info_needed": (_DETAIL,),
            "reasons": (reason,),
        }
    said: _Said = {"covered": "covered", "pa_needed": plan.otherwise if plan else None, "billing_codes": billed}
    if plan and insured.payer and scene.knowledge.book.knows(order.codes, insured.payer.enrolment(plan.id)):
        why = "The plan's policy for this code is of other days; a person looks at the request."
        return {**said, "pa_needed": "auth-needed", "reasons": (Reason(why),)}
    return {**said, "reasons": (Reason("The plan has no policy of its own for this code."),)}


def _is_coded_elsewhere(order: Order, scene: Scene) -> bool:
    """Tell whether the code stands in a resource that the EHR was asked for and did not give."""
    return any(map(scene.circumstances.known.failed, order.coded_by))


def _by_policy(told: _Told, number: str | None, scene: Scene) -> _Said:
    """Say what the policy says at order time, on the facts that are known by now."""
    policy, says = told.matched.policy, at_order_time(told.matched.policy, told.outcome)
    said: _Said = {
        "covered": says.covered,
        "billing_codes": policy.applies_to.billing_codes(told.matched.code),
        "details": tuple([Detail("policy-link", "Url", source.url) for source in policy.sources[:1]]),
    }
    if number and says.covered != "not-covered":
        return _satisfied(said, number)
    if told.unread and hangs_on(policy, told.outcome, told.unread):  # else a form asks for what was not read
        why = "The record could not be read in time; whether authorization is needed is not known."
        return {**said, "pa_needed": INDETERMINATE, "reasons": (Reason(why, "technical"),)}
    if says.issues and may_issue(scene.request) and (number := scene.issue(told.wanted)):
        return _satisfied(said, number)
    form = scene.knowledge.catalog.canonical(says.questionnaire) if says.questionnaire and says.doc_needed else None
    would = (Reason("What is known now would be enough to certify it."),) if says.issues else ()
    return {
        **said,
        "pa_needed": says.pa_needed,
        "doc_needed": says.doc_needed,
        "doc_purposes": says.doc_purposes,
        "info_needed": says.info_needed,
        "questionnaires": (form,) if form else (),
        "reasons": (Reason(says.reason or f"See the plan's policy: {policy.title}."), *would),
    }


def _satisfied(said: _Said, number: str) -> _Said:
    return {**said, "pa_needed": "satisfied", "satisfied_pa_id": number, "reasons": (Reason(_ON_FILE),)}


def _number_on_file(order: Order, member: Member | None, code: Coding, day: date, scene: Scene) -> str | None:
    """Return the number of what is certified already."""
    on_file = scene.standing.get(member, ()) if member else ()
    codes = (code, *order.codes)
    return next((one.number for one in on_file if any(one.satisfies(each, day) for each in codes)), None)


def _dependencies(order: Order, scene: Scene) -> tuple[str, ...]:
    """Return the other orders of this call that the order stands on."""
    beside = {one.reference for one in scene.circumstances.orders} - {order.reference} if order.based_on else ()
    return tuple(target for target in order.based_on if target in beside)


def _without_documents(said: _Said) -> _Said:
    """Leave out what is to be documented: at a secondary hook it is too early for that (CRD 2.2.1 hook-19)."""
    conditional = CONDITIONAL in {said["covered"], said.get("pa_needed")}
    kept: _Said = {**said, "doc_needed": (), "doc_purposes": (), "questionnaires": ()}
    return kept if conditional else {**kept, "info_needed": ()}
