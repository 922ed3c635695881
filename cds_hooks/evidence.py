"""What do the policies that match want to know, that only the EHR can tell?

Nothing is asked for before a member of ours and a policy for the order are found: what no matched policy asks for
is never read (HIPAA minimum necessary; CRD 2.0.1 #42).
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from cds_hooks.forms import question
from cds_hooks.insured import Insured
from cds_hooks.knowledge import Knowledge
from cds_hooks.known import Known
from cds_hooks.order import Order
from cds_hooks.request import HookRequest
from fhir_r4.resource import Coding, kind, reference
from rules.book import PolicyBook
from rules.facts import Place
from rules.policy import Policy


def wanted_by_policies(
    orders: Iterable[Order],
    insured: Iterable[Insured],
    request: HookRequest,
    known: Known,
    knowledge: Knowledge,
    now: datetime,
) -> Iterator[str]:
    """Yield the searches of the policies that match, who orders where they ask, and whether forms are there already."""
    orders, insured = tuple(orders), tuple(insured)
    yield from (one for one in requesters_wanted(orders, insured, knowledge, now) if known.find(one) is None)
    members = [one for one in insured if one.member and one.payer]
    for order in orders:
        for one in members:
            found = policy_for(order, one, order.day or now.date(), knowledge.book)
            if found:
                yield from (search.for_patient(request.patient_id) for search in found[0].searches)
            form = found[0].at_order_time.questionnaire if found else None
            if form and not request.has_dtr and request.wants("claim"):
                yield question(knowledge.catalog.canonical(form))


def requesters_wanted(
    orders: Iterable[Order], insured: Iterable[Insured], knowledge: Knowledge, now: datetime
) -> Iterator[str]:
    """Yield who orders, where a policy that matches asks about them."""
    members = [one for one in insured if one.member and one.payer]
    for order in orders:
        found = (policy_for(order, one, order.day or now.date(), knowledge.book) for one in members)
        asked = any(one[0].asks_of(Place.REQUESTER) for one in found if one)
        if asked and (target := reference(order.resource.get("requester"))):
            yield target


def policy_for(order: Order, insured: Insured, day: date, book: PolicyBook) -> tuple[Policy, Coding] | None:
    """Return the policy for an order under a coverage, and the code by which it was found."""
    payer, member = insured.payer, insured.member
    under = payer.enrolment(member.plan if member else None) if payer else None
    return book.in_force(order.codes, day, under=under, order=kind(order.resource))
