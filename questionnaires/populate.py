"""How does a form get its answers from a record? SDC's expression-based population, with FHIRPath.

Pure: who populates has gathered the launch context and the results of the form's queries before. Every answer
carries where it came from (DTR, extension information-origin).

Source: SDC 4.0.0 "Expression-based population"; DTR 2.0.1 and 2.2.0, "Questionnaire population".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir_r4.path import compiled
from fhir_r4.resource import as_dict, dicts, extension, extensions, text_of
from fhir_r4.systems import INFORMATION_ORIGIN, INITIAL_EXPRESSION, VARIABLE
from questionnaires.catalog import questions

FHIRPATH = frozenset({"text/fhirpath"})
QUERY = "application/x-fhir-query"
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "valueBoolean": bool,
    "valueInteger": int,
    "valueDecimal": (int, float, Decimal),
}
Variables = Mapping[str, Any]

_TOKEN = re.compile(r"\{\{(.+?)\}\}")
_VALUE = {  # item.type to answer.value[x]
    "boolean": "valueBoolean",
    "decimal": "valueDecimal",
    "integer": "valueInteger",
    "date": "valueDate",
    "dateTime": "valueDateTime",
    "string": "valueString",
    "text": "valueString",
    "quantity": "valueQuantity",
    "choice": "valueCoding",
    "open-choice": "valueCoding",
    "reference": "valueReference",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A root-level variable of the form that is to be asked of the EHR."""

    name: str
    template: str


@dataclass(frozen=True, slots=True)
class Empty:
    """A question that the form wanted to fill and could not, and why; names the expression, never a value."""

    link_id: str
    why: str


def queries(form: dict) -> Iterator[Query]:
    """Yield the form's x-fhir-query variables."""
    for variable in extensions(form, VARIABLE):
        expression = as_dict(variable.get("valueExpression"))
        name, query = text_of(expression.get("name")), text_of(expression.get("expression"))
        if name and query and expression.get("language") == QUERY:
            yield Query(name, query)


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


def populate(
    form: dict, response: dict, variables: Variables, origin: Callable[[], dict]
) -> tuple[dict, tuple[Empty, ...]]:
    """Return ``response`` with every unanswered question filled whose initialExpression finds something.

    Args:
        form: the Questionnaire.
        response: a draft with the form's items; questions that have an answer are left alone.
        variables: launch context and query results by name, each a resource or a searchset Bundle.
        origin: makes the information-origin extension of an answer.

    Returns:
        The filled response, and the questions that stayed empty with the reason.
    """
    items = questions(form)
    known = dict(variables) | {"resource": response, "questionnaire": form}
    empty: list[Empty] = []

    def filled(item: dict) -> dict:
        below = {"item": [filled(one) for one in dicts(item.get("item"))]} if item.get("item") else {}
        question = items.get(item.get("linkId", ""), {})
        expression = as_dict(extension(question, INITIAL_EXPRESSION).get("valueExpression"))
        if item.get("answer") or not expression:
            return item | below
        values, why = _values(expression, question, known)
        if why:
            empty.append(Empty(item["linkId"], why))
            return item | below
        return item | {"answer": [{"extension": [origin()], **value} for value in values]} | below

    return response | {"item": [filled(item) for item in dicts(response.get("item"))]}, tuple(empty)


def information_origin(source: str, *, author: str | None = None) -> dict:
    """Return the extension that says where an answer came from.

    Args:
        source: auto (2.0), auto-client or auto-server (2.2), override, manual.
        author: reference to the Practitioner who answered; with override and manual only (dtrx-1).
    """
    parts: list[dict] = [{"url": "source", "valueCode": source}]
    if author:
        who = {"url": "practitioner", "valueReference": {"reference": author}}
        parts.append({"url": "author", "extension": [who]})
    return {"url": INFORMATION_ORIGIN, "extension": parts}


def _values(expression: dict, question: dict, variables: Variables) -> tuple[list[dict], str | None]:
    if expression.get("language") not in FHIRPATH:
        return [], "the expression is not FHIRPath"
    try:
        found = compiled(text_of(expression.get("expression")) or "{}")({}, variables)
    except Exception as error:  # noqa: BLE001 fhirpathpy raises bare Exceptions
        return [], f"the expression failed: {type(error).__name__}"
    if not found:
        return [], "the record has nothing"
    answers = [answer for value in found if (answer := _answer(value, text_of(question.get("type")) or ""))]
    if not answers:
        return [], f"what the record has is not a {question.get('type')}"
    return (answers if question.get("repeats") else answers[:1]), None


def _answer(value: Any, item_type: str) -> dict | None:
    element = _VALUE.get(item_type)
    if element in {"valueQuantity", "valueCoding", "valueReference"}:
        if isinstance(value, dict):
            return {element: value}
        return {"valueString": value} if item_type == "open-choice" and isinstance(value, str) else None
    return {element: value} if element and isinstance(value, _PLAIN.get(element, str)) else None
