"""What is done with a payer's own systems after the answer? Asked again where they were silent, given what is pended.

The interface is docs/back-end.md.
"""

from sqlalchemy import Connection

from app.jobs.attempts import TryLater
from app.on_file import held
from app.storage import authorizations, events, outbox
from app.storage.outbox import Job
from app.wiring import Service, knowledge_of
from prior_auth.authorization import Authorization
from prior_auth.decision import Decision
from prior_auth.parties import BusinessError, dated, kept_for, parties
from prior_auth.submission import stored_submission
from prior_auth.unanswered import UNKNOWN_PLAN, answered
from prior_auth.weigh import OnFile
from rules.ports import BackEndAway

LOOK_UP = "back-end.look-up"
HAND_OVER = "back-end.hand-over"


def look_up(service: Service, job: Job) -> list[int]:
    """Ask again who the member is, and weigh the case; a case that a person has settled meanwhile stays as it is."""
    with service.database.reading() as connection:
        waiting = authorizations.find(connection, job.subject)
        if waiting is None or waiting.plan != UNKNOWN_PLAN or not waiting.pended:
            return []
        request = authorizations.request_of(connection, waiting.id)
        submission = dated(kept_for(stored_submission(request), waiting.requestors), service.directory)
        now = service.now()
        try:
            known = parties(submission, service.directory, now)
            on_file = OnFile() if isinstance(known, BusinessError) else held(service, connection, submission, known)
        except BackEndAway as away:
            raise TryLater(away.issues[0].diagnostics) from None
    after = answered(waiting, submission, known, on_file, knowledge_of(service.edition), now)
    with service.database.writing() as connection:
        jobs = authorizations.save(connection, waiting, after, now)
        events.record(
            connection,
            "authorization.looked-up",
            actor="service",
            at=now,
            authorization_id=after.id,
            version=after.version,
            known=not isinstance(known, BusinessError),
        )
        return [*jobs, *follow_up(service, connection, after)]


def follow_up(service: Service, connection: Connection, authorization: Authorization) -> list[int]:
    """Write the jobs that a new or changed case asks for."""
    now, jobs = service.now(), []
    if authorization.plan == UNKNOWN_PLAN and authorization.version == 1:
        jobs.append(outbox.put(connection, LOOK_UP, authorization.id, now))
    elif authorization.pended and service.back_end.takes_cases:
        jobs.append(outbox.put_once(connection, HAND_OVER, authorization.id, now))
    return jobs


def changed(service: Service, job: Job) -> list[int]:
    """Hand over what has become, or is still, a case that waits."""
    if not service.back_end.takes_cases:
        return []
    with service.database.writing() as connection:
        found = authorizations.find(connection, job.subject)
        return follow_up(service, connection, found) if found else []


def hand_over(service: Service, job: Job) -> list[int]:
    """Give a pended case, as it is now, to whoever works on it; it may be given twice in the same version."""
    with service.database.reading() as connection:
        found = authorizations.find(connection, job.subject)
        if found is None or not found.pended:
            return []
        request = authorizations.request_of(connection, found.id)
    try:
        service.back_end.hand_over(_case(found, request))
    except BackEndAway as away:
        raise TryLater(away.issues[0].diagnostics) from None
    with service.database.writing() as connection:
        events.record(
            connection,
            "authorization.handed-over",
            actor="service",
            at=service.now(),
            authorization_id=found.id,
            version=found.version,
        )
    return []


def _certified(decision: Decision) -> dict | None:
    """Return what is certified of an item already, while the rest of it waits."""
    if decision.part is None or decision.starts is None or decision.ends is None:
        return None
    days = {"starts": decision.starts.isoformat(), "ends": decision.ends.isoformat()}
    return {"number": decision.number, "quantity": decision.part.quantity} | days


def _case(found: Authorization, request: dict) -> dict:
    return {
        "case": found.id,
        "version": found.version,
        "reference": found.reference,
        "payer": found.payer,
        "plan": found.plan,
        "memberId": found.member_id,
        "urgent": found.urgent,
        "receivedAt": found.received_at.isoformat(),
        "dueAt": found.due_at.isoformat(),
        "items": [
            {
                "sequence": item.sequence,
                "codes": [one.to_fhir() for one in item.codes],
                "starts": item.starts.isoformat() if item.starts else None,
                "ends": item.ends.isoformat() if item.ends else None,
                "action": item.decision.action,
                "reason": item.decision.reason,
                "certified": _certified(item.decision),
            }
            for item in found.items
        ],
        "request": request,
    }
