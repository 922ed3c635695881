"""How does one see that every must-support element can be answered with? Requests that together bring each of them out.

In each generation: a request of two services, one certified by policy and one that a person asks more about, then
certifies less of; updates in between; an inquiry while it is pended and one after; and, submitted and asked about, a
member whom nobody knows.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from app.demo.must_support import elements, missing
from app.demo.showcase_request import ORDER, PROVIDER, first_request, of_nobody, update
from app.sandbox.claim import inquiry_bundle
from app.sandbox.records import Records
from fhir_r4.generations import Generation
from fhir_r4.resource import as_dict, dicts, extension
from fhir_r4.systems import ADMINISTRATION_REFERENCE_NUMBER

NOT_SHOWN = {
    "ClaimResponse.request.extension:DataAbsentReason": "what was submitted is there, so the reference is there",
}
"""Elements that no answer of ours to a submission has in any situation."""


class Desk(Protocol):
    """Who sends requests, and who reviews them."""

    def submit(self, generation: Generation, bundle: dict) -> Any: ...

    def inquire(self, generation: Generation, bundle: dict) -> Any: ...

    def review(self, reference: str, form: dict[str, Any]) -> None:
        """Decide as a licensed reviewer about the case with this reference."""

    def ask(self, reference: str, form: dict[str, Any]) -> None:
        """Ask for more about it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One profile's coverage: how many elements it marks, and which no answer showed."""

    generation: Generation
    profile: str
    total: int
    missing: tuple[str, ...]
    reasoned: tuple[str, ...]


def answers(desk: Desk, generation: Generation, records: Records, base: str, now: datetime) -> list[Any]:
    """Return all answers of the story in one generation."""
    first = first_request(records, base, generation, now)
    inquiry = inquiry_bundle(records, base, records.get(ORDER) or {}, PROVIDER, now)
    inquiry["entry"][0]["resource"]["item"][0]["productOrService"]["coding"][0] = dict(_ANYTHING)
    told = [desk.submit(generation, first)]
    reference = _reference(told[0])
    desk.ask(reference, {"sequence": "2", "document": "11506-3", "note": "The notes of the last three months."})
    told.append(desk.inquire(generation, inquiry))
    second = update(first, generation, added=3, now=now)
    told.append(desk.submit(generation, second))
    desk.review(reference, _less(now.date()))
    told.append(desk.submit(generation, update(second, generation, added=4, now=now)))
    told.append(desk.inquire(generation, _again(inquiry, now)))
    told.append(desk.submit(generation, of_nobody(first, now)))
    lacking = first_request(records, base, generation, now)
    _without_answers(lacking)
    told.append(desk.submit(generation, lacking))
    told.append(desk.inquire(generation, _again(inquiry, now)))
    told.append(desk.inquire(generation, of_nobody(inquiry, now)))
    return told


def table(generation: Generation, told: list[Any]) -> list[Row]:
    """Return what the answers show, by profile."""
    rows = []
    for profile, (total, lacking) in missing(generation, told).items():
        reasoned = tuple(one for one in lacking if profile == "profile-claimresponse" and one in NOT_SHOWN)
        rows.append(Row(generation, profile, total, tuple(one for one in lacking if one not in reasoned), reasoned))
    return rows


def marked(generation: Generation) -> int:
    return sum(map(len, elements(generation).values()))


_ANYTHING = {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-applicable"}


def _reference(answer: Any) -> str:
    response = as_dict(answer["entry"][0]["resource"])
    numbers = (extension(item, ADMINISTRATION_REFERENCE_NUMBER).get("valueString") for item in dicts(response["item"]))
    return str(next(number for number in numbers if number))


def _less(today: date) -> dict[str, Any]:
    return {
        "sequence": "2",
        "action": "A6",
        "starts": (today + timedelta(days=20)).isoformat(),
        "ends": (today + timedelta(days=40)).isoformat(),
        "quantity": "3",
        "reason": "Three visits to begin with; ask again with the notes of these.",
    }


def _without_answers(bundle: dict) -> None:
    """Take the answers off the form, and the days to other years: the policy asks for its form."""
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "QuestionnaireResponse":
            entry["resource"]["item"] = entry["resource"]["item"][2:]
    claim = bundle["entry"][0]["resource"]
    claim["item"] = claim["item"][:1]
    claim["item"][0]["servicedDate"] = "2059-01-10"


def _again(bundle: dict, now: datetime) -> dict:
    return bundle | {
        "identifier": bundle["identifier"] | {"value": f"{bundle['identifier']['value']}-{now.timestamp()}"}
    }
