"""What happens to an attachment between the door and the database, and to the case that it belongs to?

Kept with its audit row in one transaction; where it is for a case, a job weighs that anew. What is for no case, or for
one that is not this client's, waits in the inbox: it may have come early, or a person finds where it belongs.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from app.storage import attachments, authorizations, events, outbox
from app.storage.attachments import ARRIVED, Attachment
from app.storage.clients import Client
from app.wiring import Service, new_id
from prior_auth.attachments import Arrival, forms_in, holds_a_resource, read_arrival
from prior_auth.authorization import Authorization
from prior_auth.case_file import CaseFile
from prior_auth.requested_item import Form
from prior_auth.submission import Submission
from rules.ports import Directory

EARLY = "matched on its arrival"


def take(service: Service, client: Client, arrival: Arrival, body: bytes) -> Attachment:
    """Keep what arrived, for its case or in the inbox; the same call again changes nothing."""
    now, digest = service.now(), hashlib.sha256(body).hexdigest()
    with service.database.reading() as connection:
        if before := attachments.sent_before(connection, client.id, digest):
            return before
        case = _case(service, client, arrival, connection)
    kept = Attachment(
        id=new_id(),
        client_id=client.id,
        digest=digest,
        tracking=arrival.tracking,
        member_id=arrival.member_id,
        received_at=now,
        final=arrival.final,
        authorization_id=case.id if case else None,
        documents=[
            {"code": one.code, "type": one.media_type, "bytes": len(one.content), "lines": list(one.lines)}
            for one in arrival.documents
        ],
    )
    try:
        with service.database.writing() as connection:
            attachments.keep(connection, kept, body, "tracking number")
            jobs = _told(connection, kept, client.id, now)
    except IntegrityError:  # sent twice at once: the other one was first
        return kept
    service.runner.wake(jobs)
    return kept


def match_early(connection: Connection, authorization: Authorization, own: Iterable[str], now: datetime) -> list[int]:
    """Give a new case what came before it; return the jobs. ``own`` are the clients whose attachments may be."""
    jobs: list[int] = []
    clients = set(own)
    for one in attachments.waiting_for(connection, authorization.member_id):
        arrival = read_arrival(attachments.request_of(connection, one.id))
        if one.client_id in clients and arrival.answers(authorization):
            jobs += give(connection, one, authorization.id, EARLY, now)
    return jobs


def case_file(connection: Connection, case_id: str, directory: Directory) -> CaseFile:
    """Return all that was sent for a case and counts, by request or as an attachment."""
    file = CaseFile.of(authorizations.requests_of(connection, case_id).values(), directory)
    return CaseFile(file.submissions, forms_of(connection, case_id, file.newest))


def forms_of(connection: Connection, case_id: str, submission: Submission) -> tuple[Form, ...]:
    """Return the forms that arrived for a case, as they came, about the patient of its request; no file is opened."""
    calls = (one for one in attachments.of_case(connection, case_id) if holds_a_resource(one.documents))
    contents = [read_arrival(attachments.request_of(connection, one.id)) for one in calls]
    return tuple(form for one in contents for form in forms_in(one.resources, submission))


def give(connection: Connection, one: Attachment, authorization_id: str, by: str, now: datetime) -> list[int]:
    """Give what waits in the inbox to a case; return the job that weighs the case anew."""
    if not attachments.match(connection, one.id, authorization_id, by, now):
        return []
    events.record(connection, _RECEIVED, actor=by, at=now, authorization_id=authorization_id, attachment=one.id)
    return [outbox.put_once(connection, ARRIVED, authorization_id, now)]


_RECEIVED = "authorization.information-received"


def _told(connection: Connection, kept: Attachment, actor: str, now: datetime) -> list[int]:
    kind = _RECEIVED if kept.authorization_id else "attachment.kept"
    events.record(connection, kind, actor=actor, at=now, authorization_id=kept.authorization_id, attachment=kept.id)
    return [outbox.put_once(connection, ARRIVED, kept.authorization_id, now)] if kept.authorization_id else []


def _case(service: Service, client: Client, arrival: Arrival, connection: Connection) -> Authorization | None:
    """Return the member's case that it answers, where the client submitted it or speaks for who did."""
    payers = [found] if arrival.payer and (found := service.directory.payer([arrival.payer])) else service.payers
    for payer in payers:
        for case in authorizations.of_member(connection, payer.id, [arrival.member_id]):
            if arrival.answers(case) and case.is_of(client.id, client.organizations):
                return case
    return None
