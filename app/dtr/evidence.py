"""From which resource did an answer come, and of what date?

An expression gives a value, not its source. So the form is asked again over a record of one resource at a time: the
resource that alone leads to the very same answer is its evidence. Where none does, it is those without which the answer
is another: of a count, or a comparison of two results. What the launch gives needs no search result at all; what needs
nothing of the record came from the form.
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
SHOWN = 3
THE_FORM = {"reference": "Questionnaire", "date": ""}
"""The source of what the form works out by itself."""
Variables = Mapping[str, Any]
Answers = Mapping[str, list[dict]]
"""Answers without their extensions, by linkId."""
Ask = Callable[[Variables], Answers]


def evidence(filled: Answers, variables: Variables, ask: Ask) -> dict[str, list[dict]]:
    """Return up to three sources by linkId, newest first: ``{"reference": "Observation/1", "date": "2026-03-01"}``.

    Args:
        filled: what population answered.
        variables: launch context and search results, each a resource or a searchset Bundle.
        ask: answers the same questions over other variables.
    """
    nothing = ask({})
    own = {link for link, answer in filled.items() if nothing.get(link) == answer}
    filled = {link: answer for link, answer in filled.items() if link not in own}
    sources: dict[str, list[dict]] = {link: [] for link in filled}
    found = list(_found(variables))
    context = [one for one in variables.values() if kind(one) not in {"", "Bundle"}]
    for link, resource in (
        *_alone(filled, found, variables, ask),
        *_of_the_launch(filled, context, variables, ask),
    ):
        sources[link].append(source(resource))
    left = {link: filled[link] for link, named in sources.items() if not named}
    for link, resource in _needed(left, [*context, *found], variables, ask):
        sources[link].append(source(resource))
    newest = {link: sorted(named, key=lambda one: one["date"], reverse=True) for link, named in sources.items()}
    return {link: named[:SHOWN] for link, named in newest.items()} | {link: [THE_FORM] for link in own}


def _alone(filled: Answers, found: list[dict], variables: Variables, ask: Ask) -> Iterator[tuple[str, dict]]:
    """Yield what was found that gives the answer by itself, where the launch alone does not."""
    bare = ask({name: _only(value, None) for name, value in variables.items()})
    waiting = {link: answer for link, answer in filled.items() if bare.get(link) != answer}
    for resource in found if waiting else ():
        said = ask({name: _only(value, resource) for name, value in variables.items()})
        yield from ((link, resource) for link, answer in waiting.items() if said.get(link) == answer)


def _of_the_launch(filled: Answers, context: list[dict], variables: Variables, ask: Ask) -> Iterator[tuple[str, dict]]:
    """Yield who ordered, where an answer is another without them, and what of the launch gives it by itself."""
    yield from _needed(filled, [one for one in context if kind(one) == "Practitioner"], variables, ask)
    for resource in (one for one in context if kind(one) != "Practitioner"):
        held = {name: _only(one, None) for name, one in variables.items() if kind(one) == "Bundle" or one is resource}
        said = ask(held)
        yield from ((link, resource) for link, answer in filled.items() if said.get(link) == answer)


def _needed(filled: Answers, resources: list[dict], variables: Variables, ask: Ask) -> Iterator[tuple[str, dict]]:
    """Yield the resources without which an answer is another: a count, or a comparison, has several."""
    for target, resource in {local_reference(one): one for one in resources}.items() if filled else ():
        without = {name: value for name, value in variables.items() if local_reference(as_dict(value)) != target}
        said = ask({name: _without(value, target) for name, value in without.items()})
        yield from ((link, resource) for link, answer in filled.items() if said.get(link) != answer)


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
