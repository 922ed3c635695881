"""How does the engine fare on the public CQL test suite? The run that both the tests and ``docs/cql.md`` tell.

The cases and their ELM are the fixture that ``translator/translate.py`` makes; each expected output is CQL as well,
so both sides are evaluated and compared, type for type.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cql.bounds import end, start
from cql.errors import Failure
from cql.library import Libraries
from cql.run import Run
from cql.temporal import TEMPORAL, DateTime, Time
from cql.types import Interval, Quantity, Tuple, Uncertainty
from tests.cql.translator.translate import FIXTURES, read_gzip

_TOO_LARGE = "2147483648 is no Integer; the suite marks the same literal invalid in the group Ceiling"
REASONS = {
    "CqlArithmeticFunctionsTest/Floor/FloorIntegerGreaterThanMaxInteger": _TOO_LARGE,
    "CqlArithmeticFunctionsTest/Floor/FloorIntegerLessThanMinInteger": _TOO_LARGE,
    "CqlDateTimeOperatorsTest/Uncertainty tests/DateTimeDurationBetweenUncertainInterval": (
        "from 15 January to some day of February it is 16 days at least in two other cases, 17 in this one"
    ),
}
"""Why each failing case fails, by its key."""

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case: passed, failed, refused (by the translator) or told invalid by the suite."""

    suite: str
    group: str
    name: str
    expression: str
    verdict: str
    expected: str = ""
    actual: str = ""

    @property
    def key(self) -> str:
        return f"{self.suite}/{self.group}/{self.name}"


def outcomes() -> Iterator[Outcome]:
    for case in read_gzip(FIXTURES / "cases.json.gz"):
        told = (case["suite"], case["group"], case["name"], case["expression"])
        if case["invalid"]:
            yield Outcome(*told, _invalid(case), "an error", _shown(evaluate(case.get("elm"))))
        elif "errors" in case:
            yield Outcome(*told, "refused", actual=case["errors"][0])
        else:
            actual = evaluate(case["elm"])
            wanted = [evaluate(one.get("elm")) for one in case["expected"]]
            passed = len(wanted) == 1 and same(actual, wanted[0])
            shown = "; ".join(case["outputs"])
            yield Outcome(*told, "passed" if passed else "failed", shown, _shown(actual))


def _invalid(case: dict) -> str:
    """An invalid case is met where the translator refuses it, or the engine does."""
    refused = "errors" in case or isinstance(evaluate(case["elm"]), Failure)
    return "invalid, refused" if refused else "invalid, answered"


def evaluate(elm: Any) -> Any:
    library = {"identifier": {"id": "Case"}, "statements": {"def": [{"name": "It", "expression": elm}]}}
    return Run(Libraries([{"library": library}]), now=NOW).value("Case", "It")


def same(actual: Any, expected: Any) -> bool:  # noqa: PLR0911 one answer for each kind of value
    """Tell whether two results are one: the same parts to the same precision.

    The suite writes some Decimals as Integers and some DateTimes as Dates; CQL's implicit conversions make them one.
    """
    if type(actual) is Uncertainty and type(expected) is Interval:
        return (actual.low, actual.high) == (expected.low, expected.high)
    if isinstance(actual, list) and isinstance(expected, list):
        return len(actual) == len(expected) and all(map(same, actual, expected))
    if isinstance(actual, Tuple) and isinstance(expected, Tuple):
        return actual.keys() == expected.keys() and all(same(actual[name], expected[name]) for name in actual)
    if isinstance(actual, Interval) and isinstance(expected, Interval):
        return _same_bounds(actual, expected)
    if isinstance(actual, TEMPORAL) and isinstance(expected, TEMPORAL):
        if isinstance(actual, Time) is not isinstance(expected, Time) or actual.fields != expected.fields:
            return False
        return not (isinstance(actual, DateTime) and isinstance(expected, DateTime)) or actual == expected
    if isinstance(actual, int | Decimal) and isinstance(expected, int | Decimal):
        return isinstance(actual, bool) is isinstance(expected, bool) and actual == expected
    if isinstance(actual, Quantity) and isinstance(expected, Quantity):
        return actual == expected
    return type(actual) is type(expected) and bool(actual == expected)


def _same_bounds(actual: Interval, expected: Interval) -> bool:
    return same(start(actual), start(expected)) and same(end(actual), end(expected))


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "{" + ", ".join(map(_shown, value)) + "}"
    if isinstance(value, Interval):
        left, right = "[" if value.low_closed else "(", "]" if value.high_closed else ")"
        return f"Interval{left}{_shown(value.low)}, {_shown(value.high)}{right}"
    if isinstance(value, Quantity):
        return f"{value.value} '{value.unit}'"
    if value is None:
        return "null"
    return str(value) if isinstance(value, (Decimal, Failure, *TEMPORAL)) else repr(value)
