"""What do forms and policies call in FHIRPath that fhirpathpy has not, or answers otherwise than it should?

Its aggregates fail on elements of a resource, its quantities cannot be ordered and are equal in one unit only, it
rounds 2.5 to 2, writes ``True``, and tells of an error by a value where ``single()`` finds several.

Each function takes values as JSON has them, FHIRPath's own literals as fhirpathpy has them. What it raises, the
expression raises.

Source: FHIRPath 2.0; FHIR R4, "FHIRPath", Additional functions; SDC 4.0.0, "Using Expressions", FHIRPath supplements.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeGuard

from fhirpathpy.engine.invocations import equality, misc  # noqa: TID251 beside fhir_r4/path.py
from fhirpathpy.engine.nodes import FP_Quantity, ResourceNode  # noqa: TID251
from fhirpathpy.engine.util import get_data  # noqa: TID251

from fhir_r4.resource import extensions
from fhir_r4.ucum import NotUcum, converted
from fhir_r4.weights import weight_of

_CALENDAR = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s"}
_Quantity = tuple[Decimal, str]


class NoSuchValueError(ValueError):
    """A function met values of a kind, or as many, as it does not take; the message quotes none."""


def _extensions(elements: list[Any], url: str) -> list[Any]:
    """``extension(url)``, all repetitions of it: fhirpathpy's own returns the first of each element."""
    return [
        ResourceNode.create_node(one, "Extension")  # type: ignore[no-untyped-call]
        for element in elements
        for one in extensions(element, url)
    ]


# Numbers ----------------------------------------------------------------------------------------------------------


def _is_number(value: Any) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _numbers(values: list[Any]) -> list[Any]:
    if not all(map(_is_number, values)):
        raise NoSuchValueError("numbers alone")
    return values


def _sum(values: list[Any]) -> list[Any]:
    """The sum; of nothing there is none, so that a score is no 0 before a question is answered."""
    return [sum(_numbers(values))] if values else []


def _average(values: list[Any]) -> list[Any]:
    return [Decimal(sum(_numbers(values))) / len(values)] if values else []


def _extreme(choose: Callable[[Iterable[Any]], Any]) -> Callable[[list[Any]], list[Any]]:
    def of(values: list[Any]) -> list[Any]:
        comparable = values if all(isinstance(one, str) for one in values) else _numbers(values)
        return [choose(comparable)] if comparable else []

    return of


def _round(values: list[Any], digits: int = 0) -> list[Any]:
    """Round as people do: a half away from zero."""
    return [Decimal(one).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) for one in _numbers(values)]


def _weights(values: list[Any]) -> list[Any]:
    """What answers, codings or a question's options count for, where it is said (itemWeight, ordinalValue)."""
    return [weight for one in values if (weight := weight_of(one)) is not None]


# One value --------------------------------------------------------------------------------------------------------


def _single(values: list[Any]) -> list[Any]:
    if len(values) > 1:
        raise NoSuchValueError("one value at most")
    return values


def _has_value(values: list[Any]) -> list[bool]:
    return [len(values) == 1 and isinstance(values[0], str | int | Decimal)]


def _to_string(values: list[Any]) -> list[str]:
    if len(values) == 1 and isinstance(values[0], bool):
        return ["true" if values[0] else "false"]
    written = misc.to_string(None, values)  # type: ignore[no-untyped-call]
    return [written] if written else []


# Quantities -------------------------------------------------------------------------------------------------------


def _quantity(values: list[Any]) -> _Quantity | None:
    """Return number and UCUM unit of the one value, where it is a quantity."""
    value = get_data(values[0]) if values else None  # type: ignore[no-untyped-call]
    if isinstance(value, FP_Quantity):
        unit = str(value.unit).strip("'")
        return Decimal(value.value), _CALENDAR.get(unit.removesuffix("s"), unit)
    if isinstance(value, Mapping):
        number = value.get("value")
        return (Decimal(number), str(value.get("code") or value.get("unit") or "1")) if _is_number(number) else None
    return (Decimal(value), "1") if _is_number(value) else None


def _order(one: _Quantity, other: _Quantity) -> int | None:
    """Return -1, 0 or 1; None where one unit is not to be had in the other."""
    try:
        theirs = other[0] if one[1] == other[1] else converted(other[0], other[1], one[1])
    except NotUcum:
        return None
    return None if theirs is None else (one[0] > theirs) - (one[0] < theirs)


def _comparing(usual: Callable[..., Any], holds: Callable[[int], bool]) -> dict[str, Any]:
    """Return an operator that compares quantities by us, and all else as it is compared."""

    def compare(left: list[Any], right: list[Any]) -> Any:
        beside = len(left) > 1 and isinstance(left[1], Mapping) and "extension" in left[1]  # of a primitive
        left = left[:1] if beside else left
        if not any(isinstance(get_data(one), FP_Quantity | Mapping) for one in (*left[:1], *right[:1])):  # type: ignore[no-untyped-call]
            return usual(None, left, right)
        one, other = _quantity(left), _quantity(right)
        if one is None or other is None or len(left) > 1 or len(right) > 1:
            return usual(None, left, right)
        order = _order(one, other)
        return [] if order is None else [holds(order)]

    return {"fn": compare, "arity": {2: ["Any", "Any"]}, "nullable": True}


FUNCTIONS: Mapping[str, Mapping[str, Any]] = {
    "extension": {"fn": _extensions, "arity": {1: ["String"]}},
    "sum": {"fn": _sum},
    "avg": {"fn": _average},
    "min": {"fn": _extreme(min)},
    "max": {"fn": _extreme(max)},
    "round": {"fn": _round, "arity": {0: [], 1: ["Integer"]}},
    "weight": {"fn": _weights},
    "ordinal": {"fn": _weights},
    "single": {"fn": _single},
    "hasValue": {"fn": _has_value},
    "toString": {"fn": _to_string},
    "<": _comparing(equality.lt, lambda order: order < 0),
    ">": _comparing(equality.gt, lambda order: order > 0),
    "<=": _comparing(equality.lte, lambda order: order <= 0),
    ">=": _comparing(equality.gte, lambda order: order >= 0),
    "=": _comparing(equality.equal, lambda order: order == 0),
    "!=": _comparing(equality.unequal, lambda order: order != 0),
}
"""By name, as fhirpathpy takes them."""
