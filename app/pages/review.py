"""How does a reviewer look at a case? What came, how the policy saw it, what happened, and what may be done now."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from flask import g, render_template, request
from werkzeug.datastructures import MultiDict

from app import arrivals
from app.current import the_service
from app.explained import explained
from app.pages.door import READERS, pages, the_person
from app.pages.filled import Filled, filled
from app.pages.worklist import ACTIONS, called
from app.security import staff
from app.storage import attachments, authorizations, events
from app.wiring import Service
from fhir_r4.problems import Problem
from fhir_r4.resource import as_list, codings, dicts, identifiers, text_of
from fhir_r4.systems import NPI
from prior_auth.authorization import Authorization, Item, Move
from prior_auth.case_file import CaseFile
from prior_auth.decision import SETTLED
from prior_auth.item_response import granted_quantity
from prior_auth.parties import requestor
from questionnaires.words import in_words
from rules.directory import Payer
from rules.trace import Trace


@dataclass(frozen=True, slots=True)
class CasePage:
    """All that a reviewer sees of one case; moments are in the payer's time zone."""

    authorization: Authorization
    payer: Payer
    patient: str
    birth_date: str
    diagnoses: tuple[str, ...]
    requested_by: str
    forms: tuple[Filled, ...]
    received_at: datetime
    due_at: datetime


@pages.get("/authorizations/<identity>")
def case(identity: str) -> str:
    return looked_at(identity)


def looked_at(identity: str, refused: Problem | None = None) -> str:
    """Show a case; who looked at it is recorded, or nothing is shown."""
    person, service = staff.require(the_person(), *READERS), the_service()
    page = shown(identity, refused)
    with service.database.writing() as connection:
        events.record(connection, "case.read", actor=person.name, at=service.now(), authorization_id=identity)
    return page


def shown(identity: str, refused: Problem | None = None) -> str:
    """Return the page of a case, with what is wrong with the verdict that was refused."""
    service = the_service()
    with service.database.reading() as connection:
        found = authorizations.get(connection, identity)
        file = arrivals.case_file(connection, identity, service.directory)
        history, attached = events.history(connection, identity), attachments.of_case(connection, identity)
        noted = authorizations.noted_of(connection, identity)
        weighed = authorizations.weighed(connection, identity)
    return render_template(
        "case.html",
        person=the_person(),
        case=_page(service, found, file),
        noted=noted,
        today=service.payer_of(found).today(service.now()),
        issues=refused.issues if refused else (),
        said_of=_said_of,
        history=history,
        attached=attached,
        form_of=partial(form_of, service),
        ACTIONS=ACTIONS,
        SETTLED=SETTLED,
        quantity=_quantity,
        asked_for=_asked_for,
        called=lambda item: called(service, item, found.received_at),
        explained=lambda item: explained(service, weighed.get(item.sequence, {})),
    )


def _said_of(item: Item, move: str = Move.DECIDE) -> MultiDict[str, str]:
    """Return what was written into this item's form, where that was refused; nothing for any other form of the page."""
    said = g.get("said", request.form)
    own = (said.get("sequence"), said.get("move") or Move.DECIDE) == (str(item.sequence), move)
    return said if own else MultiDict()


def form_of(service: Service, case: Authorization, sequence: int) -> str | None:
    """Return the canonical of the form that goes with the policy by which an item was weighed, if there is one."""
    item = case.item(sequence)
    trace = Trace.from_json(item.decision.trace) if item else None
    policy = service.book.version(trace.policy, trace.version) if trace else None
    name = policy.at_order_time.questionnaire if policy else None
    return service.catalog.canonical(name) if name else None


def _page(service: Service, found: Authorization, file: CaseFile) -> CasePage:
    payer, submission = service.payer_of(found), file.newest
    patient = submission.patient.resource
    return CasePage(
        authorization=found,
        payer=payer,
        patient=_name(patient),
        birth_date=text_of(patient.get("birthDate")) or "unknown",
        diagnoses=tuple(_diagnoses(submission.claim.resource)),
        requested_by="; ".join(
            _in_full(one.resource) for one in requestor(submission) if one.kind != "PractitionerRole"
        ),
        forms=tuple(filled(form.response, service.catalog) for form in file.forms),
        received_at=found.received_at.astimezone(payer.time_zone),
        due_at=found.due_at.astimezone(payer.time_zone),
    )


def _name(resource: dict) -> str:
    """Return the name of an organization, or a person's first one."""
    name = next(iter(dicts(resource.get("name"))), {})
    given = " ".join(one for one in as_list(name.get("given")) if isinstance(one, str))
    person = f"{given} {text_of(name.get('family')) or ''}".strip() or text_of(name.get("text"))
    return text_of(resource.get("name")) or person or "unnamed"


def _in_full(provider: dict) -> str:
    npis = [f"NPI {one.value}" for one in identifiers(provider) if one.system == NPI]
    return ", ".join([_name(provider), *npis])


def _asked_for(item: Item) -> str:
    """Say how much of a service is asked for, when, and with which modifiers, as far as the request does."""
    modifiers = [one.code for held in dicts(item.asked.get("modifier")) for one in codings(held)[:1]]
    days = dict.fromkeys(str(day) if day else "…" for day in (item.starts, item.ends))
    said = [in_words(item.asked.get("quantity")), " to ".join(days) if item.starts or item.ends else ""]
    return ", ".join(filter(None, [*said, f"modifier {' '.join(modifiers)}" if modifiers else ""]))


def _quantity(item: Item) -> str:
    """Say how much is granted of an item, in the unit of the request."""
    return in_words(granted_quantity(item.decision.granted, item.asked) or "as asked")


def _diagnoses(claim: dict) -> list[str]:
    coded = [one for held in dicts(claim.get("diagnosis")) for one in codings(held.get("diagnosisCodeableConcept"))]
    return [f"{one.code} {one.display or ''}".strip() for one in coded]
