"""A group that repeats is judged entry by entry: what is asked, what is missing, what is too much, what is sent."""

import pytest

from app.dtr.drawing import drawn
from app.dtr.progress import progress
from app.dtr.validity import faults
from fhir_r4.systems import MAX_OCCURS, MIN_OCCURS
from questionnaires.asked import disabled, without


def item(link, type_="string", *below, **more):
    return {"linkId": link, "text": link.capitalize(), "type": type_} | ({"item": list(below)} if below else {}) | more


def when(question, operator="=", **answer):
    return {"enableWhen": [{"question": question, "operator": operator, **(answer or {"answerBoolean": True})}]}


def many(*below, **more):
    return item("g", "group", *below, repeats=True, **more)


def entry(**answers):
    return {"linkId": "g", "item": [{"linkId": link, "answer": [_answer(one)]} for link, one in answers.items()]}


def _answer(value):
    return {"valueBoolean" if isinstance(value, bool) else "valueString": value}


def form(*items):
    return {"resourceType": "Questionnaire", "item": list(items)}


def response(*items):
    return {"resourceType": "QuestionnaireResponse", "item": list(items)}


VISITS = form(many(item("ill", "boolean"), item("what", **when("ill"), required=True)))


def missing(of, given):
    return [one.text for one in progress(of, given).missing]


def test_a_condition_looks_at_the_answers_of_its_own_entry():
    given = response(entry(ill=False), entry(ill=True))
    assert disabled(VISITS, given) == {"g#1/what", "g#3/what"}
    assert missing(VISITS, given) == ["What (entry 2)"]


def test_what_is_left_open_in_an_entry_is_not_answered_by_another():
    assert missing(VISITS, response(entry(ill=True, what="flu"), {"linkId": "g", "item": []})) == []
    assert missing(VISITS, response(entry(ill=True, what="flu"), entry(ill=True))) == ["What (entry 2)"]


def test_a_group_that_is_required_needs_an_answer_somewhere_in_it():
    inner = item("inner", "group", item("a"), item("b", required=True, **when("on")))
    asks = form(
        item("on", "boolean"), item("care", "group", inner, required=True), item("words", "group", required=True)
    )
    on = {"linkId": "on", "answer": [_answer(True)]}
    answered = {"linkId": "care", "item": [{"linkId": "inner", "item": [{"linkId": "a", "answer": [_answer("x")]}]}]}
    assert missing(asks, response()) == ["Care: at least one answer"]
    assert missing(asks, response(on)) == ["B"]
    assert missing(asks, response(answered)) == []
    assert missing(form(item("care", "group", item("a", **when("on")), required=True)), response()) == []


def test_each_entry_counts_what_it_asks():
    now = progress(VISITS, response(entry(ill=True, what="flu"), entry(ill=False), entry(ill=True)))
    assert (now.asked, now.answered) == (5, 4)


def test_of_a_group_without_entries_the_first_is_what_is_asked():
    asks = form(many(item("day", required=True)))
    assert (progress(asks, response()).asked, missing(asks, response())) == (1, ["Day"])


def test_only_what_is_not_asked_in_its_entry_is_left_out_of_what_is_sent():
    given = response(entry(ill=False, what="not asked"), entry(ill=True, what="flu"))
    assert without(VISITS, given, disabled(VISITS, given)) == response(entry(ill=False), entry(ill=True, what="flu"))


def test_a_condition_in_a_group_may_look_outside_and_one_outside_into_all_entries():
    inner = item("why", **when("all"))
    asks = form(item("all", "boolean"), many(item("ill", "boolean"), inner), item("after", **when("ill")))
    given = response({"linkId": "all", "answer": [{"valueBoolean": True}]}, entry(ill=False), entry(ill=True))
    assert disabled(asks, given) == set()
    assert disabled(asks, response(entry(ill=False))) == {"g#1/why", "g#2/why", "after"}


def test_groups_in_groups_are_counted_from_the_outside():
    inner = item("h", "group", item("b", "boolean"), item("c", **when("b"), required=True), repeats=True)
    one = {"linkId": "h", "item": [{"linkId": "b", "answer": [{"valueBoolean": True}]}]}
    given = response({"linkId": "g", "item": []}, {"linkId": "g", "item": [{"linkId": "h", "item": []}, one]})
    assert missing(form(many(inner)), given) == ["C (entry 2.2)"]


def test_what_is_not_asked_counts_as_not_answered_in_its_own_entry():
    asks = form(many(item("a", "boolean"), item("b", "boolean", **when("a")), item("c", **when("b"))))
    given = response(entry(a=False, b=True), entry(a=True, b=True))
    assert disabled(asks, given) >= {"g#1/b", "g#1/c"}
    assert not disabled(asks, given) & {"g#2/b", "g#2/c"}


