"""A completed form becomes plain facts; what is no proper answer is no answer, and is never quoted."""

from time import process_time

import pytest
from hypothesis import given

from questionnaires.answers import answers_by_question, facts_from, responses_in
from tests.fhir_r4.test_resource import ANYTHING
from tests.given import BOOK, OXYGEN, TODAY, a_form_response, percent

YES = {"valueBoolean": True}
FACTS = BOOK.in_force([OXYGEN], TODAY)[0].facts


def test_answers_become_plain_values_by_fact():
    facts, notes = facts_from(a_form_response(), FACTS)
    assert facts == {"spo2": 88, "tested": "2026-02-19", "at_rest": True, "edema": False}
    assert notes == ()


def test_an_unfinished_form_says_nothing():
    assert facts_from(a_form_response(status="in-progress"), FACTS) == ({}, ("the form is not completed",))


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (percent(11.7, code="kPa"), "spo2: not a number from 50 to 100 in %"),
        (percent(88, comparator="<"), "spo2: not a number from 50 to 100 in %"),
        (percent(88, system="http://evil.example"), "spo2: not a number from 50 to 100 in %"),
        (percent(0.95), "spo2: not a number from 50 to 100 in %"),
        (percent("88"), "spo2: not a number from 50 to 100 in %"),
        ({"valueString": "Ada"}, "spo2: not a number from 50 to 100 in %"),
        ({"valueDecimal": 88}, "spo2: not a number from 50 to 100 in %"),
    ],
)
def test_an_answer_in_another_unit_or_type_is_no_answer(answer, note):
    facts, notes = facts_from(a_form_response({"2.1": answer}), FACTS)
    assert "spo2" not in facts
    assert notes == (note,)


def test_two_answers_to_one_question_are_none():
    response = a_form_response()
    response["item"].append({"linkId": "2.1", "answer": [percent(70)]})
    facts, notes = facts_from(response, FACTS)
    assert "spo2" not in facts
    assert notes == ("spo2: answered more than once",)


def test_answers_are_found_in_groups_and_below_answers():
    inner = {"linkId": "2.1", "answer": [percent(85)]}
    response = a_form_response(item=[{"linkId": "2", "item": [{"linkId": "x", "answer": [{"item": [inner]}]}]}])
    assert facts_from(response, FACTS)[0] == {"spo2": 85}


def test_a_form_of_a_hundred_thousand_answers_is_read_in_the_time_that_so_many_take():
    """Each answer costs as much as in a short form; it was as much again for each that waited behind it."""
    held = [{"linkId": str(number), "answer": [YES]} for number in range(100_000)]
    began = process_time()
    found = answers_by_question({"item": [{"linkId": "g", "item": held}]})
    assert process_time() - began < 5
    assert list(found) == [one["linkId"] for one in held]


@given(ANYTHING)
def test_no_shape_of_form_breaks_the_reader(items):
    facts_from({"resourceType": "QuestionnaireResponse", "status": "completed", "item": items}, FACTS)


def test_forms_are_found_inside_a_bundle_of_their_own():
    held = {"resourceType": "Bundle", "entry": [{"resource": a_form_response()}]}
    assert len(list(responses_in([held, {"resourceType": "Patient"}]))) == 1
