"""Which form is filled in the measurement? Thirty questions over eight searches, half of them in FHIRPath, half in CQL.

CQL comes as the JSON ELM that a translator makes of it; each half asks four searches.
"""

import base64
import json
from typing import Any

from bench.slow_ehr import SYSTEM
from fhir_r4.systems import CQF_LIBRARY, INITIAL_EXPRESSION, VARIABLE
from fhir_r4.wire import write_json

QUESTIONS, SEARCHES = 30, 8
_NAME, _VERSION = "Bench", "1"
_LIBRARY = f"https://bench.example.org/Library/{_NAME}"
_TYPES = ("quantity", "date", "string", "integer")
_FHIRPATH = {
    "quantity": "%r{n}.entry.resource.where(status = 'final').first().value",
    "date": "%r{n}.entry.resource.where(status = 'final').first().effective",
    "string": "%r{n}.entry.resource.where(status = 'final').first().code.text",
    "integer": "%r{n}.entry.resource.where(status = 'final').count()",
}
_FHIR = "{http://hl7.org/fhir}"


def form() -> dict:
    """Return the Questionnaire."""
    return {
        "resourceType": "Questionnaire",
        "id": "bench",
        "url": "https://bench.example.org/Questionnaire/bench",
        "version": _VERSION,
        "status": "active",
        "extension": [
            {"url": CQF_LIBRARY, "valueCanonical": f"{_LIBRARY}|{_VERSION}"},
            *(_query(number) for number in range(SEARCHES // 2)),
        ],
        "item": [_question(number) for number in range(QUESTIONS)],
    }


def library() -> dict:
    """Return the Library with the defines of the questions that CQL answers."""
    elm = base64.b64encode(json.dumps({"library": _elm()}).encode()).decode()
    return {
        "resourceType": "Library",
        "id": _NAME,
        "url": _LIBRARY,
        "version": _VERSION,
        "name": _NAME,
        "status": "active",
        "type": {"coding": [{"code": "logic-library"}]},
        "content": [{"contentType": "application/elm+json", "data": elm}],
    }


def draft() -> dict:
    """Return the response before it is filled."""
    items = [{"linkId": str(number)} for number in range(QUESTIONS)]
    return {"resourceType": "QuestionnaireResponse", "status": "in-progress", "item": items}


def size() -> int:
    """Return the bytes of form and library."""
    return len(write_json([form(), library()]))


def _query(number: int) -> dict:
    expression = f"Observation?patient={{{{%patient.id}}}}&code={SYSTEM}|r{number}&_sort=-date"
    held = {"name": f"r{number}", "language": "application/x-fhir-query", "expression": expression}
    return {"url": VARIABLE, "valueExpression": held}


def _question(number: int) -> dict:
    type_ = _TYPES[number // 2 % len(_TYPES)]
    search = number % SEARCHES
    expression = (
        {"language": "text/fhirpath", "expression": _FHIRPATH[type_].format(n=search)}
        if search < SEARCHES // 2
        else {"language": "text/cql-identifier", "expression": f'"{_NAME}"."{type_} {search}"'}
    )
    extension = [{"url": INITIAL_EXPRESSION, "valueExpression": expression}]
    return {"linkId": str(number), "text": f"Question {number}", "type": type_, "extension": extension}


def _elm() -> dict:
    defines = [
        {"name": f"{type_} {search}", "context": "Patient", "expression": _asked(type_, search)}
        for search in range(SEARCHES // 2, SEARCHES)
        for type_ in _TYPES
    ]
    results = [
        {"name": f"r{search}", "context": "Patient", "expression": _sorted(search)}
        for search in range(SEARCHES // 2, SEARCHES)
    ]
    patient = {"type": "SingletonFrom", "operand": {"type": "Retrieve", "dataType": f"{_FHIR}Patient"}}
    return {
        "identifier": {"id": _NAME, "version": _VERSION},
        "schemaIdentifier": {"id": "urn:hl7-org:elm", "version": "r1"},
        "usings": {"def": [{"localIdentifier": "FHIR", "uri": "http://hl7.org/fhir", "version": "4.0.1"}]},
        "codeSystems": {"def": [{"name": "Results", "id": SYSTEM}]},
        "codes": {
            "def": [
                {"name": f"r{search}", "id": f"r{search}", "codeSystem": {"name": "Results"}}
                for search in range(SEARCHES // 2, SEARCHES)
            ]
        },
        "contexts": {"def": [{"name": "Patient"}]},
        "statements": {"def": [{"name": "Patient", "context": "Patient", "expression": patient}, *results, *defines]},
    }


def _asked(type_: str, search: int) -> dict[str, Any]:
    found = {"type": "ExpressionRef", "name": f"r{search}"}
    if type_ == "integer":
        return {"type": "Count", "source": found}
    path = {"quantity": "value", "date": "effective", "string": "code.text"}[type_]
    return {"type": "Property", "path": path, "source": {"type": "Last", "source": found}}


def _sorted(search: int) -> dict[str, Any]:
    """Return ``[Observation: "r4"] O where O.status.value = 'final' sort by (effective as FHIR.dateTime).value``."""
    codes = {"type": "ToList", "operand": {"type": "CodeRef", "name": f"r{search}"}}
    retrieve = {"type": "Retrieve", "dataType": f"{_FHIR}Observation", "codeProperty": "code", "codeComparator": "~"}
    status = {"type": "Property", "path": "value", "source": {"type": "Property", "path": "status", "scope": "O"}}
    final = {"type": "Literal", "value": "final", "valueType": "{urn:hl7-org:elm-types:r1}String"}
    when = {
        "type": "As",
        "asTypeSpecifier": {"type": "NamedTypeSpecifier", "name": f"{_FHIR}dateTime"},
        "operand": {"type": "IdentifierRef", "name": "effective"},
    }
    by = {
        "type": "ByExpression",
        "direction": "asc",
        "expression": {"type": "Property", "path": "value", "source": when},
    }
    return {
        "type": "Query",
        "source": [{"alias": "O", "expression": retrieve | {"codes": codes}}],
        "relationship": [],
        "where": {"type": "Equal", "operand": [status, final]},
        "sort": {"by": [by]},
    }
