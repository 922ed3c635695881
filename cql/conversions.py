"""How does a value become one of another type? What cannot be read as the type is null.

Source: CQL 1.5 appendix B, "Type Operators"; ELM 1.5, As, Is, Convert, CanConvert and the To… operators.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cql.errors import CqlError, Unsupported, said
from cql.scope import Build, Frame, Scope, Thunk, operands, strict
from cql.specifiers import Test, is_named, is_specified, static_point
from cql.temporal import DAY, TEMPORAL, UNITS, Date, DateTime, Time, read_date, read_datetime, read_time
from cql.types import Concept, Interval, Long, Quantity, Ratio, fitted
from fhir_r4.ucum import NotUcum, unit

_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,28}(?:\.\d{1,28})?", re.ASCII)
_QUANTITY = re.compile(
    r"\s*(?P<value>[+-]?\d{1,28}(?:\.\d{1,28})?)\s*(?:'(?P<ucum>[^']*)'|(?P<word>[a-z]+))?\s*", re.ASCII
)
_ZONE = re.compile(r"(?:Z|[+-]\d\d:\d\d)\Z", re.ASCII)  # a time of day has none: it is read and dropped
_TRUE, _FALSE = {"true", "t", "yes", "y", "1"}, {"false", "f", "no", "n", "0"}


def to_boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    text = str(value).lower() if type(value) is not Decimal else f"{value.normalize():f}"
    return True if text in _TRUE else False if text in _FALSE else None


def to_whole(value: Any, kind: type) -> Any:
    """Return an Integer (``int``) or a Long."""
    if type(value) is str:
        return fitted(int(value), kind) if _INTEGER.fullmatch(value) else None
    return fitted(int(value), kind)


def to_decimal(value: Any) -> Decimal | None:
    if type(value) is str and not _DECIMAL.fullmatch(value):
        return None
    fits: Decimal | None = fitted(Decimal(int(value) if type(value) is bool else value), Decimal)
    return fits


def to_string(value: Any) -> str | None:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is Decimal:
        return f"{value:f}"
    if type(value) is Quantity:
        written = value.unit if value.unit in UNITS and value.unit not in _UCUM_TIMES else f"'{value.unit}'"
        return f"{value.value:f} {written}"
    if type(value) is Ratio:
        return f"{to_string(value.numerator)}:{to_string(value.denominator)}"
    if type(value) is DateTime:
        return str(value).rstrip("T")
    if type(value) in (str, int, Long, *TEMPORAL):
        return str(value)
    raise CqlError(f"{said(value)} has no spelling", "a number, quantity, date, time or Boolean")


_UCUM_TIMES = {"a", "mo", "wk", "d", "h", "min", "s", "ms"}


def to_date(value: Any) -> Date | None:
    if type(value) is str:
        moment = read_datetime(value, 0)
        return read_date(value) or (Date(moment.fields[:3]) if moment else None)
    return Date(value.fields[:3])


def to_quantity(value: Any) -> Quantity | None:
    if type(value) is Ratio:
        return None
    if type(value) is not str:
        return Quantity(Decimal(value))
    found = _QUANTITY.fullmatch(value)
    if not found:
        return None
    number, written = to_decimal(found["value"]), found["ucum"] or found["word"] or "1"
    if number is None or (found["word"] and written not in UNITS) or not _is_unit(written):
        return None
    return Quantity(number, written)


def _is_unit(text: str) -> bool:
    try:
        unit(text)
    except NotUcum:
        return text in UNITS
    return True


def to_ratio(value: str) -> Ratio | None:
    numerator, colon, denominator = value.partition(":")
    above, below = to_quantity(numerator), to_quantity(denominator)
    return Ratio(above, below) if colon and above and below else None


def to_concept(value: Any) -> Concept:
    if type(value) is list:
        return Concept(tuple(one for one in value if one is not None))
    return value if type(value) is Concept else Concept((value,), value.display)


def _to_datetime(run: Any, value: Any) -> DateTime | None:
    if type(value) is str:
        return read_datetime(value, run.offset)
    return value if type(value) is DateTime else DateTime(value.fields, run.offset)


def _to_time(value: Any) -> Time | None:
    if type(value) is str:
        return read_time(_ZONE.sub("", value))
    if type(value) is DateTime:
        return Time(value.fields[DAY:]) if value.precision > DAY else None
    return value if type(value) is Time else None


CONVERSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "Boolean": lambda _run, value: to_boolean(value),
    "Integer": lambda _run, value: to_whole(value, int),
    "Long": lambda _run, value: to_whole(value, Long),
    "Decimal": lambda _run, value: to_decimal(value),
    "String": lambda _run, value: to_string(value),
    "Date": lambda _run, value: to_date(value),
    "DateTime": _to_datetime,
    "Time": lambda _run, value: _to_time(value),
    "Quantity": lambda _run, value: value if type(value) is Quantity else to_quantity(value),
    "Ratio": lambda _run, value: to_ratio(value),
    "Concept": lambda _run, value: to_concept(value),
}


def _to(name: str) -> Build:
    conversion = CONVERSIONS[name]

    def build(node: dict, scope: Scope) -> Thunk:
        (operand,) = scope.compile_all(operands(node))

        def run(frame: Frame) -> Any:
            value = operand(frame)
            return None if value is None else conversion(frame[0], value)

        return run

    return build


def _converts_to(name: str) -> Build:
    conversion = CONVERSIONS[name]

    def build(node: dict, scope: Scope) -> Thunk:
        (operand,) = scope.compile_all(operands(node))

        def run(frame: Frame) -> bool | None:
            value = operand(frame)
            return None if value is None else _can(conversion, frame, value)

        return run

    return build


def _can(conversion: Callable[[Any, Any], Any], frame: Frame, value: Any) -> bool:
    try:
        return conversion(frame[0], value) is not None
    except (CqlError, AttributeError, TypeError, ValueError):
        return False


def _convert(node: dict, scope: Scope) -> Thunk:
    specifier = node.get("toTypeSpecifier") or {}
    name = str(node.get("toType") or specifier.get("name", "")).rpartition("}")[2]
    if name not in CONVERSIONS:
        raise Unsupported(f"nothing is converted to {name or 'an unnamed type'}", ", ".join(CONVERSIONS))
    return _to(name)(node, scope)


def _can_convert(node: dict, scope: Scope) -> Thunk:
    name = str(node.get("toType", "")).rpartition("}")[2]
    if name not in CONVERSIONS:
        raise Unsupported(f"nothing is converted to {name or 'an unnamed type'}", ", ".join(CONVERSIONS))
    return _converts_to(name)(node, scope)


def _test(node: dict, prefix: str) -> Test:
    named = node.get(f"{prefix}Type")
    return is_named(named) if named else is_specified(node.get(f"{prefix}TypeSpecifier"))


def _is(node: dict, scope: Scope) -> Thunk:
    (operand,) = scope.compile_all(operands(node))
    test = _test(node, "is")

    def run(frame: Frame) -> bool:
        value = operand(frame)
        return value is not None and test(value)

    return run


def _as(node: dict, scope: Scope) -> Thunk:
    """A value of another type is null, or an error where the cast is strict."""
    (operand,) = scope.compile_all(operands(node))
    test, is_strict = _test(node, "as"), node.get("strict", False)
    point = static_point(node)

    def run(frame: Frame) -> Any:
        value = operand(frame)
        if value is None or test(value):
            return replace(value, point=point) if type(value) is Interval and point else value
        if is_strict:
            raise CqlError(f"{said(value)} cannot be cast", "a value of the type that is named")
        return None

    return run


def _to_list(node: dict, scope: Scope) -> Thunk:
    (operand,) = scope.compile_all(operands(node))

    def run(frame: Frame) -> list[Any]:
        value = operand(frame)
        return [] if value is None else [value]

    return run


NODES: dict[str, Build] = {
    "As": _as,
    "Is": _is,
    "Convert": _convert,
    "CanConvert": _can_convert,
    "ToList": _to_list,
    "ToChars": strict(list),
    **{f"To{name}": _to(name) for name in CONVERSIONS},
    **{f"ConvertsTo{name}": _converts_to(name) for name in CONVERSIONS if name != "Concept"},
}
