"""How do intervals lie to each other, and to points?

Every relation here is written on the first and last points, which closed and open bounds both have. Where a bound
is not known the relation is three-valued. A plain point stands for the interval that holds it alone, so that one
function serves "A before B" for points, intervals and their mixtures.

Source: CQL 1.5 appendix B, "Interval Operators"; Author's Guide, "Comparing Intervals".
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from cql.arithmetic import add, maximum, minimum, predecessor, subtract, successor
from cql.compare import conjunction, disjunction, equal, in_unit, order
from cql.errors import CqlError, Exhausted, said
from cql.scope import Build, Frame, Scope, Thunk, lenient, operands, strict
from cql.temporal import PRECISIONS, TEMPORAL, UNITS, WEEK, DateTime, compare, same_offset, shifted
from cql.types import Interval, Long, Quantity, Uncertainty

_UNIT_NAMES = {precision: name.lower() for name, precision in PRECISIONS.items()}


def in_zone(value: Any, offset: int) -> Any:
    """Return moments as read on the clocks of the evaluation, where a precision of a day or more is asked for."""
    if type(value) is DateTime:
        return same_offset(value, offset)
    if type(value) is Interval and DateTime in (type(value.low), type(value.high)):
        return replace(value, low=same_offset(value.low, offset), high=same_offset(value.high, offset))
    return value


def point_type(interval: Interval) -> type | None:
    for bound in (interval.low, interval.high):
        if bound is not None:
            return type(bound)
    return interval.point


def start(value: Any) -> Any:
    """Return the first point; null where it is not known (CQL 1.5 appendix B, "Start")."""
    if type(value) is not Interval:
        return value
    if value.low is None:
        kind = point_type(value)
        return minimum(kind, value.high) if value.low_closed and kind else None
    return value.low if value.low_closed else successor(value.low)


def end(value: Any) -> Any:
    if type(value) is not Interval:
        return value
    if value.high is None:
        kind = point_type(value)
        return maximum(kind, value.low) if value.high_closed and kind else None
    return value.high if value.high_closed else predecessor(value.high)


def _ordered(left: Any, right: Any, precision: int | None) -> int | None:
    return None if left is None or right is None else order(left, right, precision)


def _at_most(left: Any, right: Any, precision: int | None) -> bool | None:
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
    return _at_most(end(left), start(right), precision)


def same_or_after(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return _at_most(end(right), start(left), precision)


def same_as(left: Any, right: Any, precision: int | None = None) -> bool | None:
    starts_alike = _same(start(left), start(right), precision)
    return conjunction(starts_alike, _same(end(left), end(right), precision))


def includes(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(_at_most(start(left), start(right), precision), _at_most(end(right), end(left), precision))


def properly_includes(left: Any, right: Any, precision: int | None = None) -> bool | None:
    larger = disjunction(_less(start(left), start(right), precision), _less(end(right), end(left), precision))
    return conjunction(includes(left, right, precision), larger)


def properly_contains(interval: Any, point: Any, precision: int | None = None) -> bool | None:
    """Tell whether the point lies inside, at neither end."""
    return conjunction(_less(start(interval), point, precision), _less(point, end(interval), precision))


def overlaps(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(_at_most(start(left), end(right), precision), _at_most(start(right), end(left), precision))


def overlaps_before(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(overlaps(left, right, precision), _less(start(left), start(right), precision))


def overlaps_after(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(overlaps(left, right, precision), _less(end(right), end(left), precision))


def starts(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(_same(start(left), start(right), precision), _at_most(end(left), end(right), precision))


def ends(left: Any, right: Any, precision: int | None = None) -> bool | None:
    return conjunction(_same(end(left), end(right), precision), _at_most(start(right), start(left), precision))


def _follows(left: Any, right: Any, precision: int | None) -> bool | None:
    """Tell whether ``right`` is the point after ``left``."""
    if left is None or right is None:
        return None
    if precision is not None and type(left) in TEMPORAL:
        return _same(shifted(left, Quantity(Decimal(1), _UNIT_NAMES[precision])), right, precision)
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
    low = left if _at_most(start(left), start(right), None) else right
    high = right if _at_most(end(left), end(right), None) else left
    return Interval(low.low, high.high, low.low_closed, high.high_closed)


def intersect(left: Interval, right: Interval) -> Interval | None:
    """Return what both share; where the later start or the earlier end is not known, so is the result's."""
    if overlaps(left, right) is False:
        return None
    starts_later = _at_most(start(right), start(left), None)
    ends_earlier = _at_most(end(left), end(right), None)
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


# Collapse and expand --------------------------------------------------------------------------------------------


def collapse(intervals: list[Interval | None], per: Quantity | None) -> list[Interval]:
    """Join what overlaps or meets, or lies at most ``per`` apart (CQL 1.5 appendix B, "Collapse")."""
    known = [one for one in intervals if one is not None and start(one) is not None and end(one) is not None]
    joined: list[Interval] = []
    for one in in_order(known):
        if joined and _joins(joined[-1], one, per):
            last = joined[-1]
            later = one if _at_most(end(last), end(one), None) else last
            joined[-1] = Interval(last.low, later.high, last.low_closed, later.high_closed)
        else:
            joined.append(one)
    return joined


