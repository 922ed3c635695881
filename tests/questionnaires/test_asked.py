"""Which questions a form asks depends on its answers; what they are compared with may be written otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.asked import asked_answers, disabled, outline
from questionnaires.comparing import compare, same
from tests.given import CATALOG


def quantity(value, unit, **changes):
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit} | changes


MMHG = quantity(55, "mm[Hg]")
NOON = "2026-03-01T12:00:00-05:00"


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        (7, 7.0, 0),
        (7, 8, -1),
        (quantity(8, "kPa"), MMHG, 1),
        (quantity(7, "kPa"), MMHG, -1),
        (quantity(88, "%"), quantity(0.88, "1"), 0),
        ({"value": 60, "unit": "mm[Hg]"}, MMHG, 1),
        ({"value": 60}, MMHG, 1),
        (60, MMHG, 1),
        (quantity(60, "kg"), MMHG, None),
        (quantity(60, "nonsense["), MMHG, None),
        (quantity(55, "mm[Hg]", comparator="<"), MMHG, -1),
        (quantity(55, "mm[Hg]", comparator="<="), MMHG, None),
        (quantity(90, "mm[Hg]", comparator="<"), MMHG, None),
        (quantity(50, "mm[Hg]", comparator="<="), MMHG, -1),
        (quantity(55, "mm[Hg]", comparator=">"), MMHG, 1),
        (quantity(60, "mm[Hg]", comparator=">="), MMHG, 1),
        (MMHG, quantity(60, "mm[Hg]", comparator="<"), None),
        (NOON, "2026-03-01T17:00:00Z", 0),
        (NOON, "2026-03-01T12:30:00Z", 1),
        (NOON, "2026-03-01", 0),
        (NOON, "2026-03-01T12:00", 0),
        ("2026-02-28", NOON, -1),
        ("2026-03", "2026-03-15", 0),
        ("2026", "2025-12-31", 1),
        ("10:00:00", "09:59", 1),
        ("10:00", "2026", None),
        ("twelve", "2026", None),
        ("2026-02-30T10:00:00Z", "2026-02-30T11:00:00Z", None),
        (True, 0, None),
        ({}, 0, None),
        (None, None, None),
        ({"value": "7"}, 7, None),
        ({"value": 10**5000}, 7, 1),
        (quantity(10**5000, "kPa"), MMHG, 1),
        (MMHG, quantity(10**5000, "kPa"), None),
    ],
)
def test_values_are_compared_in_one_unit_and_at_one_moment(one, other, order):
    assert compare(one, other) == order


def test_a_bound_is_another_answer_than_the_number():
    assert not same(quantity(55, "mm[Hg]", comparator="<"), MMHG)


TYPES = {
    "answerQuantity": "quantity",
    "answerDateTime": "dateTime",
    "answerInteger": "integer",
    "answerBoolean": "boolean",
}
VALUES = {name: name.replace("answer", "value") for name in TYPES}


def is_asked(answers, *conditions, **behavior):
    """Tell whether a question is asked, by its conditions over the question before it."""
    (kind,) = {name for one in conditions for name in one if name.startswith("answer")} & TYPES.keys() or {
        "answerInteger"
    }
    condition = [{"question": "a"} | one for one in conditions]
    asks = [{"linkId": "a", "type": TYPES[kind]}, {"linkId": "b", "type": "string", "enableWhen": condition} | behavior]
    given = [{"linkId": "a", "answer": [{VALUES[kind]: one} for one in answers]}] if answers else []
    return "b" not in disabled({"item": asks}, {"item": given})


def when(operator, **answer):
    return {"operator": operator, **answer}


@pytest.mark.parametrize(
    ("operator", "value", "asked"),
    [
        (">", quantity(8, "kPa"), True),
        (">", quantity(7, "kPa"), False),
        ("=", quantity(55, "mm[Hg]"), True),
        ("=", quantity(5.5, "cm[Hg]"), True),
        ("!=", quantity(5.5, "cm[Hg]"), False),
        ("<=", quantity(5.5, "cm[Hg]"), True),
        (">", quantity(90, "kg"), False),
        ("<", quantity(90, "kg"), False),
    ],
)
def test_a_condition_compares_quantities_in_one_unit(operator, value, asked):
    assert is_asked([value], when(operator, answerQuantity=MMHG)) is asked


@pytest.mark.parametrize(("value", "asked"), [("2026-03-01T16:59:00Z", False), ("2026-03-01T17:01:00Z", True)])
def test_a_condition_compares_moments_wherever_their_clocks_are(value, asked):
    assert is_asked([value], when(">", answerDateTime=NOON)) is asked


@pytest.mark.parametrize(
    ("behavior", "asked"), [({}, True), ({"enableBehavior": "any"}, True), ({"enableBehavior": "all"}, False)]
)
def test_of_several_conditions_one_is_enough_unless_the_form_says_all(behavior, asked):
    """R4 wants the form to say it; where it does not, its conditions are "joined by an or clause"."""
    assert is_asked([7], when(">", answerInteger=5), when(">", answerInteger=9), **behavior) is asked


@pytest.mark.parametrize(
    ("answers", "operator", "asked"),
    [
        ([], "!=", True),
        ([7], "!=", False),
        ([6], "!=", True),
        ([6, 7], "!=", False),
        ([], "=", False),
        ([], "<", False),
    ],
)
def test_what_is_not_answered_is_not_that_answer(answers, operator, asked):
    """R4: "no answer has a value that is equal"; there is none of an unanswered question."""
    assert is_asked(answers, when(operator, answerInteger=7)) is asked


def test_what_was_ended_by_an_answer_that_is_not_asked_for_is_asked_and_counts():
    no = {"enableWhen": [{"question": "b", "operator": "!=", "answerBoolean": True}]}
    yes = {"enableWhen": [{"question": "a", "operator": "=", "answerBoolean": True}]}
    form = {"item": [{"linkId": link, "type": "boolean"} | more for link, more in (("a", {}), ("b", yes), ("c", no))]}
    given = [
        {"linkId": link, "answer": [{"valueBoolean": value}]}
        for link, value in (("a", False), ("b", True), ("c", True))
    ]
    assert disabled(form, {"item": given}) == {"b"}
    assert asked_answers(outline(form), {"item": given}) == {"a": [False], "c": [True]}
    assert asked_answers(outline(form), {"item": given[1:]}) == {"c": [True]}


WORDS = ["a", "b", "group", "string", "=", "!=", ">", "exists", "all", "<", "kPa", "mm[Hg]", "2026-01-01", "10:00", ""]
KEYS = ["item", "answer", "linkId", "type", "repeats", "enableWhen", "question", "operator", "enableBehavior", "code",
        "answerQuantity", "answerInteger", "valueQuantity", "valueInteger", "value", "unit", "comparator"]  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)


@given(ODD, ODD)
def test_no_shape_of_form_or_response_breaks_what_is_asked(items, asks):
    """Both come from others."""
    response = {"resourceType": "QuestionnaireResponse", "item": items}
    asked_answers(outline(CATALOG.named("home-oxygen|2026.1")), response)
    asked_answers(outline({"resourceType": "Questionnaire", "item": asks}), response)
    compare(items, asks)
