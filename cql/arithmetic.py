"""What do the arithmetic operators answer, and when is a result too large to be one?

Integers have 32 bits, Longs 64; Decimals 28 digits of which 8 are decimals. What does not fit is null, and so is a
division by zero. Quantities carry their units along; dates move by durations.

Source: CQL 1.5 appendix B, "Arithmetic Operators".
"""

import decimal
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from cql.compare import in_unit
from cql.errors import CqlError, said
from cql.scope import Build, Frame, Scope, Thunk, lenient, named, operands, strict
from cql.temporal import (
    MILLISECOND,
    TEMPORAL,
    Date,
    DateTime,
    Time,
    first_of,
    highest,
    last_of,
    lowest,
    neighbour,
    shifted,
)
from cql.types import (
    MAX_DECIMAL,
    MAX_INTEGER,
    MAX_LONG,
    MIN_DECIMAL,
    MIN_INTEGER,
    MIN_LONG,
    STEP,
    WIDE,
    Long,
    Quantity,
    Uncertainty,
    to_scale,
)
from cql.ucum import product

_RANGE: dict[type, tuple[Any, Any]] = {
    int: (MIN_INTEGER, MAX_INTEGER),
    Long: (MIN_LONG, MAX_LONG),
    Decimal: (MIN_DECIMAL, MAX_DECIMAL),
}


def fitted(value: Any, kind: type) -> Any:
    """Return a number as ``kind``, rounded to its step; null where it is beyond the type's range."""
    if kind is Decimal:
        value = to_scale(value)
    low, high = _RANGE[kind]
    return kind(value) if low <= value <= high else None


def _kind(left: Any, right: Any) -> type:
    """Return the type of a result: the wider of the two."""
    kinds = {type(left), type(right)}
    if not kinds <= _RANGE.keys():
        raise CqlError(f"{said(left)} and {said(right)} cannot be reckoned with", "numbers or quantities")
    return Decimal if Decimal in kinds else Long if Long in kinds else int


