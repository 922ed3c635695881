"""Which variables does an expression of a form see, and what does it say?

Those of the launch and of the form, those of the items around it, and the repetition that it is in. FHIRPath may look
at the answers, so that its variables are worked out anew for each response; CQL sees the record alone.

Source: SDC 4.0.0, "Using Expressions", variable (in scope in its element and all below) and itemPopulationContext.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_r4.path import PathError, compiled, part
from fhir_r4.resource import as_dict, dicts, extension, extensions, kind, link_of, text_of
from fhir_r4.systems import CONTEXT_EXPRESSION, ITEM_POPULATION_CONTEXT, VARIABLE
from questionnaires.asked import Place, held_by_link, is_apart, parts_and_next
from questionnaires.asked import inside as entered
from questionnaires.catalog import questions
from questionnaires.logic import LANGUAGES, Clinical

FHIRPATH = frozenset({"text/fhirpath"})
QUERY = "application/x-fhir-query"
Variables = Mapping[str, Any]

_TOKEN = re.compile(r"\{\{(.+?)\}\}")


@dataclass(frozen=True, slots=True)
class Query:
    """An expression of the form that is to be asked of the EHR; its result goes by the name."""

    name: str
    template: str


def queries(form: dict) -> Iterator[Query]:
    """Yield what the form asks the EHR for by x-fhir-query: variables, lists to repeat by, what is shown beside.

    The names of all hold in the whole form here.
    """
    for element in (form, *questions(form).values()):
        named = [as_dict(one.get("valueExpression")) for url in _NAMED for one in extensions(element, url)]
        for expression in (*named, *(one for _, one in shown_beside(element))):
            query = text_of(expression.get("expression"))
            if query and expression.get("language") == QUERY and (name := name_of(expression)):
                yield Query(name, query)


_NAMED = (VARIABLE, ITEM_POPULATION_CONTEXT)


def name_of(expression: dict) -> str:
    """Return the name by which others know what an expression finds; a query without one goes by itself."""
    query = text_of(expression.get("expression")) if expression.get("language") == QUERY else None
    return text_of(expression.get("name")) or query or ""


def shown_beside(element: dict) -> Iterator[tuple[str, dict]]:
    """Yield label and expression of what an item shows beside itself (SDC contextExpression)."""
    for one in extensions(element, CONTEXT_EXPRESSION):
        expression = as_dict(extension(one, "expression").get("valueExpression"))
        if expression:
            yield text_of(extension(one, "label").get("valueString")) or "", expression


def fill_query(template: str, variables: Variables) -> str | None:
    """Return the FHIR search with its ``{{tokens}}`` replaced; None where one of them has no value.

    >>> fill_query("Observation?patient={{%patient.id}}&_count=1", {"patient": {"resourceType": "Patient", "id": "p1"}})
    'Observation?patient=p1&_count=1'
    """
    filled = template
    for token in _TOKEN.findall(template):
        values = [str(value) for value in compiled(token)({}, variables)]
        if not values:
            return None
        filled = filled.replace("{{" + token + "}}", ",".join(values))
    return filled


def values_of(expression: dict, variables: Variables, clinical: Clinical | None) -> list[Any] | str:
    """Return what an expression finds, or why it could not be run, in words that quote no patient."""
    language = expression.get("language")
    if language in LANGUAGES:
        found = clinical.values(expression) if clinical else "the form came without its libraries"
        return [value for _type, value in found] if isinstance(found, list) else str(found)
    if language not in FHIRPATH:
        return "the expression is neither CQL nor FHIRPath"
    try:
        focus = variables.get("context") or variables.get("resource") or {}
        return compiled(text_of(expression.get("expression")) or "{}")(focus, variables)
    except PathError:
        return "the expression is not FHIRPath that can be read"
    except Exception:  # noqa: BLE001 fhirpathpy raises bare Exceptions
        return "the expression failed"


def listed(expression: dict, known: Variables, clinical: Clinical | None) -> list[Any] | str:
    """Return what an expression finds, where it may be a search too: each resource by itself."""
    if expression.get("language") != QUERY:
        found = values_of(expression, known, clinical)
        return [one for each in found for one in _each(each)] if isinstance(found, list) else found
    return _each(known.get(name_of(expression), []))


def _each(value: Any) -> list[Any]:
    if kind(value) != "Bundle":
        return [value] if value not in ({}, []) else []
    return [one for entry in dicts(value.get("entry")) if (one := as_dict(entry.get("resource")))]


def inside(element: dict, known: Variables, clinical: Clinical | None) -> Variables:
    """Return what is known in an element: what is known around it, and its own variables, one after the other."""
    made = dict(known)
    for one in extensions(element, VARIABLE):
        expression = as_dict(one.get("valueExpression"))
        name = text_of(expression.get("name"))
        if name and name not in known and expression.get("language") != QUERY:
            found = values_of(expression, made, clinical)
            if not isinstance(found, str):
                made[name] = found[0] if len(found) == 1 else found
    return made


def in_context(item: dict) -> dict[str, Any]:
    """Return the variable by which an expression knows the item of the response that it stands in."""
    return {"context": part(item, "QuestionnaireResponse.item")}


def seen(
    form: dict, variables: Variables, clinical: Clinical | None, response: dict | None = None
) -> Iterator[tuple[Place, dict, Variables]]:
    """Yield each question, in each of its places, with what its expressions see: place, question, variables."""
    known = {**variables, "questionnaire": form} | ({"resource": response} if response else {})

    def of(question: dict, item: dict, around: Variables) -> Variables:
        return inside(question, {**around, "qitem": question} | (in_context(item) if item else {}), clinical)

    def below(holder: dict, parent: dict, above: Place, around: Variables) -> Iterator[tuple[Place, dict, Variables]]:
        held = held_by_link(parent)
        for question in dicts(holder.get("item")):
            place, mine = above + link_of(question), held.get(link_of(question), [])
            first = of(question, mine[0] if mine else {}, around)
            yield place, question, first
            several = parts_and_next(question, mine) if question.get("item") else []
            for number, one in enumerate(several, 1):
                same = number == 1 and not is_apart(question)
                inner = first if same else of(question, {"linkId": link_of(question), **one}, around)
                yield from below(question, one, entered(place, number), inner)

    yield from below(form, response or {}, "", inside(form, known, clinical))
