"""Which are the first and the last values of a type, which value comes next, and how exactly is one told?

Source: CQL 1.5 appendix B, "Minimum", "Maximum", "Successor", "Predecessor", "Precision", "LowBoundary".
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from cql.durations import neighbour
from cql.errors import CqlError, said
from cql.scope import Build, Scope, Thunk, constant, lenient, strict
from cql.temporal import MILLISECOND, TEMPORAL, Date, DateTime, Time, first_of, highest, last_of, lowest
from cql.types import RANGE, STEP, Long, Quantity

_NAMES: dict[str, type] = {
    "Integer": int, "Long": Long, "Decimal": Decimal, "Quantity": Quantity,
    "Date": Date, "DateTime": DateTime, "Time": Time,
}  # fmt: skip


def minimum(kind: type, like: Any = None) -> Any:
    """Return the least value of a type; of quantities and moments, the least in the unit or zone of ``like``."""
    return _extreme(kind, like, 0)


def maximum(kind: type, like: Any = None) -> Any:
    return _extreme(kind, like, 1)


def _extreme(kind: type, like: Any, end: int) -> Any:
    if kind is Quantity:
        return Quantity(RANGE[Decimal][end], like.unit if type(like) is Quantity else "1")
    if kind in RANGE:
        return RANGE[kind][end]
    if kind in TEMPORAL:
        return (last_of if end else first_of)(kind, getattr(like, "offset", 0))
    raise CqlError("the type has no least or greatest value", "a numeric type, Quantity, Date, DateTime or Time")


def _type_end(end: Callable[[type], Any]) -> Build:
    def build(node: dict, _scope: Scope) -> Thunk:
        name = str(node.get("valueType")).rpartition("}")[2]
        if name not in _NAMES:
            raise CqlError(f"{name} has no least or greatest value", "a numeric type, Date, DateTime or Time")
        return constant(end(_NAMES[name]))

    return build


def successor(value: Any) -> Any:
    """Return the next value; CqlError where the value is the last of its type."""
    return _next(value, 1)


def predecessor(value: Any) -> Any:
    return _next(value, -1)


def _next(value: Any, sign: int) -> Any:
    kind = type(value)
    if kind in TEMPORAL:
        return neighbour(value, sign)
    if kind is Quantity:
        return Quantity(_next(value.value, sign), value.unit)
    if kind not in RANGE:
        raise CqlError(f"{said(value)} has no neighbours", "a number, a quantity, a date or a time")
    if value == RANGE[kind][1 if sign > 0 else 0]:
        raise CqlError("the value is at the end of its type", "a value inside the type's range")
    return kind(value + sign * (STEP if kind is Decimal else 1))


# Precision and boundaries ---------------------------------------------------------------------------------------


def _precision(value: Any) -> int:
    """Count the digits that are told: of a Decimal its decimals, of a moment YYYYMMDDhhmmssfff."""
    if type(value) is Decimal:
        exponent = value.as_tuple().exponent
        return max(-exponent, 0) if isinstance(exponent, int) else 0
    digits = (4, 6, 8, 10, 12, 14, 17)[value.precision - 1]
    return digits - 8 if type(value) is Time else digits


def _boundary(last: bool) -> Callable[[Any, Any], Any]:
    def boundary(value: Any, precision: int | None) -> Any:
        if value is None:
            return None
        if type(value) is Decimal:
            return _decimal_boundary(value, 8 if precision is None else precision, last)
        digits = (4, 6, 8, 10, 12, 14, 17)
        finest = 3 if type(value) is Date else MILLISECOND
        wanted = {d - (8 if type(value) is Time else 0): place for place, d in enumerate(digits, 1) if place <= finest}
        if precision is not None and precision not in wanted:
            return None
        fields = wanted.get(precision, finest) if precision is not None else finest
        filled = (highest if last else lowest)(value)
        return filled.with_fields(filled.fields[: fields - (3 if type(value) is Time else 0)])

    return boundary


def _decimal_boundary(value: Decimal, precision: int, last: bool) -> Decimal | None:
    """The least or greatest number that begins with these digits."""
    if not 0 <= precision <= 8:
        return None
    exponent = value.as_tuple().exponent
    told = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    step = Decimal(1).scaleb(-precision)
    if told <= step:
        return value.quantize(step, rounding=ROUND_CEILING if last else ROUND_FLOOR)
    return value + (told - step) if last else value.quantize(step)


NODES: dict[str, Build] = {
    "MinValue": _type_end(minimum),
    "MaxValue": _type_end(maximum),
    "Successor": strict(successor),
    "Predecessor": strict(predecessor),
    "Precision": strict(_precision),
    "LowBoundary": lenient(_boundary(last=False)),
    "HighBoundary": lenient(_boundary(last=True)),
}
