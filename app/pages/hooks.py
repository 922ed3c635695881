"""What was asked by a hook, read for it, answered and promised, and in what time? For who settles a dispute.

Whoever searches or opens a call is recorded (``events``, hooks.searched and hooks.read). What is searched by is patient
data, and stays out of addresses.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import render_template, request

from app.current import the_service
from app.pages.door import READERS, pages, the_person
from app.security import staff
from app.storage import events, hook_records
from app.storage.hook_records import MOST, Search
from cds_hooks.metrics import orders_of
from cds_hooks.services import SERVICES
from fhir_r4.coverage_information import issued
from fhir_r4.problems import InvalidRequest, Unknown
from fhir_r4.resource import as_dict, codings, dicts, kind, local_reference, text_of, value_of
from fhir_r4.wire import read_object

LONGEST = 200
_CODES = ("codeCodeableConcept", "code", "medicationCodeableConcept", "serviceType", "type", "category")


@pages.get("/hooks")
def hook_list() -> str:
    """Show what can be searched by, and which EHRs are left alone; no patient is in that."""
    return _list(Search(), ())


@pages.post("/hooks")
def find_hooks() -> str:
    """Show the calls that match, the newest first."""
    person, service = staff.require(the_person(), *READERS), the_service()
    given = {name: request.form.get(name, "").strip()[:LONGEST] or None for name in Search.__slots__}
    search = Search(**given)
    with service.database.writing() as connection:
        found = hook_records.found(connection, search)
        calls = [one.id for one in found]
        if search.words:
            events.record(
                connection, "hooks.searched", actor=person.name, at=service.now(), by=search.words, calls=calls
            )
    return _list(search, found)


@pages.get("/hooks/<identity>")
def hook_call(identity: str) -> str:
    """Show one call whole."""
    person, service = staff.require(the_person(), *READERS), the_service()
    with service.database.writing() as connection:
        call = hook_records.whole(connection, identity)
        if call is None:
            raise Unknown("there is no such call; what is old is deleted")
        promises = hook_records.promises_of(connection, identity)
        cards = [text_of(one.get("uuid")) or "" for one in dicts(_read(call.response).get("cards"))]
        fates = hook_records.fates(connection, cards)
        events.record(connection, "hooks.read", actor=person.name, at=service.now(), calls=[identity])
    shown = _shown(call, fates, {one.id for one in promises})
    return render_template("hook.html", person=person, call=shown, promises=promises, zone=service.zone)


def _list(search: Search, found: Any) -> str:
    service, person = the_service(), the_person()
    return render_template(
        "hooks.html",
        person=person,
        may_search=person.role in READERS,
        search=search,
        found=found,
        most=MOST,
        hook=lambda name: SERVICES[name].hook if name in SERVICES else name,
        milliseconds=_milliseconds,
        resting=service.lines.resting(),
        zone=service.zone,
    )


def _milliseconds(call: Any) -> int:
    return int((call.answered_at - call.received_at) / timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Sent:
    """A key of the prefetch, and what came under it."""

    key: str
    words: str


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one order: parts of the coverage information by name, several with commas."""

    order: str
    title: str
    said: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class Card:
    summary: str
    topic: str
    fate: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One call as a person reads it; ``row`` is the record itself."""

    row: Any
    milliseconds: int
    user: str
    patient: str
    prefetch: tuple[Sent, ...]
    options: dict[str, Any]
    reads: dict[str, Any]
    told: tuple[Told, ...]
    cards: tuple[Card, ...]
    issues: tuple[dict, ...]
    request: str
    response: str


def _shown(call: Any, fates: dict[tuple[str, str], str], promised: Collection[str]) -> Shown:
    asked, answered = _read(call.request), _read(call.response)
    context, extension = as_dict(asked.get("context")), as_dict(asked.get("extension"))
    return Shown(
        row=call,
        milliseconds=_milliseconds(call),
        user=text_of(context.get("userId")) or "",
        patient=text_of(context.get("patientId")) or "",
        prefetch=tuple(Sent(key, _in_words(value)) for key, value in as_dict(asked.get("prefetch")).items()),
        options=as_dict(extension.get("davinci-crd.configuration")),
        reads=call.reads or {},
        told=tuple(_told(asked, answered, promised)),
        cards=tuple(_cards(answered, call.client_id, fates)),
        issues=tuple(dicts(answered.get("issue"))),
        request=_pretty(call.request),
        response=_pretty(call.response),
    )


def _told(asked: dict, answered: dict, promised: Collection[str]) -> Iterator[Told]:
    actions = [as_dict(one.get("resource")) for one in dicts(answered.get("systemActions"))]
    by_order = {local_reference(one): one for one in actions}
    for target, order in {**orders_of(asked), **by_order}.items():
        yield Told(target, _title(order), tuple(map(_parts, issued(by_order.get(target), promised))))


def _parts(written: dict) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for part in dicts(written.get("extension")):
        if words := _value_in_words(value_of(part)):
            found.setdefault(str(part.get("url")), []).append(words)
    return {name: ", ".join(words) for name, words in found.items()}


def _value_in_words(value: Any) -> str:
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    return next((text for name in ("text", "reference", "code", "value") if (text := text_of(value.get(name)))), "")


def _title(order: dict) -> str:
    for name in _CODES:
        for concept in dicts(order.get(name)) or [as_dict(order.get(name))]:
            coded = next((f"{one.display or ''} {one.code}".strip() for one in codings(concept)), None)
            if told := text_of(concept.get("text")) or coded:
                return told
    return ""


def _cards(answered: dict, client: str, fates: dict[tuple[str, str], str]) -> Iterator[Card]:
    for card in dicts(answered.get("cards")):
        topic = as_dict(as_dict(card.get("source")).get("topic"))
        fate = fates.get((client, text_of(card.get("uuid")) or ""), "")
        yield Card(text_of(card.get("summary")) or "", text_of(topic.get("code")) or "", fate)


def _in_words(sent: Any) -> str:
    match kind(sent):
        case "Bundle":
            count = len(dicts(sent.get("entry")))
            return f"{count} resource{'' if count == 1 else 's'}"
        case "OperationOutcome":
            return "could not be had, the EHR says"
        case "":
            return "there is none, the EHR says" if sent is None else "unreadable"
        case name:
            return name


def _read(kept: bytes) -> dict:
    try:
        return read_object(kept)
    except InvalidRequest:
        return {}


def _pretty(kept: bytes) -> str:
    return json.dumps(_read(kept), indent=1, ensure_ascii=False, default=str)
