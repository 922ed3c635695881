"""A comparison that can never hold is told to its author; one that may is left alone."""

import pytest

from fhir_r4.path import tree
from rules.comparisons import mismatches
from rules.facts import FactType
from tests.rules.test_load import line, told

TYPES = {"n": FactType.NUMBER, "b": FactType.BOOLEAN, "d": FactType.DATE, "c": FactType.CODE}


@pytest.mark.parametrize(("question", "says"), [
    ("%n = 'x'", "%n is a number, and 'x' is a code"),
    ("'x' = %n", "%n is a number, and 'x' is a code"),
    ("%n <= 'x'", "%n is a number, and 'x' is a code"),
    ("%n != true", "%n is a number, and true is a boolean"),
    ("%n + 1 = @2026-01-31", "%n is a number, and @2026-01-31 is a date"),
    ("%b = 'yes'", "%b is a boolean, and 'yes' is a code"),
    ("%b and (%c = 11)", "%c is a code, and 11 is a number"),
    ("%c in ('11' | 22)", "%c is a code, and 22 is a number"),
    ("%d >= 'soon'", "%d is a date, and 'soon' is a code"),
    ("%d > -3", "%d is a date, and 3 is a number"),
    ("%n = %c", "%n is a number, and %c is a code"),
])  # fmt: skip
def test_a_fact_compared_with_what_is_of_another_type_is_told(question, says):
    ((message, suggestion),) = mismatches(tree(question), TYPES)
    assert message.startswith(says)
    assert suggestion


@pytest.mark.parametrize("question", [
    "%n = 2", "%n >= -2.5", "%n + %n <= 20", "%b = false", "%c = '11'", "%c in ('11' | '22')", "%d >= @2026-01-01",
    "%d >= '2026-01-01'", "%d >= %d - 30 days", "%d <= today() - 3 months", "%c.length() = 2", "%c.startsWith('1')",
    "%n.round(1) = 2.5", "%n & 'x' = '2x'", "%n.toString() = '2'", "%elsewhere = 'x'", "1 = 'x'",
])  # fmt: skip
def test_what_is_of_one_type_or_of_a_type_that_is_not_certain_is_left_alone(question):
    assert list(mismatches(tree(question), TYPES)) == []


@pytest.mark.parametrize("sign", ["=", "<="])
def test_a_policy_with_such_a_comparison_is_refused_with_its_line_and_what_to_write(sign):
    (fault,) = told("%spo2 <= 88", f"%spo2 {sign} 'x'")
    assert fault.line == line("group I:")
    assert fault.message.startswith("%spo2 is a number, and 'x' is a code")
    assert fault.suggestion.startswith("compare it with a number")
