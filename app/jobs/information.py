"""What arrives re-runs the policy; what does not come in time is given to a person. Nothing is refused here."""

from sqlalchemy import Connection

from app import arrivals
from app.jobs.attempts import TryLater
from app.on_file import held
from app.storage import attachments, authorizations, events
from app.storage.outbox import Job
from app.wiring import Service, knowledge_of, new_number
from fhir_r4.problems import Conflict
from prior_auth.authorization import Authorization
from prior_auth.case_file import CaseFile
from prior_auth.parties import BusinessError, kept_for, parties
from prior_auth.weigh import Weighing
from prior_auth.weigh_again import arrived, overdue, weigh_again
from rules.ports import BackEndAway

ACTOR = "policies"


def weigh_what_arrived(service: Service, job: Job) -> list[int]:
    """Weigh a pended case anew on all that was sent for it; return the jobs that tell of it."""
    with service.database.reading() as connection:
        before = authorizations.find(connection, job.subject)
        if before is None or not before.pended:
            return []
        file = arrivals.case_file(connection, before.id, service.directory)
        after = before
        for one in attachments.of_case(connection, before.id):
            after = arrived(after, None if one.final else one.tracking.value, service.now())
        weighing = _weighing(service, before, file, connection)
        after = weigh_again(after, file, weighing) if weighing else after
    return _save(service, before, after, "authorization.decided")


def give_up_waiting(service: Service, job: Job) -> list[int]:
    """Give to a person what waits for information that has not come in time."""
    with service.database.reading() as connection:
        before = authorizations.find(connection, job.subject)
    if before is None or not before.pended:
        return []
    return _save(service, before, overdue(before, service.now()), "authorization.information-overdue")


def _weighing(service: Service, case: Authorization, file: CaseFile, connection: Connection) -> Weighing | None:
    """Return what the case is weighed with; None where its people are no longer known: a person looks."""
    try:
        known = parties(kept_for(file.newest, case.requestors), service.directory, service.now())
        if isinstance(known, BusinessError):
            return None
        on_file = held(service, connection, file.newest, known)
    except BackEndAway as away:
        raise TryLater(away.issues[0].diagnostics) from None
    return Weighing(
        forms=file.forms,
        known=known,
        on_file=on_file,
        knowledge=knowledge_of(service.edition),
        number=case.number or new_number(),
        now=service.now(),
        requestors=case.requestors,
        own=case.id,
        emergency=case.emergency,
    )


def _save(service: Service, before: Authorization, after: Authorization, event: str) -> list[int]:
    if after == before:
        return []
    now = service.now()
    try:
        with service.database.writing() as connection:
            jobs = authorizations.save(connection, before, after, now)
            if after.version != before.version:
                decided = not after.pended or event != "authorization.decided"
                kind = event if decided else "authorization.weighed-again"
                events.record(connection, kind, actor=ACTOR, at=now, authorization_id=after.id, version=after.version)
    except Conflict:
        raise TryLater("somebody else has changed the case meanwhile") from None
    return jobs
