"""What happens between the door and the database when a request comes?

Gathered: who is known, what is on file, which case it changes. Decided: by ``prior_auth``. Kept: request, case, event
and answer in one transaction. Where somebody else changes the case meanwhile, it is looked at again as it is now.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from app import arrivals
from app.jobs.back_end import follow_up
from app.on_file import held
from app.storage import authorizations, events
from app.storage.authorizations import Received
from app.storage.clients import Client
from app.wiring import Service, knowledge_of, new_id
from fhir_r4.generations import Generation
from fhir_r4.problems import Conflict, Issue, Unavailable
from fhir_r4.wire import canonical, read_own, write_json
from prior_auth.answer import Writer
from prior_auth.authorization import Authorization, Move
from prior_auth.case import Case
from prior_auth.case_file import CaseFile
from prior_auth.change import Change, Wish
from prior_auth.duplicate import duplicate
from prior_auth.parties import BusinessError, Parties, parties, requestors_of, senders_of
from prior_auth.request_bundle import unwrapped
from prior_auth.submission import Submission
from prior_auth.submit import submit
from prior_auth.unanswered import unanswered
from prior_auth.update import NOT_FOUND, prior_of, update
from prior_auth.weigh import OnFile, Weighing
from rules.ports import BackEndAway

TRIES = 3


@dataclass(frozen=True)
class Request:
    """One submission at the door, from whom, in which generation and when.

    Attributes:
        body: what came, byte for byte.
        noted: in what it departs from its profile, and was let pass.
    """

    service: Service
    generation: Generation
    client: Client
    submission: Submission
    body: bytes
    now: datetime
    request_id: str | None = None
    noted: tuple[Issue, ...] = ()

    @cached_property
    def digest(self) -> str:
        return authorizations.digest_of(self.generation, self.body)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What was decided: a case as it was and as it is, or an error; and the answer.

    ``repeated`` are the ids of its earlier requests that need no longer be read.
    """

    before: Authorization | None
    after: Authorization | None
    event: str
    answer: dict
    repeated: tuple[str, ...] = ()


def answer(request: Request) -> bytes:
    """Return the answer to a request; the same request again gets the same bytes.

    Raises:
        Conflict: another body came under this identifier before; or the case changes faster than it can be read.
    """
    first = _kept(request)
    if not _the_same(request, first):
        said = "another body was sent under this identifier before"
        raise Conflict(Issue("duplicate", said, "Bundle.identifier"))
    return first.response


def _kept(request: Request) -> Received:
    """Return what came first under this identifier: this request, or the one before it."""
    for left in reversed(range(TRIES)):
        with request.service.database.reading() as connection:  # one state of things for all that is looked up
            found = _before(request, connection) or _decide(request, connection)
        try:
            return found if isinstance(found, Received) else _keep(request, found)
        except Conflict:  # a worker or a reviewer was first: the change is weighed against what they did
            if not left:
                raise
    raise AssertionError("not reached")


def _before(request: Request, connection: Connection) -> Received | None:
    return authorizations.received_before(connection, request.client.id, request.submission.identifier)


def _the_same(request: Request, first: Received) -> bool:
    """Tell whether what came first is the same request, whatever its white space and order of keys."""
    if request.digest == first.digest:
        return True
    bundle = unwrapped(read_own(first.request))
    return request.generation == first.generation and canonical(request.submission.bundle) == canonical(bundle)


def _decide(request: Request, connection: Connection) -> _Outcome:
    service, submission = request.service, request.submission
    try:
        known = parties(submission, service.directory, request.now)
        if isinstance(known, BusinessError):
            return _refused(request, known)
        on_file = held(service, connection, submission, known)
    except BackEndAway:
        return _unanswered(request)
    if submission.change:
        return _changed(request, submission.change, known, on_file, connection)
    repeated = None if request.client.repeats_identifiers else duplicate(submission, on_file.authorizations)
    if repeated:
        return _refused(request, repeated)
    authorization = submit(submission, known, on_file, knowledge_of(service.edition), request.client.id, request.now)
    return _told(request, known, None, authorization, "authorization.submitted")


def _unanswered(request: Request) -> _Outcome:
    """Pend a new request while the payer's own systems are away; a change is for the submitter to send again (503)."""
    service, submission = request.service, request.submission
    payer = service.directory.payer(submission.insurer.identifiers)
    if submission.change or payer is None:
        raise Unavailable("the payer's own systems do not answer", headers={"Retry-After": "30"})
    waiting = unanswered(submission, payer, knowledge_of(service.edition), request.client.id, request.now)
    waiting = replace(waiting, requestors=waiting.requestors | _own_senders(request))
    bundle = _writer(request).response_bundle(Case(waiting, submission, payer.time_zone))
    return _Outcome(None, waiting, "authorization.submitted", bundle)


