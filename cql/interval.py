"""How do intervals lie to each other, and to points?

Every relation here is written on the first and last points, which closed and open bounds both have. Where a bound
is not known the relation is three-valued. A plain point stands for the interval that holds it alone, so that one
function serves "A before B" for points, intervals and their mixtures.

Source: CQL 1.5 appendix B, "Interval Operators"; Author's Guide, "Comparing Intervals".
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cql.arithmetic import add, subtract
from cql.bounds import end, start
from cql.compare import equal, order
from cql.durations import shifted
from cql.errors import CqlError, said
from cql.extremes import maximum, predecessor, successor
from cql.scope import Build, Frame, Scope, Thunk, strict
from cql.specifiers import static_type
from cql.temporal import TEMPORAL, UNIT_NAMES, DateTime, same_offset
from cql.three_valued import conjunction, disjunction
from cql.types import Interval, Quantity, Uncertainty


def in_zone(value: Any, offset: int) -> Any:
    """Return moments as read on the clocks of the evaluation, where a precision of a day or more is asked for."""
    if type(value) is DateTime:
        return same_offset(value, offset)
    if type(value) is Interval and DateTime in (type(value.low), type(value.high)):
        return replace(value, low=same_offset(value.low, offset), high=same_offset(value.high, offset))
    return value


def _ordered(left: Any, right: Any, precision: int | None) -> int | None:
    return None if left is None or right is None else order(left, right, precision)


def at_most(left: Any, right: Any, precision: int | None) -> bool | None:
    found = _ordered(left, right, precision)
    return None if found is None else found <= 0


def _less(left: Any, right: Any, precision: int | None) -> bool | None:
    found = _ordered(left, right, precision)
    return None if found is None else found < 0


def _same(left: Any, right: Any, precision: int | None) -> bool | None:
    if precision is None:
        return equal(left, right)
    found = _ordered(left, right, precision)
    return None if found is None else found == 0


def before(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return _less(end(left), start(right), precision)


def after(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return _less(end(right), start(left), precision)


def same_or_before(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return at_most(end(left), start(right), precision)


def same_or_after(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return at_most(end(right), start(left), precision)


def same_as(left: Any, right: Any, precision: int | None = None) -> bool | None:
    starts_alike = _same(start(left), start(right), precision)
    return conjunction(starts_alike, _same(end(left), end(right), precision))


def includes(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(at_most(start(left), start(right), precision), at_most(end(right), end(left), precision))


def properly_includes(left: Any, right: Any, precision: int | None = None) -> bool | None:
    larger = disjunction(_less(start(left), start(right), precision), _less(end(right), end(left), precision))
    return conjunction(includes(left, right, precision), larger)


def properly_contains(interval: Any, point: Any, precision: int | None = None) -> bool | None:
    """Tell whether the point lies inside, at neither end."""
    return conjunction(_less(start(interval), point, precision), _less(point, end(interval), precision))


def overlaps(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(at_most(start(left), end(right), precision), at_most(start(right), end(left), precision))


def overlaps_before(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(overlaps(left, right, precision), _less(start(left), start(right), precision))


def overlaps_after(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(overlaps(left, right, precision), _less(end(right), end(left), precision))


def starts(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(_same(start(left), start(right), precision), at_most(end(left), end(right), precision))


def ends(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(_same(end(left), end(right), precision), at_most(start(right), start(left), precision))


def _follows(left: Any, right: Any, precision: int | None) -> bool | None:
    """Tell whether ``right`` is the point after ``left``."""
    if left is None or right is None:
        return None
    if precision is not None and type(left) in TEMPORAL:
        return _same(shifted(left, Quantity(Decimal(1), UNIT_NAMES[precision])), right, precision)
    if equal(left, maximum(type(left), left)) is True:
        return False
    return _same(successor(left), right, precision)


def meets_before(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return _follows(end(left), start(right), precision)


def meets_after(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return _follows(end(right), start(left), precision)


def meets(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return disjunction(meets_before(left, right, precision), meets_after(left, right, precision))


# Making intervals of intervals ----------------------------------------------------------------------------------


def union(left: Interval, right: Interval) -> Interval | None:
    """Return the one interval that both make together; null where they neither overlap nor meet."""
    if disjunction(overlaps(left, right), meets(left, right)) is not True:
        return None
    low = left if at_most(start(left), start(right), None) else right
    high = right if at_most(end(left), end(right), None) else left
    return Interval(low.low, high.high, low.low_closed, high.high_closed)


def intersect(left: Interval, right: Interval) -> Interval | None:
    """Return what both share; where the later start or the earlier end is not known, so is the result's."""
    if overlaps(left, right) is False:
        return None
    starts_later = at_most(start(right), start(left), None)
    ends_earlier = at_most(end(left), end(right), None)
    low = _unknown_or(left, right, starts_later)
    high = _unknown_or(left, right, ends_earlier)
    if low is None and high is None:
        return None
    return Interval(
        low.low if low else None, high.high if high else None,
        low.low_closed if low else False, high.high_closed if high else False,
    )  # fmt: skip