def in_order(intervals: list[Interval]) -> list[Interval]:
    from functools import cmp_to_key  # noqa: PLC0415

    return sorted(intervals, key=cmp_to_key(lambda one, other: order(start(one), start(other)) or 0))


def _joins(last: Interval, one: Interval, per: Quantity | None) -> bool:
    if disjunction(overlaps(last, one), meets_before(last, one)) is True:
        return True
    return per is not None and _at_most(start(one), _moved(end(last), per), None) is True


def _moved(point: Any, per: Quantity) -> Any:
    """Return the point one ``per`` further on."""
    if type(point) in TEMPORAL or type(point) is Quantity:
        return add(point, per)
    return add(point, type(point)(per.value)) if type(point) in (int, Long) else add(point, per.value)


def expand(run: Any, source: Any, per: Quantity | None) -> list[Any] | None:
    """Cut intervals into pieces of ``per``: pieces of a list of intervals, first points of one interval.

    The bounds are first read to the precision of ``per``; a piece that would reach beyond the end is left out.
    Null where an interval has no end.

    Source: CQL 1.5 appendix B, "Expand".
    """
    listed = [source] if type(source) is Interval else source
    if listed is None or any(one is not None and None in (one.low, one.high) for one in listed):
        return None
    pieces = [piece for one in listed if one is not None for piece in _pieces(run, one, per)]
    return [piece.low for piece in pieces] if type(source) is Interval else pieces


def _pieces(run: Any, interval: Interval, per: Quantity | None) -> list[Interval]:
    low, high = start(interval), end(interval)
    cut = _moments if type(low) in TEMPORAL else _numbers
    pieces: list[Interval] = []
    for piece in cut(low, high, per):
        if len(pieces) >= run.limits.items:
            raise Exhausted("an interval expands to too many pieces", f"at most {run.limits.items}")
        pieces.append(piece)
    return pieces


def _moments(low: Any, high: Any, per: Quantity | None) -> Any:
    per = per or Quantity(Decimal(1), _UNIT_NAMES[min(low.precision, high.precision)])
    unit = UNITS.get(per.unit)
    if unit is None:
        raise CqlError(f"'{per.unit}' is not a duration", "a unit of time such as days")
    told = UNITS["day"] if unit == WEEK else unit
    if min(low.precision, high.precision) < told or per.value < 1:
        return
    keep = told - (3 if type(low).__name__ == "Time" else 0)
    low, high = low.with_fields(low.fields[:keep]), high.with_fields(high.fields[:keep])
    while True:
        following = shifted(low, per)
        last = shifted(following, Quantity(Decimal(1), _UNIT_NAMES[told]), -1)
        if compare(last, high) == 1 or ((compare(following, low) or 0) <= 0 and compare(low, high) == 1):
            return
        yield Interval(low, last)
        if (compare(following, low) or 0) <= 0:  # a time of day came round to midnight
            return
        low = following


def _numbers(low: Any, high: Any, per: Quantity | None) -> Any:
    step, unit = (per.value, per.unit) if per else (Decimal(1), getattr(low, "unit", "1"))
    if step <= 0:
        raise CqlError("an interval is expanded by nothing", "a quantity above zero")
    if type(low) is Quantity:
        for piece in _numbers(in_unit(low, unit), in_unit(high, unit), Quantity(step)):
            yield Interval(Quantity(piece.low, unit), Quantity(piece.high, unit))
        return
    exponent = step.as_tuple().exponent
    grain = Decimal(1).scaleb(min(exponent, 0) if isinstance(exponent, int) else 0)
    kind = type(low) if grain == 1 and type(low) is not Decimal else Decimal
    first, last = (
        Decimal(low).quantize(grain, rounding=ROUND_FLOOR),
        Decimal(high).quantize(grain, rounding=ROUND_FLOOR),
    )
    if type(high) is not Decimal or high == high.to_integral_value():
        last += 1 - grain if grain < 1 else 0
    while first + step - grain <= last:
        yield Interval(kind(first), kind(first + step - grain))
        first += step


# The nodes ------------------------------------------------------------------------------------------------------


def _interval(node: dict, scope: Scope) -> Thunk:
    low, high = scope.compile_or_null(node.get("low")), scope.compile_or_null(node.get("high"))
    low_closed = _closed(node, "low", scope)
    high_closed = _closed(node, "high", scope)
    point = scope.library.static_type(node.get("low")) or scope.library.static_type(node.get("high"))

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


def _expand(node: dict, scope: Scope) -> Thunk:
    source, *per = scope.compile_all(operands(node))

    def run(frame: Frame) -> list[Any] | None:
        return expand(frame[0], source(frame), per[0](frame) if per else None)

    return run


NODES: dict[str, Build] = {
    "Interval": _interval,
    "Start": strict(_of_intervals(start)),
    "End": strict(_of_intervals(end)),
    "Width": strict(_of_intervals(width)),
    "Size": strict(_of_intervals(size)),
    "PointFrom": strict(_of_intervals(point_from)),
    "Collapse": lenient(lambda source, per=None: None if source is None else collapse(source, per)),
    "Expand": _expand,
}
