"""From which resource did an answer come, and of what date?

An expression gives a value, not its source. So the form is asked again over a record of one resource at a time: the
resource that alone leads to the very same answer is its evidence. What the order, the patient or the coverage of the
launch gives is found with no search result at all.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fhir_r4.resource import as_dict, dicts, kind, local_reference, text_of

MOST = 60
"""Resources that are looked at; a form asks for few, and what comes after them has no evidence named."""
_DATES = ("effectiveDateTime", "authoredOn", "recordedDate", "performedDateTime", "onsetDateTime", "date", "created")
_PERIODS = ("effectivePeriod", "performedPeriod", "period")
_VARIABLE = re.compile(r"%`?([A-Za-z_]\w*)")
Variables = Mapping[str, Any]
Answers = Mapping[str, list[dict]]
"""Answers without their extensions, by linkId."""


def evidence(filled: Answers, variables: Variables, ask: Callable[[Variables], Answers]) -> dict[str, list[dict]]:
    """Return up to three sources by linkId, each ``{"reference": "Observation/1", "date": "2026-03-01"}``.

    Args:
        filled: what population answered.
        variables: launch context and search results, each a resource or a searchset Bundle.
        ask: answers the same questions over other variables.
    """
    sources: dict[str, list[dict]] = {link: [] for link in filled}
    bare = ask({name: _only(value, None) for name, value in variables.items()})
    waiting = {link for link, answer in filled.items() if bare.get(link) != answer}
    for resource in _found(variables):
        alone = ask({name: _only(value, resource) for name, value in variables.items()}) if waiting else {}
        for link in waiting:
            if alone.get(link) == filled[link] and len(sources[link]) < 3:
                sources[link].append(source(resource))
    for link, one in _from_context({link: filled[link] for link in filled.keys() - waiting}, variables, ask):
        sources[link].append(one)
    return sources


def _from_context(
    filled: Answers, variables: Variables, ask: Callable[[Variables], Answers]
) -> Iterator[tuple[str, dict]]:
    """Yield the people of the launch without whom an answer is not found: who ordered, who is here."""
    people = {local_reference(one): one for one in variables.values() if kind(one) == "Practitioner"}
    for target, person in people.items() if filled else ():
        without = {name: value for name, value in variables.items() if local_reference(as_dict(value)) != target}
        said = ask({name: _without(value, target) for name, value in without.items()})
        yield from ((link, source(person)) for link, answer in filled.items() if said.get(link) != answer)


def _without(value: Any, target: str) -> Any:
    if kind(value) != "Bundle":
        return value
    kept = [one for one in dicts(value.get("entry")) if local_reference(as_dict(one.get("resource"))) != target]
    return {**value, "entry": kept}


def context_evidence(expression: str, variables: Variables) -> list[dict]:
    """Return the resources of the launch context that a FHIRPath expression names."""
    held = (as_dict(variables.get(name)) for name in dict.fromkeys(_VARIABLE.findall(expression)))
    return [source(one) for one in held if kind(one) not in {"", "Bundle", "Questionnaire", "QuestionnaireResponse"}]


def source(resource: dict) -> dict:
    """Return a resource's reference and its day, as far as it has one."""
    days = [resource.get(name) for name in _DATES] + [as_dict(resource.get(name)).get("start") for name in _PERIODS]
    day = next((found for one in days if (found := text_of(one))), "")
    return {"reference": local_reference(resource), "date": day[:10]}


def _found(variables: Variables) -> Iterator[dict]:
    """Yield each resource of the search results once."""
    held: dict[str, dict] = {}
    for value in variables.values():
        if kind(value) == "Bundle":
            for entry in dicts(value.get("entry")):
                resource = as_dict(entry.get("resource"))
                if resource.get("id"):
                    held.setdefault(local_reference(resource), resource)
    yield from list(held.values())[:MOST]


def _only(value: Any, resource: dict | None) -> Any:
    if kind(value) != "Bundle":
        return value
    return {**value, "entry": [one for one in dicts(value.get("entry")) if one.get("resource") == resource]}
