"""PAS's door: a request is submitted, and asked about."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, g, request
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from app.api.door import fhir, read_body
from app.current import the_service
from app.security import bearer
from app.storage import authorizations, events, hooks
from app.storage.authorizations import Received
from app.storage.clients import Client
from app.wiring import Service, new_id, new_number
from fhir_r4.generations import Generation
from fhir_r4.problems import Conflict, Forbidden, Issue
from fhir_r4.wire import canonical, write_json
from prior_auth.authorization import Authorization
from prior_auth.claim_response import Case, Writer
from prior_auth.inquire import Inquiry, answers, read_inquiry
from prior_auth.submission import Submission, read_submission, stored_submission
from prior_auth.submit import BusinessError, Knowledge, OnFile, parties, speaks_for
from prior_auth.submit import submit as decide
from rules.directory import Payer

door = Blueprint("claims", __name__, url_prefix="/fhir/<generation:generation>/Claim")
SUBMIT = (("Claim", "c"), ("Claim", "u"))
INQUIRE = (("Claim", "r"), ("Claim", "s"), ("ClaimResponse", "r"), ("ClaimResponse", "s"))


@dataclass(frozen=True, slots=True)
class _Answer:
    authorization: Authorization | None
    body: bytes


@door.post("/$submit")
def submit(generation: Generation) -> Response:
    """Answer what can be decided now; the same request again gets the same bytes."""
    service, now = the_service(), the_service().now()
    client = bearer.require(service, request.headers.get("Authorization"), *SUBMIT)
    g.client_id = client.id
    submission = read_submission(read_body(service.config.fhir_limit_bytes))
    if not speaks_for(submission, client.organizations):
        said = "the client is not registered for this provider"
        raise Forbidden(Issue("forbidden", said, f"{submission.claim.path}.provider"))
    digest = _digest(generation, submission)
    with service.database.reading() as connection:
        before = authorizations.received_before(connection, client.id, submission.identifier)
    if before is None:
        answer = _decide(service, generation, client, submission, now)
        before = _keep(service, generation, client, submission, answer, digest, now)
    if before.digest != digest:
        said = "another body was sent under this identifier before"
        raise Conflict(Issue("duplicate", said, "Bundle.identifier"))
    return fhir(before.response)


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


def _digest(generation: Generation, submission: Submission) -> str:
    return hashlib.sha256(generation.encode() + canonical(submission.bundle)).hexdigest()


def _decide(service: Service, generation: Generation, client: Client, submission: Submission, now: datetime) -> _Answer:
    writer = Writer(generation, service.fhir_base(generation), now)
    known = parties(submission, service.directory, now)
    if isinstance(known, BusinessError):
        return _Answer(None, write_json(writer.error_bundle(known, submission, new_id())))
    with service.database.reading() as connection:
        ids = {one for item in submission.items for one in item.assertion_ids}
        on_file = OnFile(
            hooks.assertions_called(connection, ids),
            authorizations.standing(connection, known.payer.id, known.member.member_id),
        )
    edition = service.edition
    knowledge = Knowledge(edition.book, edition.catalog, new_id, new_number)
    authorization = decide(submission, known, on_file, knowledge, client.id, now)
    case = Case(authorization, submission, known.payer.time_zone)
    return _Answer(authorization, write_json(writer.response_bundle(case)))


def _keep(
    service: Service,
    generation: Generation,
    client: Client,
    submission: Submission,
    answer: _Answer,
    digest: str,
    now: datetime,
) -> Received:
    """Keep request, authorization, event and answer, all or nothing; whoever was first is returned."""
    received = Received(
        id=new_id(),
        client_id=client.id,
        transaction=submission.identifier,
        digest=digest,
        generation=generation,
        received_at=now,
        authorization_id=answer.authorization.id if answer.authorization else None,
        request=write_json(submission.bundle),
        response=answer.body,
    )
    try:
        with service.database.writing() as connection:
            jobs = _write(connection, received, answer, now)
    except IntegrityError:  # the same transaction came twice at once: the other one was first
        with service.database.reading() as connection:
            first = authorizations.received_before(connection, client.id, submission.identifier)
        if first is None:
            raise
        return first
    service.runner.wake(jobs)
    return received


def _write(connection: Connection, received: Received, answer: _Answer, now: datetime) -> list[int]:
    """Write all of it and return the jobs to be done once it is committed."""
    jobs = [authorizations.add(connection, answer.authorization)] if answer.authorization else []
    authorizations.keep_submission(connection, received)
    events.record(
        connection,
        "authorization.submitted" if answer.authorization else "submission.answered-with-error",
        actor=received.client_id,
        at=now,
        authorization_id=received.authorization_id,
        request_id=g.get("request_id"),
        submission=received.id,
    )
    return jobs


def _cases(service: Service, inquiry: Inquiry, payer: Payer, client: Client) -> list[Case]:
    numbers = [number for number in inquiry.member_ids if _is_the_person(service, payer, number, inquiry)]
    with service.database.reading() as connection:
        return [
            Case(one, stored_submission(authorizations.request_of(connection, one.id)), payer.time_zone)
            for one in authorizations.of_member(connection, payer.id, numbers)
            if answers(one, inquiry, client.id, client.organizations)
        ]


def _is_the_person(service: Service, payer: Payer, member_id: str, inquiry: Inquiry) -> bool:
    member = service.directory.member(payer, member_id)
    return member is not None and inquiry.birth_date in {None, member.birth_date.isoformat()}