def _changed(request: Request, change: Change, known: Parties, on_file: OnFile, connection: Connection) -> _Outcome:
    submission = request.submission
    prior = prior_of(submission, change, on_file.authorizations)
    if prior is None:
        say = "No authorization of this member is on file under what the update names."
        return _refused(request, BusinessError(NOT_FOUND, "C", "2000E-REF02", change.path, say))
    sent = authorizations.requests_of(connection, prior.id)
    before = CaseFile.of(sent.values(), request.service.directory)
    news = before.lacks_a_form_of(submission)
    arrived = () if news else arrivals.forms_of(connection, prior.id, submission)  # what is sent last stands
    file = CaseFile((*before.submissions, submission), arrived)
    knowledge = knowledge_of(request.service.edition)
    weighing = Weighing(
        forms=file.forms,
        known=known,
        on_file=on_file,
        knowledge=knowledge,
        number=prior.number or knowledge.new_number(),
        now=request.now,
        requestors=requestors_of(submission),
        own=prior.id,
        emergency=submission.emergency,
    )
    after = update(prior, submission, change, weighing, news=news)
    if isinstance(after, BusinessError):
        return _refused(request, after)
    cancels = change.cancels_all or all(item.wish is Wish.CANCELLED for item in submission.items)
    told = _told(request, known, prior, after, f"authorization.{Move.CANCEL if cancels else Move.UPDATE}")
    ids = list(sent)
    return replace(told, repeated=tuple(ids[place] for place in file.repeated))


def _writer(request: Request) -> Writer:
    return Writer(request.generation, request.service.fhir_base(request.generation), request.now)


def _refused(request: Request, error: BusinessError) -> _Outcome:
    bundle = _writer(request).error_bundle(error, request.submission, new_id())
    return _Outcome(None, None, "submission.answered-with-error", bundle)


def _told(request: Request, known: Parties, before: Authorization | None, after: Authorization, event: str) -> _Outcome:
    after = replace(after, requestors=after.requestors | _own_senders(request))
    change = request.submission.change
    part = before and not (change and change.cancels_all)
    listed = frozenset(item.sequence for item in request.submission.items) if part else None
    case = Case(after, request.submission, known.payer.time_zone, listed)
    return _Outcome(before, after, event, _writer(request).response_bundle(case))


def _own_senders(request: Request) -> frozenset[str]:
    """Return under which of its client's own names the request was sent; a name of others opens nothing to them."""
    own = {one.value for one in request.client.organizations}
    return senders_of(request.submission) & own


def _keep(request: Request, outcome: _Outcome) -> Received:
    """Keep request, authorization, event and answer, all or nothing; whoever was first is returned."""
    received = Received(
        id=new_id(),
        client_id=request.client.id,
        transaction=request.submission.identifier,
        digest=request.digest,
        generation=request.generation,
        received_at=request.now,
        authorization_id=outcome.after.id if outcome.after else None,
        request=request.body,
        response=write_json(outcome.answer),
        bundle_id=outcome.answer["id"],
        noted=request.noted,
    )
    try:
        with request.service.database.writing() as connection:
            jobs = _write(connection, request, received, outcome)
    except IntegrityError:  # the same transaction came twice at once: the other one was first
        with request.service.database.reading() as connection:
            first = _before(request, connection)
        if first is None:
            raise
        return first
    request.service.runner.wake(jobs)
    return received


def _write(connection: Connection, request: Request, received: Received, outcome: _Outcome) -> list[int]:
    """Write all of it and return the jobs to be done once it is committed."""
    jobs: list[int] = []
    if outcome.after and outcome.before is None:
        authorizations.add(connection, outcome.after)
        if outcome.after.pended:
            jobs = arrivals.match_early(connection, outcome.after, [received.client_id], request.now)
    elif outcome.after and outcome.before:
        jobs = authorizations.save(connection, outcome.before, outcome.after, request.now)
        authorizations.repeated(connection, outcome.repeated)
    if outcome.after:
        jobs = [*jobs, *follow_up(request.service, connection, outcome.after)]
    authorizations.keep_submission(connection, received)
    events.record(
        connection,
        outcome.event,
        actor=received.client_id,
        at=request.now,
        authorization_id=received.authorization_id,
        request_id=request.request_id,
        submission=received.id,
        **({"version": outcome.after.version} if outcome.after else {}),
    )
    return jobs
