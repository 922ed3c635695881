"""A criterion is asked once for the same values, and never takes one value for another."""

from datetime import date
from decimal import Decimal

import pytest

from fhir_r4.path import bounded
from rules.asking import ask
from rules.policy import Criterion


class Asked:
    """A compiled expression that counts."""

    def __init__(self, expression):
        self.count, self._evaluate = 0, bounded(expression)

    def __call__(self, resource, variables):
        self.count += 1
        return self._evaluate(resource, variables)


def a_criterion(expression, *facts):
    return Criterion("c", expression, Asked(expression), facts)


def test_the_same_values_are_asked_once_and_others_anew():
    low = a_criterion("%spo2 <= 88", "spo2")
    assert [ask(low, {"spo2": value}) for value in (88, 89, 88, 89, [])] == [[True], [False], [True], [False], []]
    assert low.ask.count == 3


def test_what_it_does_not_ask_about_makes_no_other_question():
    low = a_criterion("%spo2 <= 88", "spo2")
    for tested in ("2026-02-20", "2026-02-21"):
        assert ask(low, {"spo2": 88, "tested": tested}) == [True]
    assert low.ask.count == 1


def test_true_and_one_are_two_questions():
    same = a_criterion("%x is Boolean", "x")
    assert [ask(same, {"x": value}) for value in (True, 1)] == [[True], [False]]
    assert same.ask.count == 2


def test_a_number_is_the_same_with_other_digits():
    low = a_criterion("%spo2 = 88", "spo2")
    assert ask(low, {"spo2": Decimal("88.0")}) == ask(low, {"spo2": Decimal("88.00")}) == [True]


def test_the_time_of_day_is_asked_for_each_time():
    fresh = a_criterion("%tested <= today()", "tested")
    for _ in range(2):
        assert ask(fresh, {"tested": date(2026, 2, 20).isoformat()}) == [True]
    assert fresh.ask.count == 2


def test_what_raises_raises_again():
    wrong = a_criterion("%x.foo(1)", "x")
    for _ in range(2):
        with pytest.raises(Exception):  # noqa: B017 fhirpathpy raises bare Exceptions
            ask(wrong, {"x": 1})
    assert wrong.ask.count == 2


def test_a_caller_that_changes_an_answer_changes_it_for_nobody_else():
    low = a_criterion("%spo2 <= 88", "spo2")
    ask(low, {"spo2": 88}).append("Baxter")
    assert ask(low, {"spo2": 88}) == [True]
