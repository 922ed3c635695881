"""How does a reviewer look at a case and decide?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import redirect as to
from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from app.current import the_service
from app.explained import explained
from app.pages.door import pages, the_person
from app.pages.worklist import ACTIONS, payer_of
from app.security import staff
from app.storage import authorizations, events
from app.wiring import Service, new_number
from fhir_r4.problems import Conflict, Problem, Unknown, Unprocessable
from fhir_r4.resource import codings, dicts, text_of, value_of
from prior_auth.authorization import Authorization, Item, ReviewAction
from prior_auth.request_bundle import day
from prior_auth.review import Reviewer, Verdict, record
from prior_auth.submission import Submission, stored_submission
from rules.directory import Payer


@dataclass(frozen=True, slots=True)
class Answered:
    """A question of the form with its answer, as a person reads them."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class CasePage:
    """All that a reviewer sees of one case; moments are in the payer's time zone."""

    authorization: Authorization
    payer: Payer
    patient: str
    birth_date: str
    diagnoses: tuple[str, ...]
    answers: tuple[Answered, ...]
    received_at: datetime
    due_at: datetime

    @property
    def pended(self) -> tuple[Item, ...]:
        return tuple(one for one in self.authorization.items if one.decision.action is ReviewAction.PENDED)


@pages.get("/authorizations/<identity>")
def case(identity: str) -> str:
    return _shown(identity)


@pages.post("/authorizations/<identity>/verdict")
def verdict(identity: str) -> Response | tuple[str, int]:
    """Take a verdict; one that cannot stand is shown again with what is wrong, and nothing is changed."""
    service = the_service()
    person = staff.require(the_person(), "reviewer")
    try:
        said = _read_verdict()
        _decide(service, identity, said, Reviewer(person.name, person.licence))
    except (Conflict, Unprocessable) as refused:
        return _shown(identity, refused), refused.status
    return to(url_for("pages.case", identity=identity), 303)


def _decide(service: Service, identity: str, said: Verdict, reviewer: Reviewer) -> None:
    now = service.now()
    with service.database.writing() as connection:
        before = authorizations.find(connection, identity)
        if before is None:
            raise Unknown("there is no such case")
        after = record(before, said, reviewer, new_number(), now)
        jobs = authorizations.save(connection, before, after, now)
        events.record(
            connection,
            "authorization.decided",
            actor=reviewer.name,
            at=now,
            authorization_id=identity,
            item=said.sequence,
            action=said.action,
            version=after.version,
        )
    service.runner.wake(jobs)


def _read_verdict() -> Verdict:
    form = request.form
    try:
        return Verdict(
            sequence=int(form.get("sequence", "")),
            action=ReviewAction(form.get("action", "")),
            reason=text_of(form.get("reason")),
            seen=int(form.get("seen", "")),
            starts=day(form.get("starts")),
            ends=day(form.get("ends")),
        )
    except ValueError:
        raise Unprocessable("choose certify or refuse") from None


def _shown(identity: str, refused: Problem | None = None) -> str:
    service = the_service()
    with service.database.reading() as connection:
        found = authorizations.find(connection, identity)
        if found is None:
            raise Unknown("there is no such case")
        submission = stored_submission(authorizations.request_of(connection, identity))
    return render_template(
        "case.html",
        person=the_person(),
        case=_page(service, found, submission),
        today=payer_of(service, found).today(service.now()),
        readable=_readable,
        issues=refused.issues if refused else (),
        said=request.form,
        ACTIONS=ACTIONS,
        explained=lambda item: explained(service, item.decision.trace),
    )


def _page(service: Service, found: Authorization, submission: Submission) -> CasePage:
    payer = payer_of(service, found)
    patient = submission.patient.resource
    name = next(iter(dicts(patient.get("name"))), {})
    given = " ".join(one for one in name.get("given", []) if isinstance(one, str))
    return CasePage(
        authorization=found,
        payer=payer,
        patient=f"{given} {text_of(name.get('family')) or ''}".strip() or "unnamed",
        birth_date=text_of(patient.get("birthDate")) or "unknown",
        diagnoses=tuple(_diagnoses(submission.claim.resource)),
        answers=tuple(one for form in submission.forms for one in _answers(form.response)),
        received_at=found.received_at.astimezone(payer.time_zone),
        due_at=_zoned(service, found),
    )


def _zoned(service: Service, found: Authorization) -> datetime:
    return found.due_at.astimezone(payer_of(service, found).time_zone)


def _diagnoses(claim: dict) -> list[str]:
    coded = [one for held in dicts(claim.get("diagnosis")) for one in codings(held.get("diagnosisCodeableConcept"))]
    return [f"{one.code} {one.display or ''}".strip() for one in coded]


def _answers(form: dict) -> list[Answered]:
    found, waiting = [], dicts(form.get("item"))
    while waiting:
        item = waiting.pop(0)
        waiting = dicts(item.get("item")) + waiting
        question = text_of(item.get("text")) or text_of(item.get("linkId")) or ""
        found += [Answered(question, _readable(value_of(one))) for one in dicts(item.get("answer"))]
    return found


def _readable(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and "value" in value:
        return f"{value['value']} {text_of(value.get('unit')) or text_of(value.get('code')) or ''}".strip()
    if isinstance(value, dict):
        return f"{text_of(value.get('code')) or ''} {text_of(value.get('display')) or ''}".strip()
    return str(value)
