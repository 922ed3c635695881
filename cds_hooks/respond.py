"""What do we answer? One coverage-information action for each order, and the cards that the policy has.

Pure: everything known of the world comes in as values.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from cds_hooks import cards
from cds_hooks.gather import Circumstances
from cds_hooks.request import HookRequest, Order
from fhir_r4.coverage_information import (
    CONDITIONAL,
    INDETERMINATE,
    CoverageInformation,
    Reason,
    extension_2_0,
    extension_2_2,
    says_the_same,
    with_extension,
)
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import Coding, kind, local_reference
from fhir_r4.systems import BILLING, canonical_system
from questionnaires.catalog import Catalog
from rules.assertion import CoverageAssertion
from rules.book import PolicyBook
from rules.directory import Plan
from rules.policy import Policy
from rules.ports import Standing

_EXTENSION = {Generation.V2_0: extension_2_0, Generation.V2_2: extension_2_2}
_UNKNOWN_CODE = Coding("", "")


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What goes back, and what we promised by it."""

    cards: tuple[dict, ...]
    system_actions: tuple[dict, ...]
    assertions: tuple[CoverageAssertion, ...]

    def to_json(self) -> dict:
        return {"cards": list(self.cards), "systemActions": list(self.system_actions)}


@dataclass(frozen=True, slots=True)
class _Weighed:
    order: Order
    assertion: CoverageAssertion
    information: CoverageInformation
    policy: Policy | None

    def written(self, generation: Generation) -> dict:
        return _EXTENSION[generation](self.information)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the payer brings to every answer: its policies, its forms, and how it names a new promise."""

    book: PolicyBook
    catalog: Catalog
    new_id: Callable[[], str]


def respond(
    request: HookRequest,
    circumstances: Circumstances,
    standing: tuple[Standing, ...],
    knowledge: Knowledge,
    today: date,
) -> HookAnswer:
    """Answer for all orders of the request.

    Args:
        standing: the member's certified items.
        today: the day in the payer's time zone.

    Raises:
        InvalidRequest: CRD 2.2 only, there is no Coverage with a payer of this installation (hook-13). Under
            2.0.1 that is answered with nothing.
    """
    if circumstances.coverage is None:
        return _nothing_to_say(request.generation)
    weighed = [_weigh(order, circumstances, standing, knowledge, today) for order in request.orders]
    wanted = request.configuration
    shown = _cards(request, circumstances, weighed) if wanted["guideline"] else []
    news = [one for one in weighed if not _known(one, request.generation, today)]
    said = news if wanted["coverage-info"] else []
    return HookAnswer(
        tuple(shown[: max(0, int(wanted["max-cards"]))]),
        tuple(_action(request, circumstances, one) for one in said),
        tuple(one.assertion for one in said),
    )


def _known(weighed: _Weighed, generation: Generation, today: date) -> bool:
    """Tell whether the order carries this very statement from a promise that has half its life before it."""
    life = weighed.assertion.expires_on - today
    return says_the_same(weighed.order.resource, weighed.written(generation), since=today - life // 2)


def _nothing_to_say(generation: Generation) -> HookAnswer:
    if generation is Generation.V2_2:
        rule = "one Coverage whose payer identifier is handled here (hook-13)"
        raise InvalidRequest(Issue("required", rule, "prefetch.coverage"))
    return HookAnswer((), (), ())


def _weigh(
    order: Order, known: Circumstances, standing: tuple[Standing, ...], knowledge: Knowledge, today: date
) -> _Weighed:
    day = order.day or today
    under = known.payer.enrolment(known.member.plan if known.member else None) if known.payer else None
    found = knowledge.book.in_force(order.codes, day, under=under, order=kind(order.resource))
    policy, code = found or (None, next(iter(order.codes), _UNKNOWN_CODE))
    plan = known.payer.plan(known.member.plan) if known.payer and known.member else None
    statement = CoverageInformation(
        coverage=local_reference(known.coverage or {}),
        covered=INDETERMINATE,
        date=today,
        coverage_assertion_id=knowledge.new_id(),
        reasons=(Reason("This could not be determined just now; please ask again.", "technical"),),
        phone=known.payer.phone if known.payer else None,
    )
    if not known.unavailable:
        statement = _not_a_member(statement, known, day) or _by_policy(
            statement, policy, code, _number_on_file(standing, code, day), knowledge, plan
        )
    expires = today + timedelta(days=plan.assertion_days if plan else 0)
    assertion = CoverageAssertion(
        id=statement.coverage_assertion_id,
        payer=known.payer.id if known.payer else "",
        plan=plan.id if plan else "",
        member_id=known.member.member_id if known.member else "",
        coverage=statement.coverage,
        order=order.reference,
        code=code,
        policy=policy.id if policy else None,
        version=policy.version if policy else None,
        performer=order.performer,
        expires_on=expires,
    )
    return _Weighed(order, assertion, replace(statement, expiry_date=expires) if plan else statement, policy)


def _not_a_member(statement: CoverageInformation, known: Circumstances, day: date) -> CoverageInformation | None:
    """Say what the directory does not have (CRD 2.2.1 resp-44, resp-45), or None."""
    if known.member is None:
        reason = Reason("No member of this payer was found under this number.", "no-member-found")
    elif not known.member.covered(day):
        reason = Reason("The coverage is not active on the day of service.", "no-active-coverage")
    else:
        return None
    return replace(statement, covered="not-covered", reasons=(reason,))


def _by_policy(
    statement: CoverageInformation,
    policy: Policy | None,
    code: Coding,
    number: str | None,
    knowledge: Knowledge,
    plan: Plan | None,
) -> CoverageInformation:
    """Say what the policy says at order time; where none has the code, what the plan says by default."""
    if policy is None and canonical_system(code.system) not in BILLING:
        reason = Reason("The plan could not look up the order's code; name a HCPCS or CPT code.")
        return replace(
            statement,
            covered=CONDITIONAL,
            pa_needed=CONDITIONAL,
            info_needed=("detail-code",),
            reasons=(reason,),
        )
    if policy is None:
        otherwise = plan.otherwise if plan else None
        reason = Reason("The plan has no policy of its own for this code.")
        return replace(statement, covered="covered", pa_needed=otherwise, reasons=(reason,))
    says = policy.at_order_time
    if number:
        reason = Reason("Prior authorization is on file.")
        return replace(
            statement,
            covered=says.covered,
            pa_needed="satisfied",
            satisfied_pa_id=number,
            billing_codes=(code,),
            reasons=(reason,),
        )
    return replace(
        statement,
        covered=says.covered,
        pa_needed=says.pa_needed,
        doc_needed=says.doc_needed,
        questionnaires=(knowledge.catalog.canonical(says.questionnaire),) if says.questionnaire else (),
        billing_codes=policy.applies_to.billing_codes(code),
        reasons=(Reason(says.reason or f"See the plan's policy: {policy.title}."),),
    )


def _number_on_file(standing: tuple[Standing, ...], code: Coding, day: date) -> str | None:
    return next((one.number for one in standing if one.satisfies(code, day)), None)


def _action(request: HookRequest, known: Circumstances, weighed: _Weighed) -> dict:
    """Return the system action: the very order received, with the extension added (CRD 2.2.1 resp-37)."""
    who = known.payer.name if known.payer else "the payer"
    return {
        "type": "update",
        "description": f"Add coverage information of {who} to the order",
        "resource": with_extension(weighed.order.resource, weighed.written(request.generation)),
    }


def _cards(request: HookRequest, known: Circumstances, weighed: list[_Weighed]) -> list[dict]:
    if known.payer is None:
        return []
    source = cards.source(known.payer, "guideline", "Guideline", request.generation)
    return [
        cards.guideline(one.policy.guideline, one.order.reference, source)
        for one in weighed
        if one.policy and one.policy.guideline and one.information.doc_needed
    ]
