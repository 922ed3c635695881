"""PAS's door: a request is submitted, and asked about."""

from flask import Blueprint, Response, g, request

from app import intake
from app.api.door import fhir, read_body, read_bytes
from app.current import the_service
from app.security import bearer
from app.storage import authorizations
from app.storage.clients import Client
from app.wiring import Service
from fhir_r4.generations import Generation
from fhir_r4.problems import Forbidden, Issue
from fhir_r4.wire import read_object
from prior_auth.claim_response import Case, Writer
from prior_auth.inquire import Inquiry, answers, read_inquiry
from prior_auth.parties import speaks_for
from prior_auth.submission import read_submission, stored_submission
from rules.directory import Payer

door = Blueprint("claims", __name__, url_prefix="/fhir/<generation:generation>/Claim")
SUBMIT = (("Claim", "c"), ("Claim", "u"))
INQUIRE = (("Claim", "r"), ("Claim", "s"), ("ClaimResponse", "r"), ("ClaimResponse", "s"))


@door.post("/$submit")
def submit(generation: Generation) -> Response:
    """Answer what can be decided now; the same request again gets the same bytes."""
    return fhir(intake.answer(_asked(the_service(), generation)))


@door.post("/$inquire")
@door.post("/$inquiry")
def inquire(generation: Generation) -> Response:
    """Answer with what this client may know of the member's authorizations, as they are now."""
    service = the_service()
    client = bearer.require(service, request.headers.get("Authorization"), *INQUIRE)
    g.client_id = client.id
    inquiry = read_inquiry(read_body(service.config.fhir_limit_bytes))
    payer = service.directory.payer(inquiry.payer_identifiers)
    cases = _cases(service, inquiry, payer, client) if payer else []
    writer = Writer(generation, service.fhir_base(generation), service.now())
    return fhir(writer.inquiry_answer(cases, inquiry))


def _asked(service: Service, generation: Generation) -> intake.Request:
    """Read what is asked; Forbidden where the client may not speak for the provider."""
    client = bearer.require(service, request.headers.get("Authorization"), *SUBMIT)
    g.client_id = client.id
    body = read_bytes(service.config.fhir_limit_bytes)
    submission = read_submission(read_object(body))
    if not speaks_for(submission, client.organizations):
        said = "the client is not registered for this provider"
        raise Forbidden(Issue("forbidden", said, f"{submission.claim.path}.provider"))
    return intake.Request(service, generation, client, submission, body, service.now(), g.get("request_id"))


def _cases(service: Service, inquiry: Inquiry, payer: Payer, client: Client) -> list[Case]:
    with service.database.reading() as connection:
        numbers = [number for number in inquiry.member_ids if _is_the_person(service, payer, number, inquiry)]
        return [
            Case(one, stored_submission(authorizations.request_of(connection, one.id)), payer.time_zone)
            for one in authorizations.of_member(connection, payer.id, numbers)
            if answers(one, inquiry, client.id, client.organizations)
        ]


def _is_the_person(service: Service, payer: Payer, member_id: str, inquiry: Inquiry) -> bool:
    member = service.directory.member(payer, member_id)
    return member is not None and inquiry.birth_date in {None, member.birth_date.isoformat()}
