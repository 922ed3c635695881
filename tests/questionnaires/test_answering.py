"""Which values answer which kind of question, and which do not."""

from decimal import Decimal

import pytest

from fhir_r4.systems import MAX_QUANTITY, MAX_VALUE, UCUM, UNIT_OPTION
from questionnaires.answering import answer_of, answers

COPD = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J44.9", "display": "COPD"}
FIBROSIS = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J84.10"}
BOTH = {"coding": [FIBROSIS, COPD], "text": "lungs"}


def a_question(kind, **parts):
    return {"linkId": "1", "type": kind, **parts}


def quantity(value, code="%", **parts):
    return {"value": Decimal(value), "system": UCUM, "code": code, **parts}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("boolean", True, {"valueBoolean": True}),
        ("boolean", 1, None),
        ("integer", 6, {"valueInteger": 6}),
        ("integer", True, None),
        ("integer", Decimal("6.5"), None),
        ("decimal", 6, {"valueDecimal": 6}),
        ("decimal", quantity("6"), None),
        ("date", "2026-03-01T10:00:00Z", {"valueDate": "2026-03-01"}),
        ("date", "yesterday", None),
        ("dateTime", "2026-03-01", {"valueDateTime": "2026-03-01"}),
        ("time", "10:30:00", {"valueTime": "10:30:00"}),
        ("string", "Ada", {"valueString": "Ada"}),
        ("string", " ", None),
        ("string", BOTH, {"valueString": "lungs"}),
        ("text", COPD, {"valueString": "COPD"}),
        ("url", "https://x", {"valueUri": "https://x"}),
        ("choice", COPD, {"valueCoding": COPD}),
        ("choice", BOTH, {"valueCoding": FIBROSIS}),
        ("choice", "J44.9", None),
        ("choice", quantity("6"), None),
        ("open-choice", "anything", {"valueString": "anything"}),
        ("open-choice", quantity("6"), None),
        ("open-choice", 6, None),
        ("reference", {"reference": "Patient/p"}, {"valueReference": {"reference": "Patient/p"}}),
        ("reference", {"resourceType": "Patient", "id": "p"}, {"valueReference": {"reference": "Patient/p"}}),
        ("reference", {"resourceType": "Patient"}, None),
        ("attachment", {"url": "https://x"}, {"valueAttachment": {"url": "https://x"}}),
        ("display", "x", None),
        ("group", "x", None),
        (None, "x", None),
    ],
)
def test_a_value_answers_a_question_of_its_kind(kind, value, expected):
    assert answer_of(a_question(kind), value) == expected


def test_a_concept_answers_by_the_coding_that_the_question_offers():
    offered = a_question("choice", answerOption=[{"valueCoding": COPD}])
    assert answer_of(offered, BOTH) == {"valueCoding": COPD}
    assert answer_of(offered, "J44.9") == {"valueCoding": COPD}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (quantity("58", "mm[Hg]"), "58"),
        (quantity("7.3", "kPa"), "54.7547"),
        (quantity("58", "kg"), None),
        (quantity("58", "Oster"), None),
        ({"value": 58, "unit": "mmHg"}, None),
        ({"value": "58", "code": "mm[Hg]"}, None),
        (58, None),
    ],
)
def test_a_quantity_comes_in_the_question_s_unit_or_not_at_all(given, expected):
    """A number in another unit that was taken as it stands would be another value."""
    unit = {"url": UNIT_OPTION, "valueCoding": {"system": UCUM, "code": "mm[Hg]"}}
    answer = answer_of(a_question("quantity", extension=[unit]), given)
    assert (str(answer["valueQuantity"]["value"]) if answer else None) == expected


def test_a_comparator_stays():
    """Less than seven kilopascals is not seven."""
    unit = {"url": UNIT_OPTION, "valueCoding": {"system": UCUM, "code": "mm[Hg]"}}
    answer = answer_of(a_question("quantity", extension=[unit]), quantity("7", "kPa", comparator="<"))
    assert answer["valueQuantity"]["comparator"] == "<"


def test_a_question_that_does_not_repeat_takes_the_first():
    assert answers(a_question("integer"), [1, 2]) == [{"valueInteger": 1}]
    assert answers(a_question("integer", repeats=True), [1, 2, 1]) == [{"valueInteger": 1}, {"valueInteger": 2}]


@pytest.mark.parametrize(
    ("worked_out", "expected"),
    [("6.0", [{"valueInteger": 6}]), ("-6", [{"valueInteger": -6}]), ("6.5", []), ("1e999999", [])],
)
def test_what_is_worked_out_without_a_fraction_answers_a_question_for_an_integer(worked_out, expected):
    assert answers(a_question("integer"), [Decimal(worked_out)]) == expected


def test_a_quantity_whose_limit_is_in_a_unit_of_something_else_is_left_to_a_person():
    limit = {"url": MAX_QUANTITY, "valueQuantity": quantity("200", "kg")}
    question = a_question("quantity", extension=[limit])
    assert answers(question, [quantity("90000", "g")]) == [{"valueQuantity": quantity("90000", "g")}]
    assert answers(question, [quantity("180", "cm")]) == answers(question, [quantity("201", "kg")]) == []


def test_a_moment_of_the_last_day_is_within_it():
    question = a_question("dateTime", extension=[{"url": MAX_VALUE, "valueDate": "2026-03-01"}])
    assert answers(question, ["2026-03-01T18:00:00-05:00"]) != []
    assert answers(question, ["2026-03-02T00:10:00-05:00"]) == []
