"""PAS's other door: a case is asked about, by whoever may know of it."""

from functools import cache, partial

from flask import Blueprint, Response
from sqlalchemy import Connection

from app import admission
from app.api.client import the_client
from app.api.door import fhir, read_body
from app.current import the_service
from app.storage import authorizations
from app.wiring import Service, new_id
from fhir_r4.generations import Generation
from fhir_r4.problems import Issue
from prior_auth.answer import Writer
from prior_auth.authorization import Authorization
from prior_auth.case import Case
from prior_auth.inquire import Answer, Asker, OnFile, answers, asked_about
from prior_auth.inquiry import Inquiry, read_inquiry
from prior_auth.parties import BusinessError, zone_of
from prior_auth.submission import stored_submission
from rules.directory import Payer

door = Blueprint("inquiries", __name__, url_prefix="/fhir/<generation:generation>/Claim")
INQUIRE = (("Claim", "r"), ("Claim", "s"), ("ClaimResponse", "r"), ("ClaimResponse", "s"))


@door.post("/$inquire")
@door.post("/$inquiry")
def inquire(generation: Generation) -> Response:
    """Answer with what this client may know of the member's authorizations, as they are now."""
    service = the_service()
    client = the_client(*INQUIRE)
    body = read_body(service.config.fhir_limit_bytes)
    zone = partial(zone_of, directory=service.directory)
    inquiry = read_inquiry(body, lenient=not client.strict, zone_of=zone)
    admission.admit(body, admission.INQUIRE, generation, strict=client.strict)
    writer = Writer(generation, service.fhir_base(generation), service.now())
    known = asked_about(inquiry, service.directory)
    if isinstance(known, BusinessError):
        return fhir(writer.inquiry_error(known, inquiry, new_id()))
    cases, withheld = _cases(service, inquiry, *known, Asker(client.id, client.organizations))
    return fhir(writer.inquiry_answer(cases, inquiry, withheld))


def _cases(
    service: Service, inquiry: Inquiry, payer: Payer, numbers: list[str], asker: Asker
) -> tuple[list[Case], Issue | None]:
    """Return what answers the inquiry, and what is to be said of what does but is withheld."""
    with service.database.reading() as connection:
        held = authorizations.of_member(connection, payer.id, numbers)
        ever = authorizations.numbers_of(connection, [one.id for one in held]) if inquiry.by_number else {}
        found = [(one, answers(_on_file(connection, one, ever.get(one.id), payer), inquiry, asker)) for one in held]
        cases = [
            Case(one, stored_submission(authorizations.request_of(connection, one.id)), payer.time_zone)
            for one, answer in found
            if answer is Answer.TOLD
        ]
    return cases, _withheld(payer) if any(answer is Answer.WITHHELD for _, answer in found) else None


def _on_file(connection: Connection, one: Authorization, ever: frozenset[str] | None, payer: Payer) -> OnFile:
    known = frozenset({one.reference, one.number or one.reference}) | (ever or frozenset())
    return OnFile(one, known, cache(partial(_claim, connection, one.id)), payer.time_zone)


def _claim(connection: Connection, authorization_id: str) -> dict:
    return stored_submission(authorizations.request_of(connection, authorization_id)).claim.resource


def _withheld(payer: Payer) -> Issue:
    """Say that something is not told, and nothing of what it is (2.2.1 spec-49, -50)."""
    call = f" Please call {payer.phone}." if payer.phone else " Please call the insurer."
    return Issue("suppressed", f"Authorizations of this member are not shown to you.{call}", None, "warning")
