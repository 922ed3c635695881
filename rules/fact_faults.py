"""What is wrong with a policy's facts that the schema cannot see? Searches, paths and units that lead nowhere."""

from collections.abc import Callable, Iterator
from typing import Any

from cql.ucum import NotUcum, unit
from fhir_r4.path import PathError, bounded
from rules.expression_faults import clock_findings
from rules.facts import PATHS, WORDS, FactType, Place
from rules.periods import Span
from rules.read_codes import ValueSets, code_findings, nearest
from rules.search import Search
from rules.yaml_lines import Finding, Where

_MADE_OF = {  # words whose value has one type
    "age": FactType.NUMBER, "quantity": FactType.NUMBER, "used": FactType.NUMBER, "count": FactType.NUMBER,
    "sex": FactType.CODE, "network": FactType.CODE, "npi": FactType.CODE, "place-of-service": FactType.CODE,
    "modifiers": FactType.CODE, "code": FactType.CODE, "gold-card": FactType.BOOLEAN, "authorized": FactType.BOOLEAN,
    "has": FactType.BOOLEAN, "diagnoses": FactType.BOOLEAN,
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
        hint = nearest(what, WORDS[place]) if place in WORDS and what.replace("-", "").isalpha() else ""
        yield from _tried(bounded, what, PathError, (*where, place), hint)
        yield from clock_findings(what, (*where, place))
    for key, allowed in (("path", place is Place.RECORD), ("within", place in {Place.RECORD, Place.ON_FILE})):
        if key in data and not allowed:
            yield Finding((*where, key), f"'{key}' says nothing about a {place}", "leave it out")
    if "within" in data:
        yield from _tried(Span.parse, data["within"], ValueError, (*where, "within"), "write it as '30 days'")
    if "among" in data:
        yield from code_findings(data["among"], (*where, "among"), value_sets)
    yield from _type(data, where, kind, what if place in WORDS and what in WORDS[place] else "")


def _read_of_record(data: dict[str, Any], where: Where, kind: FactType) -> Iterator[Finding]:
    if "path" in data:
        yield from _tried(bounded, data["path"], PathError, (*where, "path"))
        yield from clock_findings(data["path"], (*where, "path"))
    elif kind not in {FactType.BOOLEAN, FactType.NUMBER} or "unit" in data:
        yield Finding(where, f"a record without a path is no {kind}", "add 'path', the element that is meant: value")


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
        message, _, suggestion = str(error).partition("; ")
        yield Finding(where, message, suggestion or hint)
