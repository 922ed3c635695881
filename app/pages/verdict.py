"""How does a reviewer's word come in? A verdict, more that is asked for, or a settled item taken up again."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import redirect as to
from flask import request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from app.current import the_service
from app.pages.door import pages, the_person
from app.pages.review import form_of, shown
from app.security import staff
from app.storage import authorizations, events
from app.storage.staff import Person
from app.wiring import Service, new_id, new_number
from fhir_r4.problems import Conflict, Unprocessable
from fhir_r4.resource import text_of
from prior_auth.authorization import Authorization, Move
from prior_auth.decision import ReviewAction
from prior_auth.information import InformationRequest, Kind, due_by
from prior_auth.request_bundle import day
from prior_auth.review import Reviewer, Verdict, ask, record


@pages.post("/authorizations/<identity>/verdict")
def verdict(identity: str) -> Response | tuple[str, int]:
    """Take a verdict; one that cannot stand is shown again with what is wrong, and nothing is changed."""
    person = staff.require(the_person(), "reviewer")
    try:
        _decide(the_service(), identity, _read_verdict(), person)
    except (Conflict, Unprocessable) as refused:
        return shown(identity, refused), refused.status
    return _back_to(identity)


@pages.post("/authorizations/<identity>/ask")
def ask_for_more(identity: str) -> Response | tuple[str, int]:
    """Ask the provider for documents or the form; the item stays pended."""
    person = staff.require(the_person(), "reviewer")
    try:
        _ask(the_service(), identity, person)
    except (Conflict, Unprocessable) as refused:
        return shown(identity, refused), refused.status
    return _back_to(identity)


def _back_to(identity: str) -> Response:
    """Show the case again, from the item that was decided on."""
    return to(url_for("pages.case", identity=identity, _anchor=f"item-{_number('sequence')}"), 303)


def _decide(service: Service, identity: str, said: Verdict, person: Person) -> None:
    now = service.now()
    with service.database.writing() as connection:
        before = authorizations.get(connection, identity)
        after = record(before, said, _reviewer(person), new_number(), now, service.payer_of(before))
        jobs = authorizations.save(connection, before, after, now)
        _remember(connection, said.move, after, person, {"item": said.sequence, "action": said.action})
    service.runner.wake(jobs)


def _ask(service: Service, identity: str, person: Person) -> None:
    now = service.now()
    with service.database.writing() as connection:
        before = authorizations.get(connection, identity)
        wanted = [_wanted(service, before, kind, person, now) for kind in Kind if _asks_for(kind)]
        after = before
        seen = _number("seen")
        for one in wanted or [_wanted(service, before, Kind.DOCUMENTS, person, now)]:
            after = ask(after, one, _reviewer(person), seen)
            seen = after.version
        jobs = authorizations.save(connection, before, after, now)
        _remember(connection, Move.ASK, after, person, {"item": _number("sequence"), "asked": len(wanted)})
    service.runner.wake(jobs)


def _remember(connection: Connection, move: Move, after: Authorization, person: Person, detail: dict[str, Any]) -> None:
    kind, at, version = f"authorization.{move}", the_service().now(), after.version
    events.record(connection, kind, actor=person.name, at=at, authorization_id=after.id, version=version, **detail)


def _reviewer(person: Person) -> Reviewer:
    return Reviewer(person.name, person.licence, person.npi, person.specialty)


def _read_verdict() -> Verdict:
    form = request.form
    try:
        return Verdict(
            sequence=_number("sequence"),
            action=ReviewAction(form.get("action", "")),
            reason=text_of(form.get("reason")),
            seen=_number("seen"),
            starts=day(form.get("starts")),
            ends=day(form.get("ends")),
            move=Move(form.get("move") or Move.DECIDE),
            quantity=_amount(text_of(form.get("quantity"))),
            reason_code=text_of(form.get("reason_code")),
        )
    except ValueError:
        raise Unprocessable("choose what is decided: certify, a part, with changes, or not") from None


def _amount(said: str | None) -> Decimal | None:
    try:
        quantity = Decimal(said) if said else None
    except InvalidOperation:
        quantity = Decimal("NaN")
    if quantity is not None and not quantity.is_finite():
        raise Unprocessable("say how much as a number, such as 12 or 0.5")
    return quantity


def _asks_for(kind: Kind) -> bool:
    return bool(request.form.get("form")) if kind is Kind.QUESTIONNAIRE else bool(request.form.getlist("document"))


def _wanted(service: Service, case: Authorization, kind: Kind, person: Person, now: datetime) -> InformationRequest:
    payer, sequence = service.payer_of(case), _number("sequence")
    documents = [found for code in request.form.getlist("document") if (found := payer.document(code))]
    return InformationRequest(
        id=new_id(),
        sequence=sequence,
        tracking=new_id() if kind is Kind.QUESTIONNAIRE else new_number(),
        kind=kind,
        documents=tuple(documents) if kind is Kind.DOCUMENTS else (),
        questionnaire=form_of(service, case, sequence) if kind is Kind.QUESTIONNAIRE else None,
        note=text_of(request.form.get("note")),
        asked_by=person.name,
        asked_at=now,
        due_at=due_by(now, case.due_at) if case.due_at > now else now,
    )


def _number(name: str) -> int:
    try:
        return int(request.form.get(name, ""))
    except ValueError:
        raise Unprocessable("the page is not complete; load it again") from None
