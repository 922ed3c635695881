"""FHIRPath runs with the R4 model, is compiled once, and cannot run away from our own files."""

from decimal import Decimal

import pytest

from fhir_r4.path import PathError, bounded, compiled
from fhir_r4.path_functions import NoSuchValueError
from fhir_r4.systems import UCUM
from fhir_r4.weights import WEIGHTS


def test_a_choice_element_is_found_by_its_short_name():
    answer = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "1", "answer": [{"valueDecimal": 2}]}]}
    assert compiled("item.answer.value")(answer, {}) == [2]


def test_an_expression_is_compiled_once():
    assert compiled("name.given") is compiled("name.given")


def test_extension_finds_all_repetitions():
    """Fhirpathpy's own finds the first."""
    patient = {"resourceType": "Patient", "extension": [{"url": "u", "valueCode": "a"}, {"url": "u", "valueCode": "b"}]}
    assert compiled("extension('u').value")(patient, {}) == ["a", "b"]


@pytest.mark.parametrize(
    "unbounded", ["name.matches('(a+)+$')", "name.replaceMatches('a', 'b')", "repeat(item)", "item.aggregate($this)"]
)
def test_what_cannot_be_bounded_is_refused(unbounded):
    with pytest.raises(PathError, match="cannot be bounded"):
        bounded(unbounded)


def test_the_words_inside_a_string_are_no_function():
    assert bounded("%note = 'matches(x)'")({}, {"note": "matches(x)"}) == [True]


@pytest.mark.parametrize("broken", ["1 <<", "name.(", "%spo2 <= 88 or", "a b c", "(1", "1)", "'abc", "", "#"])
def test_what_does_not_parse_to_its_end_is_refused_and_named(broken):
    """Fhirpathpy's own parser passes over what it does not understand."""
    with pytest.raises(PathError, match="not FHIRPath"):
        bounded(broken)


# What forms of other makers ask ----------------------------------------------------------------------------------


def answered(link, **value):
    return {"linkId": link, "answer": [value]}


def weighing(kilos):
    return {"value": Decimal(kilos), "unit": "kg", "system": UCUM, "code": "kg"}


SCORED = {
    "resourceType": "QuestionnaireResponse",
    "item": [
        answered("two", valueInteger=2),
        answered("three", valueInteger=3),
        answered("half", valueDecimal=Decimal("0.5")),
        answered("yes", valueBoolean=True),
        answered("kg", valueQuantity=weighing("80")),
        answered("often", valueCoding={"code": "o", "extension": [{"url": WEIGHTS[0], "valueDecimal": 2}]}),
        answered(
            "seldom", valueCoding={"code": "s", "extension": [{"url": WEIGHTS[1], "valueDecimal": Decimal("1.5")}]}
        ),
        answered("never", valueCoding={"code": "n"}),
    ],
}
NUMBERS = "item.answer.value.where($this is integer or $this is decimal)"
TWO, HALF, YES, KILOS, NONE = (
    f"item.where(linkId = '{one}').answer.value" for one in ("two", "half", "yes", "kg", "x")
)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (f"{NUMBERS}.sum()", [Decimal("5.5")]),
        (f"{NUMBERS}.min()", [Decimal("0.5")]),
        (f"{NUMBERS}.max()", [3]),
        (f"{NUMBERS}.avg().round(2)", [Decimal("1.83")]),
        (f"{NONE}.sum()", []),
        (f"{NONE}.avg()", []),
        (f"{NONE}.max()", []),
        ("('b' | 'a').min()", ["a"]),
        ("item.answer.value.weight().sum()", [Decimal("3.5")]),
        ("item.answer.value.ordinal()", [2, Decimal("1.5")]),
        ("item.answer.weight()", [2, Decimal("1.5")]),
        ("2.5.round(0)", [3]),
        ("(0 - 2.5).round()", [-3]),
        ("1.25.round(1)", [Decimal("1.3")]),
        (f"{YES}.toString()", ["true"]),
        (f"{TWO}.toString()", ["2"]),
        (f"{TWO}.hasValue()", [True]),
        (f"{NONE}.hasValue()", [False]),
        (f"{KILOS}.hasValue()", [False]),
        (f"{TWO}.single()", [2]),
        (f"{KILOS} > 79 'kg'", [True]),
        (f"{KILOS} > 90000 'g'", [False]),
        (f"{KILOS} <= 80 'kg'", [True]),
        (f"{KILOS} = 80000 'g'", [True]),
        (f"{KILOS} != 80000 'g'", [False]),
        (f"{KILOS} > 1 'm'", []),
        (f"{KILOS} = 80 'm'", []),
        (f"{KILOS} > {NONE}", []),
        ("1 year > 11 months", [True]),
        (f"{TWO} > 1 and {HALF} < 1", [True]),
        ("@2026-01-01 < @2026-02-01 and 'a' < 'b'", [True]),
    ],
)
def test_what_forms_of_other_makers_ask_is_answered_as_fhirpath_says(asked, told):
    assert compiled(asked)(SCORED, {"resource": SCORED}) == told


@pytest.mark.parametrize(
    "asked", ["item.answer.value.sum()", "item.answer.value.max()", "item.single()", "'a'.round()"]
)
def test_what_cannot_be_told_is_an_error_and_no_value(asked):
    with pytest.raises(NoSuchValueError):
        compiled(asked)(SCORED, {})