@pytest.mark.parametrize(
    ("limit", "entries", "words"),
    [
        ((MIN_OCCURS, 2), 1, "Give at least 2 entries."),
        ((MIN_OCCURS, 2), 2, None),
        ((MIN_OCCURS, 2), 0, None),
        ((MAX_OCCURS, 2), 3, "Give at most 2 entries."),
        ((MAX_OCCURS, 2), 2, None),
    ],
)
@pytest.mark.requirement("dtr-2.0.1@212", "dtr-2.2.0@spec-142")
def test_a_group_comes_as_often_as_the_form_says(limit, entries, words):
    url, value = limit
    asks = form(many(item("day"), extension=[{"url": url, "valueInteger": value}]))
    given = response(*[entry(day="Monday")] * entries)
    assert faults(asks, given, disabled(asks, given)) == ({"g": words} if words else {})


def test_how_often_a_question_is_answered_is_counted_in_each_entry():
    once = {"extension": [{"url": MAX_OCCURS, "valueInteger": 1}], "repeats": True}
    asks = form(many(item("day", **once)))
    assert faults(asks, response(entry(day="Monday"), entry(day="Friday")), ()) == {}


def test_a_page_hides_what_its_entry_does_not_ask_also_in_the_entry_that_may_come_next():
    given = response(entry(ill=False), entry(ill=True))
    (group,) = drawn(VISITS, given, disabled(VISITS, given))
    assert [[one.is_asked for one in row] for row in (*group.rows, group.blank)] == [
        [True, False],
        [True, True],
        [True, False],
    ]


def test_a_question_below_an_answer_is_found_there():
    asks = form(item("ill", "boolean", item("what", **when("ill"), required=True)))
    answer = {"valueBoolean": True, "item": [{"linkId": "what", "answer": [{"valueString": "flu"}]}]}
    given = response({"linkId": "ill", "answer": [answer]})
    assert (missing(asks, given), without(asks, given, disabled(asks, given))) == ([], given)
    assert missing(asks, response({"linkId": "ill", "answer": [{"valueBoolean": True}]})) == ["What"]


DRUGS = form(
    item("drug", "string", item("dose", required=True), item("why", **when("drug", answerString="b")), repeats=True)
)


def drugs(**doses):
    """Return a response of drugs, each with its dose below where it has one."""
    below = {name: [{"linkId": "dose", "answer": [_answer(dose)]}] if dose else [] for name, dose in doses.items()}
    given = [_answer(name) | ({"item": items} if items else {}) for name, items in below.items()]
    return response({"linkId": "drug", "answer": given})


def test_what_is_asked_below_an_answer_is_asked_below_each_of_several():
    assert missing(DRUGS, drugs(a="5 mg", b="9 mg")) == []
    assert missing(DRUGS, drugs(a="5 mg", b=None)) == ["Dose (entry 2)"]
    assert missing(DRUGS, response()) == ["Dose"]


def test_a_condition_below_an_answer_looks_at_that_answer():
    given = drugs(a="5 mg", b="9 mg")
    assert disabled(DRUGS, given) == {"drug#1/why", "drug#3/why"}
    for answer in given["item"][0]["answer"]:
        answer["item"].append({"linkId": "why", "answer": [_answer("pain")]})
    kept = without(DRUGS, given, disabled(DRUGS, given))
    assert [[one["linkId"] for one in answer["item"]] for answer in kept["item"][0]["answer"]] == [
        ["dose"],
        ["dose", "why"],
    ]


def test_a_page_asks_below_each_answer_what_that_one_asks():
    given = drugs(a="5 mg", b="9 mg")
    (drug,) = drawn(DRUGS, given, disabled(DRUGS, given))
    assert [[one.is_asked for one in answer.below] for answer in (*drug.answers, drug.blank)] == [
        [True, False],
        [True, True],
        [True, False],
    ]


def test_below_choices_that_are_ticked_together_it_is_asked_once():
    asks = form(item("drug", "choice", item("dose", required=True), repeats=True))
    assert missing(asks, drugs(a="5 mg", b=None)) == []
    assert missing(asks, drugs(a=None, b=None)) == ["Dose"]


@pytest.mark.parametrize(
    "items",
    [
        [item("a", "boolean", **when("a"))],
        [item("a", "boolean", **when("b", "exists")), item("b", "boolean", **when("a", "exists", answerBoolean=False))],
        [item("a", **when("nobody"))],
        [item("a", enableWhen=[{}, {"question": 5}, {"question": "a", "operator": []}])],
        [item("a"), item("a"), item("", "group", item("a"))],
    ],
    ids=["itself", "in a circle", "nobody", "nonsense", "twice"],
)
def test_conditions_that_make_no_sense_end_all_the_same(items):
    given = response({"linkId": "a", "answer": [{"valueBoolean": True}]})
    now = progress(form(*items, many(*items)), given)
    assert now.asked >= now.answered


def test_a_large_form_and_a_deep_one_are_gone_through():
    wide = form(many(*(item(f"q{n}", "boolean", **when(f"q{n - 1}")) for n in range(1, 3_000)), item("q0", "boolean")))
    assert progress(wide, response(entry(q0=True), entry(q0=False))).asked == 3
    deep = item("0", "boolean", **when("60"))
    for depth in range(1, 60):
        deep = item(str(depth), "group", deep, repeats=True)
    assert progress(form(item("60", "boolean"), deep), response()).asked == 1