def _unknown_or(left: Interval, right: Interval, first: bool | None) -> Interval | None:
    if first is None:
        return None
    return left if first else right


def difference(left: Interval, right: Interval) -> Interval | None:
    """Return ``left`` without ``right``; null where nothing, or two pieces, would be left."""
    apart = overlaps(left, right)
    if apart is False:
        return left
    begins, finishes = _less(start(left), start(right), None), _less(end(right), end(left), None)
    if apart is None or begins is None or finishes is None or begins == finishes:
        return None
    if begins:
        return Interval(left.low, predecessor(start(right)), left.low_closed)
    return Interval(successor(end(right)), left.high, high_closed=left.high_closed)


def width(interval: Interval) -> Any:
    low, high = start(interval), end(interval)
    if type(low) in TEMPORAL or type(high) in TEMPORAL:
        raise CqlError("an interval of dates has no width", "an interval of numbers or quantities")
    return None if low is None or high is None else subtract(high, low)


def size(interval: Interval) -> Any:
    """Return the width and one point more: how many points an interval of integers has."""
    low = start(interval)
    wide = width(interval)
    return None if wide is None else subtract(add(wide, successor(low)), low)


def point_from(interval: Interval) -> Any:
    low, high = start(interval), end(interval)
    if low is None or high is None:
        return None
    if equal(low, high) is not True:
        raise CqlError("the interval has more than one point", "an interval whose start is its end")
    return low


# The nodes ------------------------------------------------------------------------------------------------------


def _interval(node: dict, scope: Scope) -> Thunk:
    low, high = scope.compile_or_null(node.get("low")), scope.compile_or_null(node.get("high"))
    low_closed = _closed(node, "low", scope)
    high_closed = _closed(node, "high", scope)
    point = static_type(node.get("low")) or static_type(node.get("high"))

    def run(frame: Frame) -> Interval:
        bounds = low(frame), high(frame)
        for bound in bounds:
            if type(bound) in (bool, str, list):
                raise CqlError(f"an interval of {said(bound)} was asked for", "numbers, quantities, dates or times")
        made = Interval(*bounds, low_closed(frame) is not False, high_closed(frame) is not False, point)
        first, last = start(made), end(made)
        if first is not None and last is not None and order(first, last) == 1:
            raise CqlError("an interval ends before it begins", "a low bound that is not above the high one")
        return made

    return run


def _closed(node: dict, side: str, scope: Scope) -> Thunk:
    expression = node.get(f"{side}ClosedExpression")
    if expression is not None:
        return scope.compile(expression)
    closed = node.get(f"{side}Closed", True)
    return lambda _frame: closed


def _of_intervals(function: Callable[[Interval], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        if type(value) is Uncertainty:
            value = Interval(value.low, value.high)
        if type(value) is not Interval:
            raise CqlError(f"{said(value)} is no interval", "an interval")
        return function(value)

    return apply


NODES: dict[str, Build] = {
    "Interval": _interval,
    "Start": strict(_of_intervals(start)),
    "End": strict(_of_intervals(end)),
    "Width": strict(_of_intervals(width)),
    "Size": strict(_of_intervals(size)),
    "PointFrom": strict(_of_intervals(point_from)),
}
