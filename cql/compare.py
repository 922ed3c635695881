"""When are two values equal, equivalent, or one less than the other?

Equality is three-valued: None where a null or an unknown part decides. Equivalence always answers.

Source: CQL 1.5 appendix B, "Comparison Operators"; ELM 1.5, Equal, Equivalent, Less.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from cql.bounds import end, start
from cql.errors import CqlError, said
from cql.fhir_model import Element
from cql.quantities import in_unit
from cql.scope import Build, lenient, strict
from cql.temporal import TEMPORAL, Date, DateTime, Time, compare
from cql.three_valued import conjunction
from cql.types import Code, Concept, Interval, Long, Quantity, Ratio, Tuple, Uncertainty

_WHITE = re.compile(r"\s")
NUMBERS = (int, Long, Decimal)


def equal(left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    kind = type(left)
    if kind is Uncertainty or type(right) is Uncertainty:
        return _uncertain(left, right, lambda a, b: a == b)
    if kind in TEMPORAL and type(right) in TEMPORAL:
        if kind is not type(right) and Time in (kind, type(right)):
            return False
        order = compare(left, right)
        return None if order is None else order == 0
    if kind is not type(right) and not (kind in NUMBERS and type(right) in NUMBERS):
        return False
    special = _EQUAL.get(kind)
    return bool(left == right) if special is None else special(left, right)


def _uncertain(left: Any, right: Any, same: Callable[[Any, Any], bool]) -> bool | None:
    low, high = _bounds(left)
    other_low, other_high = _bounds(right)
    if high < other_low or low > other_high:
        return False
    return True if low == high and other_low == other_high and same(low, other_low) else None


def _bounds(value: Any) -> tuple[Any, Any]:
    return (value.low, value.high) if type(value) is Uncertainty else (value, value)


def _equal_quantities(left: Quantity, right: Quantity) -> bool | None:
    other = in_unit(right, left.unit)
    return None if other is None else left.value == other


def _equal_ratios(left: Ratio, right: Ratio) -> bool | None:
    return conjunction(
        _equal_quantities(left.numerator, right.numerator), _equal_quantities(left.denominator, right.denominator)
    )


def _equal_or_both_null(left: Any, right: Any) -> bool | None:
    return True if left is None and right is None else equal(left, right)


def _equal_lists(left: list, right: list) -> bool | None:
    if len(left) != len(right):
        return False
    return conjunction(*map(_equal_or_both_null, left, right))


def _equal_tuples(left: Tuple, right: Tuple) -> bool | None:
    """Compare element by element; the first that is not equal, or not known to be, decides."""
    if left.keys() != right.keys():
        return False
    answers = (_equal_or_both_null(left[name], right[name]) for name in left)
    return next((answer for answer in answers if answer is not True), True)


def _equal_intervals(left: Interval, right: Interval) -> bool | None:
    return conjunction(equal(start(left), start(right)), equal(end(left), end(right)))


def _equal_codes(left: Code, right: Code) -> bool | None:
    pairs = ((left.code, right.code), (left.system, right.system), (left.version, right.version))
    return conjunction(*(_equal_or_both_null(a, b) for a, b in (*pairs, (left.display, right.display))))


def _equal_concepts(left: Concept, right: Concept) -> bool | None:
    codes = _equal_lists(list(left.codes), list(right.codes))
    return conjunction(codes, _equal_or_both_null(left.display, right.display))


_EQUAL: dict[type, Callable[[Any, Any], bool | None]] = {
    Quantity: _equal_quantities,
    Ratio: _equal_ratios,
    list: _equal_lists,
    Tuple: _equal_tuples,
    Interval: _equal_intervals,
    Code: _equal_codes,
    Concept: _equal_concepts,
}


def equivalent(left: Any, right: Any) -> bool:
    """Tell whether two values mean the same; null means the same as null."""
    if left is None or right is None:
        return left is right
    kind, other = type(left), type(right)
    if kind is str and other is str:
        return _folded(left) == _folded(right)
    if kind in TEMPORAL and other in TEMPORAL and (kind is other or Time not in (kind, other)):
        return compare(left, right) == 0
    if kind in NUMBERS and other in NUMBERS:
        return _same_number(left, right)
    if kind is not other:
        return _equivalent_coded(left, right)
    special = _EQUIVALENT.get(kind)
    return equal(left, right) is True if special is None else special(left, right)


def _folded(text: str) -> str:
    """White space counts as white space, whatever it is made of, and letters as letters, whatever their case."""
    return _WHITE.sub(" ", text).casefold()


def _same_number(left: Any, right: Any) -> bool:
    """Compare to the precision of the less precise Decimal (ELM 1.5, Equivalent)."""
    if type(left) is not Decimal or type(right) is not Decimal:
        return bool(left == right)
    places = min(_decimals(left), _decimals(right))
    return round(left, places) == round(right, places)


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _equivalent_quantities(left: Quantity, right: Quantity) -> bool:
    """A calendar year is equivalent, though not equal, to UCUM's year (CQL 1.5 appendix B, "Equivalent")."""
    left, right = (replace(one, unit=_DEFINITE.get(one.unit, one.unit)) for one in (left, right))
    other = in_unit(right, left.unit)
    return other is not None and _same_number(left.value, other)


