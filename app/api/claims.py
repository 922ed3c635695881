"""PAS's door: a request is submitted."""

from dataclasses import replace

from flask import Blueprint, Response, g

from app import admission, intake
from app.api.client import the_client
from app.api.door import fhir, read_bytes
from app.current import the_service
from app.wiring import Service
from fhir_r4.generations import Generation
from fhir_r4.problems import Forbidden, Issue
from fhir_r4.wire import read_object
from prior_auth.parties import dated, spoken_for
from prior_auth.request_bundle import liberties, name_by_content
from prior_auth.submission import read_submission

door = Blueprint("claims", __name__, url_prefix="/fhir/<generation:generation>/Claim")
SUBMIT = (("Claim", "c"), ("Claim", "u"))


@door.post("/$submit")
def submit(generation: Generation) -> Response:
    """Answer what can be decided now; the same request again gets the same bytes."""
    return fhir(intake.answer(_asked(the_service(), generation)))


def _asked(service: Service, generation: Generation) -> intake.Request:
    """Read what is asked; Forbidden where the client may not speak for the provider."""
    client = the_client(*SUBMIT)
    body = read_bytes(service.config.fhir_limit_bytes)
    read = read_object(body)
    submission = read_submission(read, lenient=not client.strict)
    if client.repeats_identifiers:
        submission = replace(submission, identifier=name_by_content(submission.bundle, generation))
    mine = spoken_for(submission, client.organizations)
    if mine is None:
        said = "the client is not registered for this provider"
        raise Forbidden(Issue("forbidden", said, f"{submission.claim.path}.provider"))
    noted = liberties(submission.bundle, submission.entries)
    noted += admission.admit_and_note(read, admission.SUBMIT, generation, strict=client.strict)
    asked = dated(mine, service.directory)
    return intake.Request(service, generation, client, asked, body, service.now(), g.get("request_id"), tuple(noted))
