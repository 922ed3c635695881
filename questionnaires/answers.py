"""What does a completed form say? A QuestionnaireResponse becomes plain facts, found by linkId.

The response is somebody else's: an answer of the wrong type, in another unit, given twice or in an unfinished
form is no answer, with a note that says so and never quotes it.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from fhir_r4.resource import as_dict, dicts, text_of, value_of
from fhir_r4.systems import UCUM
from rules.policy import Fact, FactType

FINISHED = frozenset({"completed", "amended"})


def facts_from(response: dict, wanted: Iterable[Fact]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the plain values by fact name, and notes on answers that do not count.

    Numbers come in the fact's unit, dates as ISO strings, codes bare. What was not asked or not answered is
    absent.
    """
    if response.get("status") not in FINISHED:
        return {}, ("the form is not completed",)
    answers = _index(response)
    facts: dict[str, Any] = {}
    notes: list[str] = []
    for fact in wanted:
        given = answers.get(fact.question, [])
        if len(given) > 1:
            notes.append(f"{fact.name}: answered more than once")
        elif given:
            value = _plain(given[0], fact)
            if value is None or not fact.holds(value):
                notes.append(f"{fact.name}: not {fact.kind}" + (f" in {fact.unit}" if fact.unit else ""))
            else:
                facts[fact.name] = value
    return facts, tuple(notes)


def _index(response: dict) -> dict[str, list[Any]]:
    """Return all answers by linkId in one walk; groups repeat, answers hold items."""
    found: dict[str, list[Any]] = {}
    waiting = list(dicts(response.get("item")))
    while waiting:
        item = waiting.pop()
        for answer in dicts(item.get("answer")):
            if (value := value_of(answer)) is not None:
                found.setdefault(text_of(item.get("linkId")) or "", []).append(value)
            waiting.extend(dicts(answer.get("item")))
        waiting.extend(dicts(item.get("item")))
    return found


def _plain(value: Any, fact: Fact) -> Any:
    if not isinstance(value, dict):
        return None if fact.unit else value
    if fact.type is FactType.CODE:
        return text_of(value.get("code"))
    in_unit = (value.get("system"), value.get("code")) == (UCUM, fact.unit) and not value.get("comparator")
    number = value.get("value")
    return number if in_unit and isinstance(number, int | Decimal) else None


def responses_in(resources: Iterable[dict]) -> Iterator[dict]:
    """Yield the QuestionnaireResponses among ``resources``, also those inside a DTR-QRBundle."""
    for resource in resources:
        if resource.get("resourceType") == "QuestionnaireResponse":
            yield resource
        elif resource.get("resourceType") == "Bundle":
            yield from responses_in(as_dict(entry.get("resource")) for entry in dicts(resource.get("entry")))
