"""What a page sends becomes answers that say who gave them; how far a form is; what stands when it is opened again."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dtr.carrying import all_of_them, begun, by_people, carried
from app.dtr.progress import progress
from app.dtr.rendering import rendered
from app.dtr.resuming import author_of, origin_of, overriding
from app.dtr.revising import revised
from fhir_r4.systems import INITIAL_EXPRESSION
from questionnaires.populate import information_origin

MARKUP = "http://hl7.org/fhir/StructureDefinition/rendering-xhtml"
WHO = "Practitioner/lindqvist"
FORM = {"resourceType": "Questionnaire", "item": [
    {"linkId": "g", "type": "group", "text": "Group", "item": [
        {"linkId": "a", "type": "string", "text": "A", "required": True},
        {"linkId": "b", "type": "quantity", "text": "B"}]},
    {"linkId": "c", "type": "boolean", "text": "C", "required": True},
    {"linkId": "d", "type": "string", "text": "D", "required": True,
     "enableWhen": [{"question": "c", "operator": "=", "answerBoolean": True}]},
]}  # fmt: skip


def response(**answers):
    """A response with answers by linkId; ``a`` and ``b`` are in the group."""

    def item(link):
        return {"linkId": link, "answer": answers[link]}

    grouped = [item(link) for link in ("a", "b") if link in answers]
    top = [item(link) for link in ("c", "d") if link in answers]
    return {"status": "in-progress", "item": ([{"linkId": "g", "item": grouped}] if grouped else []) + top}


def auto(**value):
    return [{"extension": [information_origin("auto")], **value}]


def manual(**value):
    return [{"extension": [information_origin("manual", author=WHO)], **value}]


def answer_in(found, link):
    every = [one for item in found["item"] for one in [item, *item.get("item", [])]]
    return next(one["answer"][0] for one in every if one["linkId"] == link)


def test_an_answer_left_alone_keeps_its_origin():
    filled = response(a=auto(valueString="x"))
    assert (
        answer_in(revised(FORM, filled, filled, response(a=[{"valueString": "x"}]), WHO), "a")
        == auto(valueString="x")[0]
    )


@pytest.mark.requirement("dtr-2.0.1@210", "dtr-2.2.0@spec-137")
def test_a_filled_answer_that_was_changed_is_an_override_by_its_author():
    filled = response(a=auto(valueString="x"))
    made = answer_in(revised(FORM, filled, filled, response(a=[{"valueString": "y"}]), WHO), "a")
    assert (origin_of(made), author_of(made), made["valueString"]) == ("override", WHO, "y")


@pytest.mark.requirement("dtr-2.0.1@210", "dtr-2.2.0@spec-137")
def test_what_nobody_had_filled_is_manual():
    made = answer_in(revised(FORM, response(), response(), response(c=[{"valueBoolean": False}]), WHO), "c")
    assert (origin_of(made), author_of(made)) == ("manual", WHO)


def test_what_was_changed_back_is_the_record_s_again():
    filled = response(a=auto(valueString="x"))
    changed = revised(FORM, filled, filled, response(a=[{"valueString": "y"}]), WHO)
    assert origin_of(answer_in(revised(FORM, filled, changed, response(a=[{"valueString": "x"}]), WHO), "a")) == "auto"


def test_a_colleague_s_answer_keeps_its_author_until_it_is_changed():
    theirs = [{"extension": [information_origin("manual", author="Practitioner/other")], "valueString": "x"}]
    filled = response(a=theirs)
    kept = answer_in(revised(FORM, filled, filled, response(a=[{"valueString": "x"}]), WHO), "a")
    changed = answer_in(revised(FORM, filled, filled, response(a=[{"valueString": "y"}]), WHO), "a")
    assert (author_of(kept), author_of(changed), origin_of(changed)) == ("Practitioner/other", WHO, "manual")


def test_the_digits_of_a_quantity_that_the_page_rewrote_stay_as_the_record_has_them():
    held = {"value": Decimal("87.0"), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    filled = response(b=auto(valueQuantity=held))
    sent = response(b=[{"valueQuantity": {"value": 87, "unit": "percent", "code": "%"}}])
    assert str(answer_in(revised(FORM, filled, filled, sent, WHO), "b")["valueQuantity"]["value"]) == "87.0"


def test_an_answer_below_one_of_several_answers_is_compared_with_what_stood_below_that_one():
    form = {
        "item": [{"linkId": "drug", "type": "string", "repeats": True, "item": [{"linkId": "dose", "type": "string"}]}]
    }

    def drugs(*doses, given=lambda **value: [value]):
        below = [{"item": [{"linkId": "dose", "answer": given(valueString=dose)}]} for dose in doses]
        names = [given(valueString=f"drug {number}")[0] for number in range(len(doses))]
        return {"item": [{"linkId": "drug", "answer": [name | held for name, held in zip(names, below, strict=True)]}]}

    filled = drugs("5 mg", "9 mg", given=auto)
    made = revised(form, filled, filled, drugs("5 mg", "8 mg"), WHO)
    doses = [answer["item"][0]["answer"][0] for answer in made["item"][0]["answer"]]
    assert [origin_of(one) for one in doses] == ["auto", "override"]


def test_what_stays_when_an_entry_of_a_group_is_taken_away_keeps_its_origin():
    form = {"item": [{"linkId": "g", "type": "group", "repeats": True, "item": [{"linkId": "day", "type": "string"}]}]}

    def days(*answers):
        return {"item": [{"linkId": "g", "item": [{"linkId": "day", "answer": one}]} for one in answers]}

    filled = days(auto(valueString="Monday"), auto(valueString="Friday"))
    first = revised(form, filled, filled, days([{"valueString": "Friday"}]), WHO)
    again = revised(form, filled, first, days([{"valueString": "Friday"}]), WHO)
    assert [answer_in(one, "day") for one in (first, again)] == auto(valueString="Friday") * 2
    one = days(auto(valueString="Friday"))
    more = revised(form, one, one, days([{"valueString": "Friday"}], [{"valueString": "Friday"}]), WHO)
    assert [origin_of(entry["item"][0]["answer"][0]) for entry in more["item"]] == ["auto", "manual"]


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(
        st.sampled_from(["item", "answer", "linkId", "valueString", "valueBoolean", "extension"]), below, max_size=4),
    max_leaves=30,
))  # fmt: skip
def test_whatever_the_page_sends_only_the_form_s_questions_are_answered(sent):
    made = revised(FORM, response(), response(), {"item": sent} if not isinstance(sent, dict) else sent, WHO)
    assert {one["linkId"] for one in made["item"]} <= {"g", "a", "b", "c", "d"}
    progress(FORM, made)


@pytest.mark.parametrize(
    ("answers", "asked", "missing"),
    [
        ({}, 3, ["A", "C"]),
        ({"c": [{"valueBoolean": False}]}, 3, ["A"]),
        ({"c": [{"valueBoolean": True}]}, 4, ["A", "D"]),
        ({"a": auto(valueString="x"), "c": [{"valueBoolean": True}], "d": [{"valueString": "y"}]}, 4, []),
    ],
    ids=["nothing", "no", "yes", "all"],
)
def test_a_question_counts_when_it_is_asked(answers, asked, missing):
    now = progress(FORM, response(**answers))
    assert (now.asked, [one.text for one in now.missing]) == (asked, missing)


@pytest.mark.requirement("dtr-2.0.1@188")
def test_what_a_person_answered_stands_when_the_form_is_opened_again_and_the_rest_is_asked_anew():
    theirs = manual(valueBoolean=True)
    opened = response(a=auto(valueString="old"), c=theirs) | {"id": "q1", "subject": {"reference": "Patient/p"}}
    made = carried(FORM, begun(FORM, {"status": "in-progress"}), opened, by_people)
    assert (made.response["id"], made.lost) == ("q1", ())
    assert answer_in(made.response, "c") == theirs[0]
    assert "answer" not in made.response["item"][0]["item"][0]


def drugs(*doses, given=manual):
    """A response to DRUGS: each drug with its dose below; None where it has none."""
    below = [{"item": [{"linkId": "dose", "answer": given(valueString=one)}]} if one else {} for one in doses]
    names = [given(valueString=f"drug {number}")[0] for number in range(len(doses))]
    return {"item": [{"linkId": "drug", "answer": [name | held for name, held in zip(names, below, strict=True)]}]}


DRUGS = {
    "item": [{"linkId": "drug", "type": "string", "repeats": True, "item": [{"linkId": "dose", "type": "string"}]}]
}


def doses_in(found):
    every = [one.get("item", [{}])[0] for one in found["item"][0]["answer"]]
    return [one["answer"][0]["valueString"] if "answer" in one else None for one in every]


def test_what_is_below_each_of_several_answers_stays_there_when_the_form_is_opened_again():
    made = carried(DRUGS, begun(DRUGS, {}), drugs("5 mg", None, "9 mg"), by_people)
    assert (doses_in(made.response), made.lost) == (["5 mg", None, "9 mg"], ())


def test_what_a_form_begins_with_has_below_it_what_is_asked_below():
    """An item has answers or items of its own, and not both (qrs-1)."""
    form = {"item": [{"linkId": "a", "type": "string", "initial": [{"valueString": "x"}], "item": [
        {"linkId": "b", "type": "string", "initial": [{"valueString": "y"}]}]}]}  # fmt: skip
    (held,) = begun(form, {}, information_origin("auto"))["item"]
    (answer,) = held["answer"]
    assert ("item" in held, answer["item"][0]["answer"][0]["valueString"]) == (False, "y")
    (again,) = carried(form, begun(form, {}), {"item": [held]}, all_of_them).response["item"]
    assert again == held
    draft = {"item": [{"linkId": "a", "answer": [{"valueString": "the payer's"}]}]}
    (held,) = begun(form, draft, information_origin("auto"))["item"]
    assert held["answer"][0]["item"][0]["answer"][0]["valueString"] == "y"


def test_what_the_payer_says_below_each_of_several_answers_stays_there():
    assert doses_in(begun(DRUGS, drugs("5 mg", "9 mg", given=auto))) == ["5 mg", "9 mg"]


def test_what_was_beside_a_question_goes_below_its_first_answer():
    """As it is before anybody has answered: there was no answer yet that it could be below."""
    kept = drugs(None, None)
    kept["item"][0]["item"] = drugs("5 mg")["item"][0]["answer"][0]["item"]
    assert doses_in(carried(DRUGS, begun(DRUGS, {}), kept, by_people).response) == ["5 mg", None]


def test_of_an_answer_that_stays_only_what_is_wanted_below_it_stays():
    kept = drugs("5 mg", "9 mg")
    kept["item"][0]["answer"][1]["item"][0]["answer"] = auto(valueString="9 mg")
    assert doses_in(carried(DRUGS, begun(DRUGS, {}), kept, by_people).response) == ["5 mg", None]


def test_repetitions_of_a_group_stay_apart_when_the_form_is_opened_again():
    form = {"item": [{"linkId": "g", "type": "group", "repeats": True, "item": [{"linkId": "a", "type": "string"}]}]}
    rows = [{"linkId": "g", "item": [{"linkId": "a", "answer": manual(valueString=one)}]} for one in ("x", "y")]
    made = carried(form, begun(form, {}), {"item": rows}, by_people).response
    assert [row["item"][0]["answer"][0]["valueString"] for row in made["item"]] == ["x", "y"]


@pytest.mark.parametrize(
    ("item", "lost"),
    [
        ({"linkId": "a", "type": "string"}, ()),
        ({"linkId": "a", "type": "integer"}, ("What is it?",)),
        ({"linkId": "b", "type": "string"}, ("What is it?",)),
        ({"linkId": "a", "type": "choice", "answerOption": [{"valueString": "x"}]}, ()),
        ({"linkId": "a", "type": "text"}, ()),
    ],
    ids=["same", "another kind", "gone", "now a choice", "wider"],
)
def test_answers_find_their_place_in_a_newer_form_and_what_finds_none_is_said(item, lost):
    held = {"item": [{"linkId": "a", "text": "What is it?", "answer": manual(valueString="x")}]}
    form = {"item": [item]}
    assert carried(form, begun(form, {}), held, by_people).lost == lost


@pytest.mark.requirement("dtr-2.0.1@189", "dtr-2.2.0@spec-72")
def test_a_person_s_answer_stands_and_is_an_override_where_the_record_has_come_to_know_one():
    manual = [{"extension": [information_origin("manual", author=WHO)], "valueString": "theirs"}]
    made = overriding(response(a=manual, c=auto(valueBoolean=True)), response(a=auto(valueString="the record's")))
    answer = answer_in(made, "a")
    assert (answer["valueString"], origin_of(answer), author_of(answer)) == ("theirs", "override", WHO)
    assert origin_of(answer_in(made, "c")) == "auto"


def test_the_page_sees_neither_expressions_nor_what_acts_and_asks_nobody_for_options():
    value_set = {"resourceType": "ValueSet", "url": "https://x/vs", "version": "1", "expansion": {"contains": [
        {"system": "s", "code": "1", "display": "One", "designation": []}]}}  # fmt: skip
    form = {"text": {"div": "<script/>"}, "contained": [{}], "item": [{
        "linkId": "a", "answerValueSet": "https://x/vs|1",
        "_text": {"extension": [{"url": MARKUP, "valueString": "<script>x()</script>"}]},
        "extension": [{"url": INITIAL_EXPRESSION, "valueExpression": {"expression": "%patient"}}],
    }]}  # fmt: skip
    assert rendered(form, [value_set]) == {
        "item": [{"linkId": "a", "answerOption": [{"valueCoding": {"system": "s", "code": "1", "display": "One"}}]}]
    }
