"""What is spoken about, under whose coverage? All that an answer needs, from the prefetch, the EHR, the directory.

What is missing is asked of the EHR in rounds, all of a round at once: what one round brings may show what else is
wanted (a Coverage its payer, an order its Medication). What was asked for once is not asked for again.
"""

from collections.abc import Iterator
from datetime import datetime

from cds_hooks.circumstances import Circumstances
from cds_hooks.evidence import records, wanted_by_policies
from cds_hooks.insured import Insured, insured, is_over, member_numbers, patients_numbers, payors, same_person
from cds_hooks.knowledge import Knowledge
from cds_hooks.known import Known
from cds_hooks.order import ORDERS, basis, is_spoken_about, is_wanted, read_order
from cds_hooks.performer import dispatched_to, performers_of, requesters_of
from cds_hooks.prefetch import COVERAGE_QUERY
from cds_hooks.request import HookRequest
from fhir_r4.generations import Generation
from fhir_r4.order_codes import coded_by
from fhir_r4.problems import Issue, PreconditionFailed
from fhir_r4.resource import kind, local_reference, reference
from rules.directory import Member, Payer
from rules.ports import Directory, Ehr

ROUNDS = 4


def gather(request: HookRequest, ehr: Ehr, directory: Directory, knowledge: Knowledge, now: datetime) -> Circumstances:
    """Return what is known of the orders and of the patient's coverage.

    Raises:
        PreconditionFailed: the Coverage, or every order that was dispatched, came neither with the request nor from
            the EHR (CDS Hooks 2.0, 412). Never for what a record lacks (CRD 2.2.1 found-32).
    """
    known = Known(request)
    resources, coverages = _in_sight(request, known)
    for _ in range(ROUNDS):
        if not known.ask(ehr, _wanted(request, known, resources, coverages)):
            break
        resources, coverages = _in_sight(request, known)
    if request.hook == "order-dispatch" and not resources and any(map(known.failed, _named(request))):
        missing = "the dispatched orders came neither in the prefetch nor from the EHR's FHIR server"
        raise PreconditionFailed(Issue("not-found", missing, "context.dispatchedOrders"))
    orders = tuple(read_order(one, known.find, request.context.performer, local=known.local) for one in resources)
    found = (insured(one, request.patient_id, known, directory) for one in coverages)
    ours = _ours([one for one in found if one])
    if not ours and not known.sent("coverage") and known.failed(coverage_query(request)):
        missing = "Coverage came neither in the prefetch nor from the EHR's FHIR server"
        raise PreconditionFailed(Issue("not-found", missing, "prefetch.coverage"))
    for _ in range(2):  # a role may lead to a practitioner
        if not known.ask(ehr, wanted_by_policies(orders, ours, request, known, knowledge, now)):
            break
    return Circumstances(
        orders=orders,
        insured=ours,
        performers=performers_of(orders, known, directory),
        requesters=requesters_of(orders, known, directory, request.speakers),
        known=known,
        records=tuple(records(orders, f"Patient/{request.patient_id}", known)),
        unlisted=() if ours else tuple(_unlisted(request, known, directory, knowledge)),
    )


def coverage_query(request: HookRequest) -> str:
    return f"{COVERAGE_QUERY.replace('{{context.patientId}}', request.patient_id)}&_include=Coverage:payor"


def _in_sight(request: HookRequest, known: Known) -> tuple[list[dict], list[dict]]:
    """Return what is spoken about and the coverages, as far as they are known by now."""
    return list(_spoken_about(request, known)), _coverages(request, known)


def _wanted(request: HookRequest, known: Known, resources: list[dict], coverages: list[dict]) -> Iterator[str]:
    """Yield what is not known yet and is needed, as far as that can be seen by now."""
    if known.sent("coverage"):
        if further := known.further("coverage"):
            yield further
    else:
        yield coverage_query(request)
    yield from _wanted_of_person(request, known, coverages)
    for coverage in coverages:
        yield from (target for target in payors(coverage) if known.find(target) is None)
    yield from dispatched_to(request, known)
    if not request.service.ordering and (request.hook == "order-dispatch" or not known.none("encounter")):
        yield from (target for target in _named(request) if known.find(target) is None)
    for one in resources:
        behind = basis(one) if kind(one) not in ORDERS else ()
        needed = (*behind, *filter(None, (coded_by(held) for held in (one, *_found(known, behind)))))
        yield from (target for target in needed if known.find(target) is None)


def _named(request: HookRequest) -> tuple[str, ...]:
    """Return what the context names and the answer is about: what can be no order is not dispatched, nor read."""
    named = request.context.named
    return tuple(one for one in named if request.hook != "order-dispatch" or one.partition("/")[0] in ORDERS)


def _wanted_of_person(request: HookRequest, known: Known, coverages: list[dict]) -> Iterator[str]:
    """Yield the Patient where it was not sent, and the Coverage does not say its number by itself."""
    target = f"Patient/{request.patient_id}"
    if known.find(target) or known.none("patient") or any(map(member_numbers, coverages)):
        return
    if coverages or request.wants("insurance") or not known.sent("coverage"):
        yield target


def _found(known: Known, targets: tuple[str, ...]) -> Iterator[dict]:
    yield from (one for target in targets if (one := known.find(target)))


def _coverages(request: HookRequest, known: Known) -> list[dict]:
    """Return the patient's coverages, the primary first; one that names another Patient of the EHR's is theirs."""
    if known.none("coverage"):
        return []
    mine = {None, f"Patient/{request.patient_id}"}
    found = [one for one in known.of_kind("Coverage") if known.local(reference(one.get("beneficiary")) or "") in mine]
    every = [one for one in found if not is_over(one)] or found  # not every server searches by status
    return sorted(every, key=lambda one: one["order"] if isinstance(one.get("order"), int) else len(every))


def _ours(found: list[Insured]) -> tuple[Insured, ...]:
    """Return the coverages whose payer is ours, else the first whose payer could not be found out."""
    return tuple(one for one in found if one.payer) or tuple(found[:1])


def _unlisted(
    request: HookRequest, known: Known, directory: Directory, knowledge: Knowledge
) -> Iterator[tuple[Payer, Member]]:
    patient = known.find(f"Patient/{request.patient_id}") or {}
    if "birthDate" not in patient or not request.wants("insurance"):
        return
    for payer in knowledge.payers:
        for number in patients_numbers(patient):
            member = directory.member(payer, number)
            if member and same_person(member, patient):
                yield payer, member


def _spoken_about(request: HookRequest, known: Known) -> Iterator[dict]:
    """Yield the resources in scope; what is no order of ours, or is one no more, is left out.

    CRD 2.2.1 annotates the order behind an appointment in the appointment's stead.
    """
    context, seen = request.context, set[str]()
    if request.hook in {"order-sign", "appointment-book"}:
        in_scope = list(context.resources)
    elif request.hook == "order-select":
        in_scope = [one for one in context.resources if local_reference(one) in context.named]
    else:
        in_scope = list(_found(known, context.named))
    for resource in in_scope:
        for one in _targets(request, resource, known):
            if is_spoken_about(one) and is_wanted(one) and local_reference(one) not in seen:
                seen.add(local_reference(one))
                yield one


def _targets(request: HookRequest, resource: dict, known: Known) -> list[dict]:
    if request.generation is Generation.V2_2 and kind(resource) == "Appointment":
        orders = [one for one in _found(known, basis(resource)) if kind(one) in ORDERS]
        if orders:
            return orders
    return [resource]
