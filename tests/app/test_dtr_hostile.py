"""Whatever a client sends to DTR's doors, the answer is one of FHIR's, quotes nothing, and is never a fault of ours."""

import copy
import json
import random

import pytest

from fhir_r4.wire import read_json, write_json
from tests.app.test_adaptive_door import NEXT, RED_FLAG, opened
from tests.app.test_questionnaires_door import FORMS, a_report, parameters
from tests.questionnaires.test_next_question import answering

ODD = (None, 5, -1, 1.5, "", [], {}, [[]], [{}], {"x": 1}, True, "x" * 500, "#", "http://[", "2026-02-30",
       {"reference": "#x"}, {"coding": 5}, [None], "../..", 10**30, "CANARY")  # fmt: skip
NAMES = ("extension", "resource", "id", "url", "item", "answer", "valueString", "contained")


def places(node, path=()):
    """Yield the path to each element of a body."""
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in below:
        yield (*path, key)
        yield from places(value, (*path, key))


def spoilt(chance, body):
    """Return a body with one element replaced, removed, repeated, renamed or added."""
    made = json.loads(write_json(body))
    *way, last = chance.choice(list(places(made)))
    at = made
    for step in way:
        at = at[step]
    how = chance.choice(("replace", "replace", "remove", "add", "rename"))
    if how == "remove" and isinstance(at, dict):
        del at[last]
    elif how == "remove":
        at.append(copy.deepcopy(at[last]))
    elif how == "add" and isinstance(at, dict):
        at[chance.choice(NAMES)] = copy.deepcopy(chance.choice(ODD))
    elif how == "rename" and isinstance(at, dict):
        at[f"{last}x"] = at.pop(last)
    else:
        at[last] = copy.deepcopy(chance.choice(ODD))
    return made


def a_package(_house):
    named = {"name": "questionnaire", "valueCanonical": f"{FORMS}/Questionnaire/home-oxygen|2026.1"}
    return parameters(more=[named, {"name": "changedsince", "valueInstant": "2025-01-01T00:00:00Z"}])


def answers_so_far(house):
    _, response = opened(house, "2.2")
    asked = read_json(house.post(f"2.2/{NEXT}", response).data)
    return {"resourceType": "Parameters", "parameter": [
        {"name": "questionnaire-response", "resource": answering(asked, RED_FLAG)}]}  # fmt: skip


def a_value_set(_house):
    asked = {"url": "valueUri", "filter": "valueString"}
    given = [{"name": name, element: f"{FORMS}/ValueSet/oximetry"} for name, element in asked.items()]
    return {"resourceType": "Parameters", "parameter": [*given, {"name": "count", "valueInteger": 2}]}


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("Questionnaire/$questionnaire-package", a_package),
        (NEXT, answers_so_far),
        ("Questionnaire/$log-questionnaire-errors", lambda _house: a_report()),
        ("ValueSet/$expand", a_value_set),
    ],
    ids=["package", "next", "errors", "expand"],
)
def test_a_body_that_is_spoilt_anywhere_is_answered_in_fhir_s_words(house, operation, body):
    chance, whole = random.Random(operation), body(house)  # noqa: S311 a test's own dice
    token = house.token("system/Questionnaire.rs")
    for number in range(50):
        path = f"{('2.0', '2.2')[number % 2]}/{operation}"
        answer = house.post(path, json.dumps(spoilt(chance, whole)).encode(), token=token)
        said = read_json(answer.data)
        assert answer.status_code in {200, 400, 404, 422}, path
        if answer.status_code >= 400:
            assert said["resourceType"] == "OperationOutcome"
            assert "CANARY" not in answer.text
