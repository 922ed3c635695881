"""What are the facts of a policy, on this evidence? The most trusted place that has a usable answer, and which it was.

Never raises, whatever the evidence: what is of another type, in a unit that does not convert, or answered several
times where one answer is expected, is missing, with a note that names fact and place and never the value.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from fhir_r4.resource import Coding, codings, local_reference, text_of
from rules.directory import Provider
from rules.evidence import Evidence
from rules.facts import Fact, FactType, Place, Whence
from rules.periods import Span
from rules.plain import plain
from rules.policy import Policy
from rules.search import CODED, day_of
from rules.trace import Origin

Seen = tuple[Any, str]
"""A value as FHIR has it, and where in its place it was: a linkId, a resource, a path."""


@dataclass(slots=True)
class Known:
    """Plain values by fact, where they come from, and notes on what did not count."""

    facts: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_facts(policy: Policy, evidence: Evidence) -> Known:
    """Return what the evidence says of the policy's facts."""
    known = Known()
    for fact in policy.facts:
        for whence in fact.whence:
            if _take(fact, whence, policy, evidence, known):
                break
    return known


def _take(fact: Fact, whence: Whence, policy: Policy, evidence: Evidence, known: Known) -> bool:
    """Note what one place says; tell whether that settles it: an answer, or several that contradict each other."""
    try:
        seen = _PLACES[whence.place](fact, whence, policy, evidence)
    except Exception as error:  # noqa: BLE001 fhirpathpy raises bare Exceptions: a resource of an unexpected shape
        known.notes.append(f"{fact.words}: {whence.place} {whence.what}: {type(error).__name__}, not read")
        return False
    usable: dict[Any, str] = {}
    for value, where in seen:
        found = plain(value, fact)
        if found is None:
            unit = f" in {fact.unit}" if fact.unit else ""
            known.notes.append(f"{fact.words}: {whence.place} {where} is not {fact.kind}{unit}")
        else:
            usable.setdefault(found, where)
    if len(usable) > 1:
        known.notes.append(f"{fact.words}: {whence.place} has several answers, taken as missing")
        return True
    for value, where in usable.items():
        known.facts[fact.name], known.origins[fact.name] = value, Origin(whence.place, where)
    return bool(usable)


def _question(_fact: Fact, whence: Whence, _policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    said = evidence.answers.get(whence.what, [])
    if whence.among is not None:
        found = [Coding(system, code) for one in said if (code := text_of(_get(one, "code")))
                 for system in [text_of(_get(one, "system")) or ""]]  # fmt: skip
        return _among(whence, evidence, found, whence.what)
    return [(one, whence.what) for one in said]


def _record(fact: Fact, whence: Whence, _policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    """Read what the EHR has. That it has nothing says nothing: another place may know."""
    if whence.search is None:
        return []
    resources = [one for one in whence.search.found_in(evidence.records) if _in_time(one, whence.within, evidence.day)]
    if whence.among is not None:
        element = CODED[whence.search.type][1]
        resources = [
            one for one in resources if any(whence.among.has(code, evidence.day) for code in codings(one.get(element)))
        ]
    resources = resources[: whence.search.count]
    if not resources:
        return []
    if whence.read is None:
        return [(len(resources) if fact.type is FactType.NUMBER else True, local_reference(resources[0]))]
    return [(value, local_reference(one)) for one in resources for value in whence.read(one, {})]


def _order(_fact: Fact, whence: Whence, _policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    asked = evidence.asked
    match whence.what:
        case "code":
            return _code(whence, evidence)
        case "quantity":
            return [(asked.quantity, "quantity")] if asked.quantity is not None else []
        case "place-of-service":
            return [(asked.place_of_service, "place-of-service")] if asked.place_of_service else []
        case "modifiers":
            return [(one, "modifiers") for one in asked.modifiers]
        case "diagnoses":
            return _among(whence, evidence, asked.diagnoses, "diagnoses")
        case _:
            return _path(whence, evidence.order)


def _code(whence: Whence, evidence: Evidence) -> Iterable[Seen]:
    """Return the code by which the policy was found, however many others there are; or whether it is one of some."""
    return _among(whence, evidence, [evidence.code] if evidence.code else [], "code")


def _coverage(_fact: Fact, whence: Whence, _policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    return _path(whence, evidence.coverage)


def _patient(_fact: Fact, whence: Whence, _policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    patient = evidence.patient or {}
    if whence.what == "sex":
        return [(patient["gender"], "gender")] if text_of(patient.get("gender")) else []
    if whence.what == "age":
        born = text_of(patient.get("birthDate")) or ""
        return [(_age(date.fromisoformat(born), evidence.day), "birthDate")] if len(born) == len("2026-01-31") else []
    return _path(whence, evidence.patient)


def _requester(_fact: Fact, whence: Whence, policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    return _provider(whence.what, evidence.requester, policy, evidence.day)


def _performer(_fact: Fact, whence: Whence, policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    """Read of all who may do it: where it is not the same of each, there are several answers."""
    return [seen for one in evidence.performers for seen in _provider(whence.what, one, policy, evidence.day)]


def _provider(word: str, provider: Provider | None, policy: Policy, on: date) -> Iterable[Seen]:
    if provider is None:
        return []
    if word == "gold-card":
        return [(any(card.holds(policy.id, on) for card in provider.gold_cards), "gold-card")]
    return [(getattr(provider, word), word)]


def _on_file(_fact: Fact, whence: Whence, policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    """Read the payer's own file, which is whole: what it does not have was not authorized."""
    if evidence.on_file is None:
        return []
    codes, day = whence.among or policy.applies_to.codes, evidence.day
    mine = [one for one in evidence.on_file if any(codes.has(code, day) for code in one.codes)]
    if whence.what == "authorized":
        return [(any(one.starts <= day <= one.ends for one in mine), "authorized")]
    first = whence.within.before(day) if whence.within else date.min
    counted = [one for one in mine if first <= one.starts <= day or one.starts <= first <= one.ends]
    if whence.what == "count":
        return [(len(counted), "count")]
    return [(sum((one.quantity for one in counted), Decimal(0)), "used")]


def _request(_fact: Fact, whence: Whence, _policy: Policy, evidence: Evidence) -> Iterable[Seen]:
    if evidence.others is None or whence.among is None:
        return []
    return [(any(whence.among.has(code, evidence.day) for code in evidence.others), "other orders")]


_PLACES: Mapping[Place, Callable[[Fact, Whence, Policy, Evidence], Iterable[Seen]]] = {
    Place.QUESTION: _question,
    Place.RECORD: _record,
    Place.ORDER: _order,
    Place.COVERAGE: _coverage,
    Place.PATIENT: _patient,
    Place.REQUESTER: _requester,
    Place.PERFORMER: _performer,
    Place.ON_FILE: _on_file,
    Place.REQUEST: _request,
}


def _path(whence: Whence, resource: dict | None) -> Iterable[Seen]:
    return [(value, whence.what) for value in whence.read(resource, {})] if resource and whence.read else []


def _among(whence: Whence, evidence: Evidence, codes: Iterable[Coding], where: str) -> Iterable[Seen]:
    """Tell whether one of the codes is meant; where none is given, nothing is said."""
    given = list(codes)
    if whence.among is None:
        return [(one.to_fhir(), where) for one in given]
    return [(any(whence.among.has(code, evidence.day) for code in given), where)] if given else []


def _in_time(resource: dict, within: Span | None, day: date) -> bool:
    if within is None:
        return True
    found = day_of(resource)
    return found is not None and within.before(day) <= found <= day + timedelta(days=1)


def _age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
