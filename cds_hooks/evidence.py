"""What do the policies that match want to know, and what is known of it?

Nothing is asked of the EHR before a member of ours and a policy for the order are found: what no matched policy asks
for is never read (HIPAA minimum necessary; CRD 2.0.1 #42).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from cds_hooks.circumstances import Circumstances
from cds_hooks.forms import question
from cds_hooks.insured import Insured
from cds_hooks.knowledge import Knowledge
from cds_hooks.known import Known
from cds_hooks.order import Order
from cds_hooks.performer import MOST, performing, role_searches
from cds_hooks.prefetch_facts import key
from cds_hooks.request import HookRequest
from fhir_r4.days import first_day
from fhir_r4.resource import Coding, as_dict, codings, contained, dicts, kind, local_reference, reference
from fhir_r4.systems import PLACE_OF_SERVICE
from rules.book import PolicyBook
from rules.evidence import Asked, Evidence
from rules.facts import Place
from rules.policy import Policy
from rules.ports import Standing
from rules.search import CODED, Search

_PERSON = ("subject", "patient")


@dataclass(frozen=True, slots=True)
class Matched:
    """A policy that is for an order under a coverage, and the code by which it was found."""

    policy: Policy
    code: Coding


def policy_for(order: Order, insured: Insured, day: date, book: PolicyBook) -> Matched | None:
    """Return the policy in force for an order under a coverage: one for its kind of order before any other.

    A code that only policies for other kinds have is not free of them: its request is weighed by its code alone.
    """
    payer, member = insured.payer, insured.member
    under = payer.enrolment(member.plan if member else None) if payer else None
    found = book.in_force(order.codes, day, under=under, order=kind(order.resource))
    found = found or book.in_force(order.codes, day, under=under)
    return Matched(*found) if found else None


def wanted_by_policies(
    orders: Iterable[Order],
    insured: Iterable[Insured],
    request: HookRequest,
    known: Known,
    knowledge: Knowledge,
    now: datetime,
) -> Iterator[str]:
    """Yield the searches of the policies that match, who their facts are about, and whether forms are there."""
    members = [one for one in insured if one.member and one.payer]
    for order in orders:
        for one in members if order.is_for(request.patient_id) else ():
            found = policy_for(order, one, order.day(one.zone) or one.today(now), knowledge.book)
            if found:
                asked = (_asked_for(search, request.patient_id, known) for search in found.policy.searches)
                yield from filter(None, asked)
                yield from _people(order, found.policy, known)
                yield from _reasons(order, found.policy, known)
                form = found.policy.at_order_time.questionnaire
                if form and not request.has_dtr and request.wants("claim"):
                    yield question(knowledge.catalog.canonical(form))


def _asked_for(search: Search, patient_id: str, known: Known) -> str | None:
    """Return what the EHR is asked for a search: nothing where it came by prefetch, of a Bundle where it goes on.

    A Bundle that holds as many as the policy looks at goes on to what nobody wants to know.
    """
    sent = key(search.written)
    if not known.sent(sent):
        return search.for_patient(patient_id)
    further = known.further(sent)
    if further is None:
        return None
    about = [one for one in known.all() if _is_about(one, f"Patient/{patient_id}", known)]
    return None if search.suffices(about) else further


def _people(order: Order, policy: Policy, known: Known) -> Iterator[str]:
    """Yield who orders and who performs, where a fact is about them."""
    if Place.REQUESTER in policy.places and order.requester:
        yield from role_searches(order.requester, known)
    for one in order.performers[:MOST] if Place.PERFORMER in policy.places else ():
        yield from role_searches(one, known)


def _reasons(order: Order, policy: Policy, known: Known) -> Iterator[str]:
    """Yield the Conditions for which it is ordered, where a fact is about the diagnoses."""
    every = [one for each in order.wanted for one in dicts(each.get("reasonReference"))]
    named = (known.local(target) for one in every if (target := reference(one)))
    targets = [one for one in named if one and one.startswith("Condition/") and known.find(one) is None]
    whence = (one for fact in policy.facts for one in fact.whence)
    if targets and any(one.place is Place.ORDER and one.what == "diagnoses" for one in whence):
        yield from targets


def evidence(
    order: Order,
    insured: Insured,
    matched: Matched,
    there: Circumstances,
    on_file: tuple[Standing, ...],
    patient_id: str,
    today: date,
) -> Evidence:
    """Return all that is known of an order, for the policy's facts."""
    known, service = there.known, order.day(insured.zone)
    return Evidence(
        authored=_written(order, insured.zone) or service or today,
        received=today,
        service=service,
        code=matched.code,
        records=there.records,
        order=order.wanted[0],
        asked=_asked(order, known),
        coverage=insured.coverage,
        patient=known.find(f"Patient/{patient_id}"),
        requester=there.requesters.get(order.requester or ""),
        performers=performing(order, there.performers, known),
        on_file=on_file,
        others=tuple([code for other in there.orders if other is not order for code in other.codes]),
    )


def unread(matched: Matched, known: Known, request: HookRequest) -> frozenset[str]:
    """Return the facts that a search might have told, had the EHR answered it."""
    if known.whole:
        return frozenset()
    return frozenset(
        fact.name
        for fact in matched.policy.facts
        if any(known.failed(_asked_for(search, request.patient_id, known) or "") for search in fact.searches)
    )


def records(orders: Iterable[Order], patient: str, known: Known) -> Iterator[dict]:
    """Yield what the EHR has of this patient; what is only now being ordered is no record."""
    ordered = {local_reference(each) for one in orders for each in one.wanted}
    for one in known.all():
        kept = kind(one) in CODED and one.get("status") != "draft" and local_reference(one) not in ordered
        if kept and _is_about(one, patient, known):
            yield one


def _is_about(resource: dict, patient: str, known: Known) -> bool:
    targets = [known.local(target) for name in _PERSON if (target := reference(resource.get(name)))]
    return targets == [patient]


def _asked(order: Order, known: Known) -> Asked:
    places = [one for each in order.wanted for concept in dicts(each.get("locationCode")) for one in codings(concept)]
    return Asked(
        quantity=next((found for one in order.wanted if (found := _quantity(one)) is not None), None),
        place_of_service=next((one.code for one in places if one.system == PLACE_OF_SERVICE), None),
        diagnoses=tuple([one for each in order.wanted for one in _diagnoses(each, known)]),
    )


def _diagnoses(resource: dict, known: Known) -> Iterator[Coding]:
    for concept in dicts(resource.get("reasonCode")):
        yield from codings(concept)
    for target in filter(None, map(reference, dicts(resource.get("reasonReference")))):
        condition = contained(resource, target) if target.startswith("#") else known.find(target) or {}
        yield from codings(condition.get("code"))


def _quantity(resource: dict) -> Decimal | None:
    holders = (resource.get("quantityQuantity"), as_dict(resource.get("dispenseRequest")).get("quantity"))
    for holder in holders:
        value: Any = as_dict(holder).get("value")
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
    return None


def _written(order: Order, zone: tzinfo) -> date | None:
    return first_day(map(order.resource.get, ("authoredOn", "dateTime", "dateWritten", "created")), zone)
