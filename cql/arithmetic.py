"""What do the arithmetic operators answer, and when is a result too large to be one?

Integers have 32 bits, Longs 64; Decimals 28 digits of which 8 are decimals. What does not fit is null, and so is a
division by zero. Quantities carry their units along; dates move by durations.

Source: CQL 1.5 appendix B, "Arithmetic Operators".
"""

import decimal
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from cql.durations import shifted
from cql.errors import CqlError, said
from cql.quantities import as_quantity, in_unit
from cql.scope import Build, Frame, Scope, Thunk, named, operands, strict
from cql.temporal import TEMPORAL
from cql.types import RANGE, WIDE, Long, Quantity, Uncertainty, fitted
from fhir_r4.ucum import product


def _kind(left: Any, right: Any) -> type:
    """Return the type of a result: the wider of the two."""
    kinds = {type(left), type(right)}
    if not kinds <= RANGE.keys():
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
        raise CqlError("quantities of different dimensions are added", "units of one dimension")
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
                raise CqlError(
                    "quantities of different dimensions are divided into whole parts", "units of one dimension"
                )
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
}
