"""How are intervals joined into fewer, and cut into pieces?

Source: CQL 1.5 appendix B, "Collapse", "Expand".
"""

from decimal import ROUND_FLOOR, Decimal
from functools import cmp_to_key
from typing import Any

from cql.arithmetic import add
from cql.bounds import end, start
from cql.compare import order
from cql.durations import shifted
from cql.errors import CqlError, Exhausted
from cql.interval import at_most, meets_before, overlaps
from cql.quantities import in_unit
from cql.scope import Build, Frame, Scope, Thunk, lenient, operands
from cql.temporal import TEMPORAL, UNIT_NAMES, UNITS, WEEK, Time, compare
from cql.three_valued import disjunction
from cql.types import Interval, Long, Quantity


def collapse(intervals: list[Interval | None], per: Quantity | None) -> list[Interval]:
    """Join what overlaps or meets, or lies at most ``per`` apart (CQL 1.5 appendix B, "Collapse")."""
    known = [one for one in intervals if one is not None and start(one) is not None and end(one) is not None]
    joined: list[Interval] = []
    for one in in_order(known):
        if joined and _joins(joined[-1], one, per):
            last = joined[-1]
            later = one if at_most(end(last), end(one), None) else last
            joined[-1] = Interval(last.low, later.high, last.low_closed, later.high_closed)
        else:
            joined.append(one)
    return joined


def in_order(intervals: list[Interval]) -> list[Interval]:
    return sorted(intervals, key=cmp_to_key(lambda one, other: order(start(one), start(other)) or 0))


def _joins(last: Interval, one: Interval, per: Quantity | None) -> bool:
    if disjunction(overlaps(last, one), meets_before(last, one)) is True:
        return True
    return per is not None and at_most(start(one), _moved(end(last), per), None) is True


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
    per = per or Quantity(Decimal(1), UNIT_NAMES[min(low.precision, high.precision)])
    unit = UNITS.get(per.unit)
    if unit is None:
        raise CqlError("an interval of dates is cut by no duration", "a unit of time such as days")
    told = UNITS["day"] if unit == WEEK else unit
    if min(low.precision, high.precision) < told or per.value < 1:
        return
    keep = told - (3 if type(low) is Time else 0)
    low, high = low.with_fields(low.fields[:keep]), high.with_fields(high.fields[:keep])
    while True:
        following = shifted(low, per)
        last = shifted(following, Quantity(Decimal(1), UNIT_NAMES[told]), -1)
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


def _expand(node: dict, scope: Scope) -> Thunk:
    source, *per = scope.compile_all(operands(node))

    def run(frame: Frame) -> list[Any] | None:
        return expand(frame[0], source(frame), per[0](frame) if per else None)

    return run


NODES: dict[str, Build] = {
    "Collapse": lenient(lambda source, per=None: None if source is None else collapse(source, per)),
    "Expand": _expand,
}
