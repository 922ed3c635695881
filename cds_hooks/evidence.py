"""What do the policies that match want to know, that only the EHR can tell?

Nothing is asked for before a member of ours and a policy for the order are found: what no matched policy asks for
is never read (HIPAA minimum necessary; CRD 2.0.1 #42).
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime

from cds_hooks.forms import question
from cds_hooks.insured import Insured
from cds_hooks.knowledge import Knowledge
from cds_hooks.order import Order
from cds_hooks.request import HookRequest
from fhir_r4.resource import Coding, kind
from rules.book import PolicyBook
from rules.policy import Policy


def wanted_by_policies(
    orders: Iterable[Order], insured: Iterable[Insured], request: HookRequest, knowledge: Knowledge, now: datetime
) -> Iterator[str]:
    """Yield the searches of the policies that match, and whether the client has their forms."""
    members = [one for one in insured if one.member and one.payer]
    for order in orders:
        for one in members:
            found = policy_for(order, one, order.day or now.date(), knowledge.book)
            form = found[0].at_order_time.questionnaire if found else None
            if form and not request.has_dtr and request.wants("claim"):
                yield question(knowledge.catalog.canonical(form))


def policy_for(order: Order, insured: Insured, day: date, book: PolicyBook) -> tuple[Policy, Coding] | None:
    """Return the policy for an order under a coverage, and the code by which it was found."""
    payer, member = insured.payer, insured.member
    under = payer.enrolment(member.plan if member else None) if payer else None
    return book.in_force(order.codes, day, under=under, order=kind(order.resource))
