"""Which questions of a form can the facts of its policies fill? Those that have no expression of their own.

A policy names, for each fact, the form's question and the FHIR search that finds it in a record. Where the form's
author has written no expression for the question, the search becomes one: a root variable of the form that any DTR
client asks of the EHR, and an initial expression that reads its result. What a person would have to judge (several
different answers, nothing found where nothing means nothing) is left to the person.

Source: SDC 4.0.0 "Expression-based population", x-fhir-query variables; DTR 2.0.1 and 2.2.0, both of which take them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_r4.resource import extension, extensions, text_of, value_of
from fhir_r4.systems import (
    CALCULATED_EXPRESSION,
    INITIAL_EXPRESSION,
    LAUNCH_CONTEXT,
    VARIABLE,
)
from questionnaires.catalog import questions
from questionnaires.policies_of_form import extended, naming
from rules.book import PolicyBook
from rules.facts import Fact, FactType, Whence
from rules.policy import Policy

_DATED = {  # the search parameter for the day that a resource is about; as common as servers have it
    "AllergyIntolerance": "date",
    "Condition": "recorded-date",
    "DeviceRequest": "authored-on",
    "DiagnosticReport": "date",
    "Encounter": "date",
    "Immunization": "date",
    "MedicationAdministration": "effective-time",
    "MedicationDispense": "whenhandedover",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "Observation": "date",
    "Procedure": "date",
    "ServiceRequest": "authored",
}
_VERIFIED = frozenset({"AllergyIntolerance", "Condition"})
_NUMBERS = frozenset({"decimal", "integer"})


@dataclass(frozen=True, slots=True)
class _Filled:
    """A question, the variable whose search finds its answer, and how the answer is read from the result."""

    question: str
    variable: str
    query: str
    expression: str


def with_policy_searches(form: dict, book: PolicyBook) -> dict:
    """Return the form with expressions for questions that have none, from the policies that name it.

    Where several versions do, the one that is preferred at order time speaks first. Whoever publishes another policy
    for the same version of a form gives that version further expressions, and changes none.
    """
    patient = _patient(form)
    asked = {link: item for link, item in questions(form).items() if not _has_expression(item)}
    if patient is None or not asked:
        return form
    found: dict[str, _Filled] = {}
    for policy in _opened(form, book, asked):
        for fact in policy.facts:
            item = asked.get(fact.question or "")
            if item and fact.question not in found and (filled := _filled(fact, item, patient)):
                found[filled.question] = filled
    return _written(form, list(found.values())) if found else form


def _opened(form: dict, book: PolicyBook, asked: dict[str, dict]) -> Iterator[Policy]:
    """Open the policies that name the form, look for something in a record, and ask such a question."""
    for entry in sorted(naming(form, book), key=lambda one: one.rank, reverse=True):
        if entry.searches and asked.keys() & {one.question for one in entry.asks}:
            yield entry.open()


def _filled(fact: Fact, item: dict, patient: str) -> _Filled | None:
    for whence in fact.whence:
        query, expression = _query(whence, patient), _expression(fact, whence, item)
        if query and expression:
            link = str(item["linkId"])
            name = f"record{re.sub('[^A-Za-z0-9]', 'x', link)}"  # an id in FHIR, and a name in FHIRPath
            return _Filled(link, name, query, expression.replace("%found", f"%{name}"))
    return None


def _query(whence: Whence, patient: str) -> str | None:
    """Return the search with its tokens: the patient, and the day from which it counts; None where it cannot be so."""
    if whence.search is None or (whence.among is not None and not whence.search.narrowed):
        return None
    query = whence.search.for_patient(f"{{{{%{patient}.id}}}}")
    if whence.within is not None:
        query += f"&{_DATED[whence.search.type]}=ge{{{{today() - {whence.within}}}}}"
    return query


def _expression(fact: Fact, whence: Whence, item: dict) -> str | None:
    """Return the FHIRPath that reads the answer from ``%found``, the search's result."""
    if whence.search is None:
        return None
    held = f"%found.entry.resource.ofType({whence.search.type}){_not_void(whence)}"
    if whence.path is None:
        told = f"{held}.count()" if fact.type is FactType.NUMBER else "true"
        return f"iif({held}.exists(), {told}, {{}})"  # that a record has nothing is no answer
    value = f"{held}.select({whence.path})"
    if fact.unit and item.get("type") in _NUMBERS:
        value += f".where(code = '{fact.unit}').value"
    if whence.search.newest_first or whence.search.count == 1:
        return f"{value}.first()"
    return f"iif({value}.distinct().count() = 1, {value}.first(), {{}})"


def _not_void(whence: Whence) -> str:
    if whence.search and whence.search.type in _VERIFIED:
        void = "code = 'entered-in-error' or code = 'refuted'"
        return f".where(verificationStatus.coding.where({void}).empty())"
    void = " and ".join(f"status != '{one}'" for one in ("entered-in-error", "cancelled", "not-done", "revoked"))
    return f".where(status.empty() or ({void}))"


def _written(form: dict, filled: list[_Filled]) -> dict:
    taken = {text_of(value_of(one).get("name")) for one in extensions(form, VARIABLE)}
    variables = [
        {"url": VARIABLE, "valueExpression": {
            "name": one.variable, "language": "application/x-fhir-query", "expression": one.query,
        }}
        for one in filled if one.variable not in taken
    ]  # fmt: skip
    initial = {
        one.question: [{"url": INITIAL_EXPRESSION, "valueExpression": {
            "language": "text/fhirpath", "expression": one.expression,
        }}]
        for one in filled
    }  # fmt: skip
    return extended(form, initial) | {"extension": [*form.get("extension", []), *variables]}


def _has_expression(item: dict) -> bool:
    return bool(item.get("initial")) or any(extension(item, url) for url in (INITIAL_EXPRESSION, CALCULATED_EXPRESSION))


def _patient(form: dict) -> str | None:
    """Return the name under which the launch gives the form its patient, if the form asks for one."""
    for context in extensions(form, LAUNCH_CONTEXT):
        parts = {part.get("url"): value_of(part) for part in context.get("extension", [])}
        if parts.get("type") == "Patient":
            return text_of(parts["name"].get("code")) if isinstance(parts.get("name"), dict) else None
    return None
