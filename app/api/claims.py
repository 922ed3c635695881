"""PAS's door: a request is submitted, and asked about."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, g, request
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from app.api.door import fhir, read_body, read_bytes
from app.current import the_service
from app.security import bearer
from app.storage import authorizations, events, hooks
from app.storage.authorizations import Received
from app.storage.clients import Client
from app.wiring import Service, new_id, new_number
from fhir_r4.generations import Generation
from fhir_r4.problems import Conflict, Forbidden, Issue
from fhir_r4.wire import canonical, read_object, read_own, write_json
from prior_auth.authorization import Authorization
from prior_auth.claim_response import Case, Writer
from prior_auth.inquire import Inquiry, answers, read_inquiry
from prior_auth.request_bundle import unwrapped
from prior_auth.submission import Submission, read_submission, stored_submission
from prior_auth.submit import BusinessError, Knowledge, OnFile, parties, speaks_for
from prior_auth.submit import submit as decide
from rules.directory import Payer

door = Blueprint("claims", __name__, url_prefix="/fhir/<generation:generation>/Claim")
SUBMIT = (("Claim", "c"), ("Claim", "u"))
INQUIRE = (("Claim", "r"), ("Claim", "s"), ("ClaimResponse", "r"), ("ClaimResponse", "s"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A submission, by whom, in which generation and when; ``body`` is what came, byte for byte."""

    generation: Generation
    client: Client
    submission: Submission
    body: bytes
    now: datetime

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.generation.encode() + self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class _Answer:
    authorization: Authorization | None
    body: bytes


@door.post("/$submit")
def submit(generation: Generation) -> Response:
    """Answer what can be decided now; the same request again gets the same bytes."""
    service = the_service()
    asked = _asked(service, generation)
    with service.database.reading() as connection:  # one state of things for all that is looked up
        before = authorizations.received_before(connection, asked.client.id, asked.submission.identifier)
        found = before or _decide(service, asked)
    first = found if isinstance(found, Received) else _keep(service, asked, found)
    if not _the_same(asked, first):
        said = "another body was sent under this identifier before"
        raise Conflict(Issue("duplicate", said, "Bundle.identifier"))
    return fhir(first.response)


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


def _asked(service: Service, generation: Generation) -> _Asked:
    """Read what is asked; Forbidden where the client may not speak for the provider."""
    client = bearer.require(service, request.headers.get("Authorization"), *SUBMIT)
    g.client_id = client.id
    body = read_bytes(service.config.fhir_limit_bytes)
    submission = read_submission(read_object(body))
    if not speaks_for(submission, client.organizations):
        said = "the client is not registered for this provider"
        raise Forbidden(Issue("forbidden", said, f"{submission.claim.path}.provider"))
    return _Asked(generation, client, submission, body, service.now())


def _the_same(asked: _Asked, first: Received) -> bool:
    """Tell whether what came first is the same request, whatever its white space and order of keys."""
    if asked.digest == first.digest:
        return True
    bundle = unwrapped(read_own(first.request))
    return asked.generation == first.generation and canonical(asked.submission.bundle) == canonical(bundle)


def _decide(service: Service, asked: _Asked) -> _Answer:
    submission, now = asked.submission, asked.now
    writer = Writer(asked.generation, service.fhir_base(asked.generation), now)
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
    authorization = decide(submission, known, on_file, knowledge, asked.client.id, now)
    case = Case(authorization, submission, known.payer.time_zone)
    return _Answer(authorization, write_json(writer.response_bundle(case)))


def _keep(service: Service, asked: _Asked, answer: _Answer) -> Received:
    """Keep request, authorization, event and answer, all or nothing; whoever was first is returned."""
    received = Received(
        id=new_id(),
        client_id=asked.client.id,
        transaction=asked.submission.identifier,
        digest=asked.digest,
        generation=asked.generation,
        received_at=asked.now,
        authorization_id=answer.authorization.id if answer.authorization else None,
        request=asked.body,
        response=answer.body,
    )
    try:
        with service.database.writing() as connection:
            _write(connection, received, answer.authorization)
    except IntegrityError:  # the same transaction came twice at once: the other one was first
        with service.database.reading() as connection:
            first = authorizations.received_before(connection, asked.client.id, asked.submission.identifier)
        if first is None:
            raise
        return first
    return received


def _write(connection: Connection, received: Received, authorization: Authorization | None) -> None:
    if authorization:
        authorizations.add(connection, authorization)
    authorizations.keep_submission(connection, received)
    events.record(
        connection,
        "authorization.submitted" if authorization else "submission.answered-with-error",
        actor=received.client_id,
        at=received.received_at,
        authorization_id=received.authorization_id,
        request_id=g.get("request_id"),
        submission=received.id,
    )


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
