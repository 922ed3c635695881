"""What is wrong with a policy's facts that the schema cannot see? Searches, paths and units that lead nowhere."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fhir_r4.path import PathError, bounded, elements
from fhir_r4.ucum import NotUcum, unit
from rules.expression_faults import clock_findings
from rules.facts import PATHS, WORDS, FactType, Place
from rules.periods import Span
from rules.read_codes import ValueSets, code_findings, nearest
from rules.search import Search
from rules.yaml_lines import Finding, Where, told_by

_MADE_OF = {  # words whose value has one type
    "age": FactType.NUMBER, "quantity": FactType.NUMBER, "used": FactType.NUMBER, "count": FactType.NUMBER,
    "sex": FactType.CODE, "network": FactType.CODE, "npi": FactType.CODE, "place-of-service": FactType.CODE,
    "modifiers": FactType.CODE, "code": FactType.CODE, "gold-card": FactType.BOOLEAN, "authorized": FactType.BOOLEAN,
    "has": FactType.BOOLEAN, "diagnoses": FactType.BOOLEAN,
}  # fmt: skip
_FIRST = re.compile(r"(?:[A-Z]\w*\.)?([a-z]\w*)(?![\w(])")
_RESOURCES = {
    Place.COVERAGE: ("Coverage",),
    Place.PATIENT: ("Patient",),
    Place.ORDER: (
        "DeviceRequest", "ServiceRequest", "MedicationRequest", "NutritionOrder", "VisionPrescription",
        "CommunicationRequest", "Appointment", "Encounter",
    ),
}  # fmt: skip
_DAYS_OF = {  # the day that a resource is about
    "Condition": "onset", "AllergyIntolerance": "onset", "Procedure": "performed", "Encounter": "period.start",
    "Immunization": "occurrence", "MedicationDispense": "whenHandedOver", "MedicationRequest": "authoredOn",
    "ServiceRequest": "authoredOn", "DeviceRequest": "authoredOn", "Observation": "effective",
    "DiagnosticReport": "effective", "MedicationAdministration": "effective", "MedicationStatement": "effective",
}  # fmt: skip
_NEEDS_CODES = frozenset({"has", "diagnoses"})


def fact_findings(name: str, fact: dict[str, Any], value_sets: ValueSets) -> Iterator[Finding]:
    """Yield what is wrong with one fact."""
    where: Where = ("facts", name)
    kind = FactType(fact.get("type", FactType.NUMBER))
    if "unit" in fact:
        yield from _tried(unit, fact["unit"], NotUcum, (*where, "unit"), 'write it in UCUM, such as "kg" or "mm[Hg]"')
    if kind is not FactType.NUMBER and ("unit" in fact or "from-to" in fact):
        yield Finding(where, f"a {kind} has no unit and no bounds", "leave them out, or leave out the type")
    if fact.get("from-to", [0, 0])[0] > fact.get("from-to", [0, 0])[1]:
        yield Finding((*where, "from-to"), "the first bound is above the second", "exchange them")
    places = (
        [(fact, where)] if "from" not in fact else [(one, (*where, "from", i)) for i, one in enumerate(fact["from"])]
    )
    for place, below in places:
        yield from _place(place, below, kind, value_sets)


def _place(data: dict[str, Any], where: Where, kind: FactType, value_sets: ValueSets) -> Iterator[Finding]:
    place = next(place for place in Place if place in data)
    what = data[place]
    if place is Place.RECORD:
        yield from _tried(Search.parse, what, ValueError, (*where, place))
        yield from _read_of_record(data, where, kind)
    elif place in PATHS and what not in WORDS.get(place, ()):
        words = WORDS.get(place, frozenset())
        yield from _tried(bounded, what, PathError, (*where, place), nearest(what, words) if words else "")
        yield from clock_findings(what, (*where, place))
        yield from _element(what, place, _RESOURCES[place], (*where, place), words)
    for key, allowed in (("path", place is Place.RECORD), ("within", place in {Place.RECORD, Place.ON_FILE})):
        if key in data and not allowed:
            yield Finding((*where, key), f"'{key}' says nothing about a {place}", "leave it out")
    if "within" in data:
        yield from _tried(Span.parse, data["within"], ValueError, (*where, "within"), "write it as '30 days'")
    if "among" in data:
        yield from code_findings(data["among"], (*where, "among"), value_sets)
    yield from _type(data, where, kind, what if place in WORDS and what in WORDS[place] else "")


def _read_of_record(data: dict[str, Any], where: Where, kind: FactType) -> Iterator[Finding]:
    searched = data["record"].partition("?")[0]
    if "path" in data:
        yield from _element(data["path"], searched, [searched], (*where, "path"))
        yield from _tried(bounded, data["path"], PathError, (*where, "path"))
        yield from clock_findings(data["path"], (*where, "path"))
    elif kind not in {FactType.BOOLEAN, FactType.NUMBER} or "unit" in data:
        meant = _DAYS_OF.get(searched, "value") if kind is FactType.DATE else "value"
        yield Finding(where, f"a record without a path is no {kind}", f"add 'path', the element that is meant: {meant}")


def _element(
    path: str, holder: str, types: Iterable[str], where: Where, words: Iterable[str] = ()
) -> Iterator[Finding]:
    """Yield where a path begins with what no such resource has: it would be missing for ever."""
    known, found = frozenset().union(*map(elements, types)), _FIRST.match(path)
    if known and found and not any(_is_called(found[1], one) for one in known):
        yield Finding(where, f"{holder} has no element '{found[1]}'", nearest(path, [*known, *words]))


def _is_called(name: str, element: str) -> bool:
    """Tell whether a name is that of an element, or of one of a choice as JSON spells it: valueQuantity."""
    return name == element or (name.startswith(element) and name[len(element)].isupper())


def _type(data: dict[str, Any], where: Where, kind: FactType, word: str) -> Iterator[Finding]:
    """Yield where a place cannot give what the fact is."""
    if word in _NEEDS_CODES and "among" not in data:
        yield Finding(where, f"'{word}' needs codes to look for", "add 'among', such as {ICD-10-CM: [\"J44.*\"]}")
    made = FactType.BOOLEAN if "among" in data and not {"record", "on-file"} & data.keys() else _MADE_OF.get(word)
    if made and made is not kind:
        yield Finding(where, f"this place gives a {made}, and the fact is a {kind}", f"write 'type: {made}'")


def _tried(
    read: Callable[[str], Any], text: str, wrong: type[Exception], where: Where, hint: str = ""
) -> Iterator[Finding]:
    try:
        read(text)
    except wrong as error:
        message, suggestion = told_by(error)
        yield Finding(where, message, suggestion or hint)