def _numeric(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        kind = _kind(left, right)
        if kind is Decimal:
            with decimal.localcontext(WIDE):
                return fitted(operation(Decimal(left), Decimal(right)), kind)
        return fitted(operation(int(left), int(right)), kind)

    return apply


_sum = _numeric(lambda left, right: left + right)
_difference = _numeric(lambda left, right: left - right)
_product = _numeric(lambda left, right: left * right)


def add(left: Any, right: Any) -> Any:
    if type(left) in TEMPORAL and type(right) is Quantity:
        return shifted(left, right)
    if type(left) is Quantity and type(right) is Quantity:
        return _added(left, right, 1)
    return _either(_sum, left, right)


def subtract(left: Any, right: Any) -> Any:
    if type(left) in TEMPORAL and type(right) is Quantity:
        return shifted(left, right, -1)
    if type(left) is Quantity and type(right) is Quantity:
        return _added(left, right, -1)
    return _either(_difference, left, right)


def _either(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Apply to plain numbers, or to all corners where a side is uncertain."""
    if type(left) is not Uncertainty and type(right) is not Uncertainty:
        return operation(left, right)
    corners = [operation(a, b) for a in _ends(left) for b in _ends(right)]
    return None if None in corners else Uncertainty(min(corners), max(corners))


def _ends(value: Any) -> tuple[Any, ...]:
    return (value.low, value.high) if type(value) is Uncertainty else (value,)


def _added(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    other = in_unit(right, left.unit)
    if other is None:
        raise CqlError(f"'{left.unit}' and '{right.unit}' cannot be added", "units of one dimension")
    return _quantity(left.value + sign * other, left.unit)


def _quantity(value: Decimal | None, unit: str) -> Quantity | None:
    fits = None if value is None else fitted(value, Decimal)
    return None if fits is None else Quantity(fits, unit)


def multiply(left: Any, right: Any) -> Any:
    if type(left) is Quantity or type(right) is Quantity:
        mine, yours = as_quantity(left), as_quantity(right)
        other = in_unit(yours, mine.unit)
        if other is not None and in_unit(mine, "1") is None:  # 1 'cm' times 2 'm' is 200 'cm2'
            yours = Quantity(other, mine.unit)
        return _quantity(_product(mine.value, yours.value), product(mine.unit, yours.unit))
    return _either(_product, left, right)


def divide(left: Any, right: Any) -> Any:
    if type(left) is Quantity or type(right) is Quantity:
        return _quantity_ratio(as_quantity(left), as_quantity(right))
    if right == 0:
        return None
    with decimal.localcontext(WIDE):
        return fitted(Decimal(left) / Decimal(right), Decimal)


def _quantity_ratio(left: Quantity, right: Quantity) -> Quantity | None:
    """``10 'g' / 2 'mg'`` has no unit: the right side is told in the left's unit where it can be."""
    converted = in_unit(right, left.unit)
    value, unit = (right.value, right.unit) if converted is None else (converted, left.unit)
    if value == 0:
        return None
    with decimal.localcontext(WIDE):
        return _quantity(left.value / value, product(left.unit, unit, -1))


def as_quantity(value: Any) -> Quantity:
    return value if type(value) is Quantity else Quantity(Decimal(value))


def _whole(left: Any, right: Any) -> Any:
    """Divide toward zero."""
    if right == 0:
        return None
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _rest(left: Any, right: Any) -> Any:
    """The remainder has the sign of the dividend."""
    if right == 0:
        return None
    rest = abs(left) % abs(right)
    return rest if left >= 0 else -rest


def _integral(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Make ``div`` or ``mod``; of quantities the result has the left unit, as the public suite has it."""

    def apply(left: Any, right: Any) -> Any:
        if type(left) is Quantity or type(right) is Quantity:
            mine, yours = as_quantity(left), as_quantity(right)
            other = in_unit(yours, mine.unit)
            if other is None:
                raise CqlError(f"'{mine.unit}' cannot be divided by '{yours.unit}'", "units of one dimension")
            return _quantity(apply(mine.value, other), mine.unit)
        if right == 0:
            return None
        return _numeric(operation)(left, right)

    return apply


truncated_divide = _integral(_whole)
modulo = _integral(_rest)


def power(base: Any, exponent: Any) -> Any:
    kind = _kind(base, exponent)
    if kind is not Decimal and exponent < 0:
        kind = Decimal
    if abs(base) > 1 and abs(exponent) > 200:
        return None if exponent > 0 else Decimal(0)
    try:
        with decimal.localcontext(WIDE):
            return fitted(Decimal(base) ** Decimal(exponent) if kind is Decimal else int(base) ** int(exponent), kind)
    except decimal.DecimalException:
        return None


def _negated(value: Any) -> Any:
    if type(value) is Quantity:
        return Quantity(-value.value, value.unit)
    if type(value) is Uncertainty:
        return Uncertainty(-value.high, -value.low)
    return fitted(-value, type(value))


def _absolute(value: Any) -> Any:
    return Quantity(abs(value.value), value.unit) if type(value) is Quantity else fitted(abs(value), type(value))


def _integer(rounding: str) -> Callable[[Any], Any]:
    return lambda value: fitted(int(Decimal(value).to_integral_value(rounding=rounding)), int)


def _round(value: Any, precision: int | None) -> Decimal | None:
    """Halves go away from zero, as the public suite has it: ``Round(-1.5) = -2``."""
    step = Decimal(1).scaleb(-(precision or 0))
    with decimal.localcontext(WIDE):
        scaled = (Decimal(value) / step).to_integral_value(rounding=ROUND_HALF_UP)
        rounded: Decimal | None = fitted(scaled * step, Decimal)
    return rounded


def _exp(value: Any) -> Any:
    if value > 50:
        raise CqlError("the result of Exp is too large", "an exponent of at most 46")
    with decimal.localcontext(WIDE):
        return fitted(Decimal(value).exp(), Decimal)


def _ln(value: Any) -> Any:
    if value == 0:
        raise CqlError("zero has no logarithm", "a number above zero")
    if value < 0:
        return None
    with decimal.localcontext(WIDE):
        return fitted(Decimal(value).ln(), Decimal)


def _log(value: Any, base: Any) -> Any:
    if value <= 0 or base <= 0 or base == 1:
        return None
    with decimal.localcontext(WIDE):
        return fitted(Decimal(value).ln() / Decimal(base).ln(), Decimal)


# The ends of a type, and neighbours -----------------------------------------------------------------------------

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
        return Quantity(_RANGE[Decimal][end], like.unit if type(like) is Quantity else "1")
    if kind in _RANGE:
        return _RANGE[kind][end]
    if kind in TEMPORAL:
        return (last_of if end else first_of)(kind, getattr(like, "offset", 0))
    raise CqlError("the type has no least or greatest value", "a numeric type, Quantity, Date, DateTime or Time")


def _type_end(end: Callable[[type], Any]) -> Build:
    def build(node: dict, _scope: Scope) -> Thunk:
        name = str(node.get("valueType")).rpartition("}")[2]
        if name not in _NAMES:
            raise CqlError(f"{name} has no least or greatest value", "a numeric type, Date, DateTime or Time")
        value = end(_NAMES[name])
        return lambda _frame: value

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
    if kind not in _RANGE:
        raise CqlError(f"{said(value)} has no neighbours", "a number, a quantity, a date or a time")
    if value == _RANGE[kind][1 if sign > 0 else 0]:
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


def _negate(node: dict, scope: Scope) -> Thunk:
    """``-2147483648`` is a literal: its digits alone would not fit."""
    (operand,) = operands(node)
    if operand.get("type") == "Literal":
        return scope.compile({**operand, "value": "-" + operand["value"]})
    thunk = scope.compile(operand)

    def run(frame: Frame) -> Any:
        value = thunk(frame)
        return None if value is None else _negated(value)

    return run


NODES: dict[str, Build] = {
    "Add": strict(add),
    "Subtract": strict(subtract),
    "Multiply": strict(multiply),
    "Divide": strict(divide),
    "TruncatedDivide": strict(truncated_divide),
    "Modulo": strict(modulo),
    "Power": strict(power),
    "Negate": _negate,
    "Abs": strict(_absolute),
    "Ceiling": strict(_integer(ROUND_CEILING)),
    "Floor": strict(_integer(ROUND_FLOOR)),
    "Truncate": strict(lambda value: fitted(int(value), int)),
    "Round": named(_round, "operand", "precision", needs=1),
    "Exp": strict(_exp),
    "Ln": strict(_ln),
    "Log": strict(_log),
    "MinValue": _type_end(minimum),
    "MaxValue": _type_end(maximum),
    "Successor": strict(successor),
    "Predecessor": strict(predecessor),
    "Precision": strict(_precision),
    "LowBoundary": lenient(_boundary(last=False)),
    "HighBoundary": lenient(_boundary(last=True)),
}