_DEFINITE = {"year": "a", "years": "a", "month": "mo", "months": "mo"}


def _equivalent_ratios(left: Ratio, right: Ratio) -> bool:
    """``1:2 ~ 10:20``: the cross products are equal."""
    ours = in_unit(right.numerator, left.numerator.unit)
    theirs = in_unit(right.denominator, left.denominator.unit)
    return None not in (ours, theirs) and left.numerator.value * theirs == ours * left.denominator.value  # type: ignore[operator]


def _equivalent_coded(left: Any, right: Any) -> bool:
    """A Code is equivalent to a Concept that has it."""
    if type(left) is Code and type(right) is Concept:
        return any(_equivalent_codes(left, one) for one in right.codes)
    if type(left) is Concept and type(right) is Code:
        return any(_equivalent_codes(one, right) for one in left.codes)
    return False


def _equivalent_codes(left: Code, right: Code) -> bool:
    return left.code == right.code and left.system == right.system


def _equivalent_concepts(left: Concept, right: Concept) -> bool:
    return any(_equivalent_codes(one, other) for one in left.codes for other in right.codes)


def _equivalent_intervals(left: Interval, right: Interval) -> bool:
    return equivalent(start(left), start(right)) and equivalent(end(left), end(right))


_EQUIVALENT: dict[type, Callable[[Any, Any], bool]] = {
    Quantity: _equivalent_quantities,
    Ratio: _equivalent_ratios,
    list: lambda left, right: len(left) == len(right) and all(map(equivalent, left, right)),
    Tuple: lambda left, right: left.keys() == right.keys() and all(equivalent(left[n], right[n]) for n in left),
    Interval: _equivalent_intervals,
    Code: _equivalent_codes,
    Concept: _equivalent_concepts,
}


def order(left: Any, right: Any, precision: int | None = None) -> int | None:
    """Return -1, 0 or 1, or None where the order is not known.

    Raises:
        CqlError: the values have no order, such as two Codes or a number beside a date.
    """
    kind = type(left)
    if kind in NUMBERS and type(right) in NUMBERS:
        return int(left > right) - int(left < right)
    if kind is str and type(right) is str:
        return int(left > right) - int(left < right)
    if kind in (Date, DateTime, Time):
        return compare(left, right, precision)
    if kind is Quantity and type(right) is Quantity:
        other = in_unit(right, left.unit)
        return None if other is None else int(left.value > other) - int(left.value < other)
    raise CqlError(f"{said(left)} and {said(right)} have no order", "numbers, strings, quantities, dates or times")


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool | None]:
    """Make a comparison of one of Python's; an uncertain side answers only where all its values agree."""

    def compared(left: Any, right: Any) -> bool | None:
        if type(left) is Uncertainty or type(right) is Uncertainty:
            (low, high), (other_low, other_high) = _bounds(left), _bounds(right)
            answers = {holds(a, b) for a in (low, high) for b in (other_low, other_high)}
            return answers.pop() if len(answers) == 1 else None
        found = order(left, right)
        return None if found is None else holds(found, 0)

    return compared


less, less_or_equal, greater, greater_or_equal = _ordered(lt), _ordered(le), _ordered(gt), _ordered(ge)


def plain_primitive(value: Any) -> Any:
    """A FHIR primitive that is compared without a conversion counts as its value."""
    return value.get("value") if type(value) is Element and value.type.system else value


def _not_equal(left: Any, right: Any) -> bool | None:
    answer = equal(left, right)
    return None if answer is None else not answer


NODES: dict[str, Build] = {
    "Equal": strict(equal),
    "NotEqual": strict(_not_equal),
    "Equivalent": lenient(lambda left, right: equivalent(plain_primitive(left), plain_primitive(right))),
    "Less": strict(less),
    "LessOrEqual": strict(less_or_equal),
    "Greater": strict(greater),
    "GreaterOrEqual": strict(greater_or_equal),
}
