"""Are two values of a form the same answer?"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same answer: a coding by system and code, a quantity by number and unit.

    >>> same({"code": "%", "value": 87}, {"code": "%", "value": Decimal("87.0"), "unit": "percent"})
    True
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one.get(name), other.get(name)) for name in _telling(one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float | Decimal) and isinstance(other, int | float | Decimal):
        return Decimal(str(one)) == Decimal(str(other))
    return bool(one == other)


def _telling(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the elements that tell two complex values apart; what is for display only does not."""
    if "value" in one or "value" in other:
        return ("value", "code") if "code" in one and "code" in other else ("value", "unit")
    if "code" in one or "code" in other:
        return ("system", "code")
    return tuple({*one, *other} - {"display"})
