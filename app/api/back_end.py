"""The payer's own systems' door: a decision comes back on a case that was handed over.

It is a clinician's verdict like one on the page: name, licence and reason where care is refused. Only the client that
the operator has named may bring one (``PRIORAUTH_BACK_END_CLIENT``). The interface is docs/back-end.md.
"""

from decimal import Decimal

from flask import Blueprint, Response, g

from app.api.client import the_client
from app.api.door import plain, read_body
from app.current import the_service
from app.storage import authorizations, events
from app.wiring import Service, new_number
from fhir_r4.problems import Conflict, Forbidden, InvalidRequest, Issue
from fhir_r4.resource import text_of
from prior_auth.authorization import Authorization
from prior_auth.decision import ReviewAction
from prior_auth.quantity import quantity_of
from prior_auth.request_bundle import day
from prior_auth.review import Reviewer, Verdict, record

door = Blueprint("back_end", __name__, url_prefix="/back-end")
_LIMIT = 100_000


@door.post("/decisions")
def decisions() -> Response:
    """Take a decision on one item of a case; the same one again changes nothing and is answered alike."""
    service = the_service()
    client = the_client(("ClaimResponse", "c"), ("ClaimResponse", "u"))
    if client.id != service.config.back_end_client:
        raise Forbidden("the client is not the payer's own back end")
    body = read_body(_LIMIT)
    case, verdict, reviewer = _read(body)
    try:
        after = _decide(service, case, verdict, reviewer)
    except Conflict:
        after = _told_before(service, case, verdict, reviewer)
    return plain({"case": after.id, "version": after.version, "number": after.number})


def _decide(service: Service, case: str, verdict: Verdict, reviewer: Reviewer) -> Authorization:
    now = service.now()
    with service.database.writing() as connection:
        before = authorizations.get(connection, case)
        after = record(before, verdict, reviewer, new_number(), now)
        jobs = authorizations.save(connection, before, after, now)
        events.record(
            connection,
            "authorization.decided",
            actor=g.client_id,
            at=now,
            authorization_id=case,
            request_id=g.get("request_id"),
            item=verdict.sequence,
            action=verdict.action,
            by=reviewer.name,
            version=after.version,
        )
    service.runner.wake(jobs)
    return after


def _told_before(service: Service, case: str, verdict: Verdict, reviewer: Reviewer) -> Authorization:
    """Return the case where this very decision stands on it already; else say again that it has moved on."""
    with service.database.reading() as connection:
        found = authorizations.find(connection, case)
    item = found.item(verdict.sequence) if found else None
    said = (verdict.action, reviewer.name, verdict.reason)
    if found and item and (item.decision.action, item.decision.decided_by, item.decision.reason) == said:
        return found
    raise Conflict(Issue("conflict", "the case has moved on since it was handed over; it is handed over again"))


def _read(body: dict) -> tuple[str, Verdict, Reviewer]:
    case, name, action = text_of(body.get("case")), text_of(body.get("decidedBy")), text_of(body.get("action"))
    whole = {name: body.get(name) for name in ("item", "version")}
    faults = [
        Issue("required", "a text is missing", where)
        for where, held in (("case", case), ("decidedBy", name))
        if not held
    ]
    faults += [
        Issue("value", "this must be a whole number", where) for where, held in whole.items() if type(held) is not int
    ]
    if action not in set(ReviewAction):  # None as well
        faults.append(Issue("value", "this must be an action of X12 306", "action"))
    quantity = _quantity(body.get("quantity"))
    if body.get("quantity") is not None and quantity is None:
        faults.append(Issue("value", "this must be a number", "quantity"))
    for where in ("starts", "ends"):
        if body.get(where) is not None and day(body[where]) is None:
            faults.append(Issue("value", "this must be a day, YYYY-MM-DD", where))
    if faults or case is None or name is None or action is None:
        raise InvalidRequest(*faults)
    verdict = Verdict(
        sequence=body["item"],
        action=ReviewAction(action),
        reason=text_of(body.get("reason")),
        seen=body["version"],
        starts=day(body.get("starts")),
        ends=day(body.get("ends")),
        quantity=quantity,
    )
    return case, verdict, Reviewer(name, text_of(body.get("licence")))


def _quantity(said: object) -> Decimal | None:
    return None if said is None else quantity_of({"quantity": {"value": said}})
