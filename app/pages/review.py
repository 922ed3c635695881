"""How does a reviewer look at a case? What came, how the policy saw it, what happened, and what may be done now."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from flask import g, render_template, request
from werkzeug.datastructures import MultiDict

from app.current import the_service
from app.explained import explained
from app.pages.door import READERS, pages, the_person
from app.pages.worklist import ACTIONS, called
from app.security import staff
from app.storage import attachments, authorizations, events
from app.wiring import Service
from fhir_r4.problems import Problem, Unknown
from fhir_r4.resource import as_dict, codings, dicts, link_of, text_of, value_of
from fhir_r4.systems import CPT, HCPCS, ICD_10_CM, ICD_10_PCS, LOINC, NDC, RXNORM, SNOMED
from prior_auth.authorization import Authorization, Item, Move
from prior_auth.decision import SETTLED
from prior_auth.item_response import granted_quantity
from prior_auth.submission import Submission, stored_submission
from questionnaires.words import in_words
from rules.directory import Payer
from rules.trace import Trace

_PUBLIC = frozenset({CPT, HCPCS, ICD_10_CM, ICD_10_PCS, LOINC, NDC, RXNORM, SNOMED})


@dataclass(frozen=True, slots=True)
class Answered:
    """A question of the form with its answer, as a person reads them, and a code that others know too."""

    question: str
    answer: str
    code: str = ""


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
        found = authorizations.find(connection, identity)
        if found is None:
            raise Unknown("there is no such case")
        submission = stored_submission(authorizations.request_of(connection, identity))
        history, attached = events.history(connection, identity), attachments.of_case(connection, identity)
        noted = authorizations.noted_of(connection, identity)
        weighed = authorizations.weighed(connection, identity)
    return render_template(
        "case.html",
        person=the_person(),
        case=_page(service, found, submission),
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


def _page(service: Service, found: Authorization, submission: Submission) -> CasePage:
    payer = service.payer_of(found)
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
        due_at=found.due_at.astimezone(payer.time_zone),
    )


def _quantity(item: Item) -> str:
    """Say how much is granted of an item, in the unit of the request."""
    return in_words(granted_quantity(item.decision.granted, item.asked) or "as asked")


def _diagnoses(claim: dict) -> list[str]:
    coded = [one for held in dicts(claim.get("diagnosis")) for one in codings(held.get("diagnosisCodeableConcept"))]
    return [f"{one.code} {one.display or ''}".strip() for one in coded]


def _answers(parent: dict, entry: tuple[int, ...] = ()) -> Iterator[Answered]:
    """Yield the answers below a form, an item or an answer; what comes several times says in which entry it is."""
    items = dicts(parent.get("item"))
    times, seen = Counter(map(link_of, items)), Counter[str]()
    for item in items:
        link = link_of(item)
        seen[link] += 1
        inner = (*entry, seen[link]) if times[link] > 1 else entry
        question, given = text_of(item.get("text")) or link, dicts(item.get("answer"))
        told = f"{question} (entry {'.'.join(map(str, inner))})" if inner else question
        for number, one in enumerate(given, 1):
            value = value_of(one)
            if value is not None:
                yield Answered(told, in_words(value), _public_code(value))
            yield from _answers(one, (*inner, number) if len(given) > 1 else inner)
        yield from _answers(item, inner)


def _public_code(value: Any) -> str:
    """Return the code of a coded answer beside its words; "" where it is the form's own and says nothing more."""
    coding = as_dict(value)
    return (text_of(coding.get("code")) or "") if coding.get("system") in _PUBLIC and coding.get("display") else ""
