"""FHIRPath runs with the R4 model, is compiled once, and cannot run away from our own files."""

import pytest

from fhir_r4.path import PathError, bounded, compiled


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
