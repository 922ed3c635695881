"""Are two values of a form the same answer, and which is the more?

Quantities are compared in one unit, moments as instants; a day with a moment by its day, as it is written there. What
cannot be compared is neither less nor more: a mass with a length, 80 with "<90", a word with anything.

Source: FHIR R4, Quantity (comparator), dateTime ("may be specified to any precision"); UCUM.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from fhir_r4.resource import text_of
from fhir_r4.ucum import NotUcum, converted

_HOUR = r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
_ZONE = r"Z|[-+]\d\d:\d\d"
_WRITTEN = re.compile(rf"(?P<local>{_HOUR}|\d{{4}}(?:-\d\d(?:-\d\d(?:T{_HOUR})?)?)?)(?P<zone>{_ZONE})?", re.ASCII)


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
        return ("value", "comparator", "code" if "code" in one and "code" in other else "unit")
    if "code" in one or "code" in other:
        return ("system", "code")
    return tuple({*one, *other} - {"display"})


def compare(one: Any, other: Any) -> int | None:
    """Return -1, 0 or 1 where ``one`` is less, as much or more than ``other``; None where there is no telling.

    >>> compare({"value": 8, "code": "kPa"}, {"value": 55, "code": "mm[Hg]"})
    1
    >>> compare("2026-03-01T10:00:00-05:00", "2026-03-01")
    0
    """
    if isinstance(one, str) or isinstance(other, str):
        return _in_time(one, other) if isinstance(one, str) and isinstance(other, str) else None
    mine, theirs = number_of(one), in_unit_of(other, one)
    if mine is None or theirs is None or _comparator(other):
        return None
    order = (mine > theirs) - (mine < theirs)
    beyond = {"<": -1, "<=": -1, ">": 1, ">=": 1}.get(_comparator(one) or "", order)
    if order in {0, beyond}:
        return None if order == 0 and _comparator(one) in {"<=", ">="} else beyond
    return None


def number_of(value: Any) -> Decimal | None:
    """Return a number, or that of a quantity; None of what has none that can be reckoned with."""
    number = value.get("value") if isinstance(value, dict) else value
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return None
    exact = Decimal(str(number)) if isinstance(number, float) else Decimal(number)
    return exact if exact.is_finite() else None


def in_unit_of(value: Any, other: Any) -> Decimal | None:
    """Return the number of ``value`` in the unit of ``other``; None where one cannot be told in the other.

    What names no unit is taken for a number in the other's.
    """
    number = number_of(value)
    mine, theirs = _unit(value), _unit(other)
    if number is None or not any(mine) or not any(theirs) or _alike(mine, theirs):
        return number
    source, target = mine[0], theirs[0]
    try:
        return converted(number, source, target) if source and target else None
    except NotUcum:
        return None


def _unit(value: Any) -> tuple[str | None, str | None]:
    """Return a quantity's unit by its code and in words."""
    return (text_of(value.get("code")), text_of(value.get("unit"))) if isinstance(value, dict) else (None, None)


def _alike(one: tuple[str | None, str | None], other: tuple[str | None, str | None]) -> bool:
    (code, words), (other_code, other_words) = one, other
    return code == other_code if code and other_code else bool({code, words} & {other_code, other_words} - {None})


def _comparator(value: Any) -> str | None:
    return text_of(value.get("comparator")) if isinstance(value, dict) else None


def _in_time(one: str, other: str) -> int | None:
    """Compare days, times or moments as far as both are told; instants where both have their zone."""
    mine, theirs = _WRITTEN.fullmatch(one), _WRITTEN.fullmatch(other)
    if mine is None or theirs is None or (one[2] == ":") != (other[2] == ":"):
        return None
    left, right = mine["local"], theirs["local"]
    if mine["zone"] and theirs["zone"]:
        try:
            begins, ends = datetime.fromisoformat(one), datetime.fromisoformat(other)
        except ValueError:
            return None
        return (begins > ends) - (begins < ends)
    told = min(len(left), len(right))
    return (left[:told] > right[:told]) - (left[:told] < right[:told])
