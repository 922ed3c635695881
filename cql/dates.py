"""What do the date and time operators answer?

The moment "now" and its zone are the Run's evaluation timestamp; there is no other clock.

Source: CQL 1.5 appendix B, "Date and Time Operators"; ELM 1.5, "Date and Time Operators".
"""

from decimal import Decimal
from typing import Any

from cql.compare import NUMBERS
from cql.durations import difference_between, duration_between
from cql.errors import CqlError, said
from cql.scope import Build, Frame, Scope, Thunk, operands, strict
from cql.temporal import (
    DAY,
    HOUR,
    PRECISIONS,
    Date,
    DateTime,
    Time,
    compare,
    date_of,
    datetime_of,
    same_offset,
    time_of,
)

_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "millisecond")


def precision_of(node: dict) -> int | None:
    """Return the precision that a node names, or None."""
    name = node.get("precision")
    if name is None:
        return None
    if name not in PRECISIONS:
        raise CqlError(f"'{name}' is not a precision", "Year to Millisecond, or Week")
    return PRECISIONS[name]


def _known(values: list[Any]) -> tuple[int, ...]:
    """Return the fields up to the first null."""
    known: list[int] = []
    for value in values:
        if value is None:
            break
        known.append(int(value))
    return tuple(known)


def _date(node: dict, scope: Scope) -> Thunk:
    thunks = [scope.compile_or_null(node.get(name)) for name in _DATE]

    def run(frame: Frame) -> Date | None:
        fields = _known([thunk(frame) for thunk in thunks])
        return date_of(*fields) if fields else None

    return run


def _datetime(node: dict, scope: Scope) -> Thunk:
    thunks = [scope.compile_or_null(node.get(name)) for name in (*_DATE, *_TIME)]
    offset = scope.compile_or_null(node.get("timezoneOffset"))

    def run(frame: Frame) -> DateTime | None:
        fields = _known([thunk(frame) for thunk in thunks])
        hours = offset(frame)
        return datetime_of(fields, frame[0].offset if hours is None else int(hours * 60)) if fields else None

    return run


def _time(node: dict, scope: Scope) -> Thunk:
    thunks = [scope.compile_or_null(node.get(name)) for name in _TIME]

    def run(frame: Frame) -> Time | None:
        fields = _known([thunk(frame) for thunk in thunks])
        return time_of(*fields) if fields else None

    return run


def _with_precision(function: Any) -> Build:
    """Make a strict binary operator whose function is handed the Run first and the node's precision last."""

    def build(node: dict, scope: Scope) -> Thunk:
        left, right = scope.compile_all(operands(node))
        precision = precision_of(node)

        def run(frame: Frame) -> Any:
            first, second = left(frame), right(frame)
            return None if first is None or second is None else function(frame[0], first, second, precision)

        return run

    return build


def _component(value: Any, precision: int) -> int | None:
    place = precision - 1 - (DAY if type(value) is Time else 0)
    return value.fields[place] if 0 <= place < len(value.fields) else None


def _component_from(node: dict, scope: Scope) -> Thunk:
    (operand,) = scope.compile_all(operands(node))
    precision = precision_of(node) or HOUR

    def run(frame: Frame) -> int | None:
        value = operand(frame)
        return None if value is None else _component(value, precision)

    return run


def _date_from(value: Any) -> Date:
    return Date(value.fields[:DAY])


def _time_from(value: DateTime) -> Time | None:
    return Time(value.fields[DAY:]) if value.precision > DAY else None


def _between(count: Any) -> Any:
    def between(run: Any, left: Any, right: Any, precision: int | None) -> Any:
        if type(left) in NUMBERS:
            raise CqlError(f"{said(left)} is no date or time", "dates, date-times or times")
        offset = run.offset
        return count(same_offset(left, offset), same_offset(right, offset), precision or DAY)

    return between


def same_as(left: Any, right: Any, precision: int | None) -> bool | None:
    order = compare(left, right, precision)
    return None if order is None else order == 0


NODES: dict[str, Build] = {
    "Date": _date,
    "DateTime": _datetime,
    "Time": _time,
    "Now": lambda _node, _scope: lambda frame: frame[0].now,
    "Today": lambda _node, _scope: lambda frame: frame[0].today,
    "TimeOfDay": lambda _node, _scope: lambda frame: Time(frame[0].now.fields[DAY:]),
    "DateTimeComponentFrom": _component_from,
    "DateFrom": strict(_date_from),
    "TimeFrom": strict(_time_from),
    "TimezoneOffsetFrom": strict(lambda value: Decimal(value.offset) / 60),
    "TimezoneFrom": strict(lambda value: Decimal(value.offset) / 60),
    "DurationBetween": _with_precision(_between(duration_between)),
    "DifferenceBetween": _with_precision(_between(difference_between)),
}
