"""Between which values does a question take an answer? What its form says: of numbers, dates and quantities.

Source: FHIR R4, extensions minValue and maxValue; SDC 4.0.0, minQuantity and maxQuantity. A quantity's limit in
another unit is compared after conversion (UCUM).
"""

from decimal import Decimal
from typing import Any

from cql.ucum import NotUcum, converted
from fhir_r4.resource import extension, text_of, value_of
from fhir_r4.systems import MAX_QUANTITY, MAX_VALUE, MIN_QUANTITY, MIN_VALUE

_DATED = frozenset({"date", "dateTime", "time"})
Limits = tuple[Any, Any]


def limits_of(question: dict, value: Any) -> Limits:
    """Return the least and the most, each in the value's own kind and unit; None where there is none to compare with.

    >>> limits_of({"type": "integer", "extension": [{"url": MIN_VALUE, "valueInteger": 1}]}, 7)
    (Decimal('1'), None)
    """
    return _limit(question, (MIN_QUANTITY, MIN_VALUE), value), _limit(question, (MAX_QUANTITY, MAX_VALUE), value)


def measure(value: Any) -> Any:
    """Return what of a value is compared: its number, or the text of a date; None of what has no size."""
    number = value.get("value") if isinstance(value, dict) else value
    if isinstance(number, int | float | Decimal) and not isinstance(number, bool):
        return Decimal(str(number))
    return value if isinstance(value, str) else None


def is_within(question: dict, answer: dict) -> bool:
    """Tell whether the question takes the size of an answer, ``{"valueInteger": 7}``."""
    value = value_of(answer)
    size = measure(value)
    if size is None:
        return True
    least, most = limits_of(question, value)
    return (least is None or size >= least) and (most is None or size <= most)


def _limit(question: dict, urls: tuple[str, str], value: Any) -> Any:
    limit = next((found for url in urls if (found := value_of(extension(question, url))) is not None), None)
    if isinstance(value, str):
        return limit if isinstance(limit, str) and question.get("type") in _DATED else None
    told = measure(limit)
    if measure(value) is None or not isinstance(told, Decimal):
        return None
    return _in_unit_of(value, told, limit) if isinstance(value, dict) and isinstance(limit, dict) else told


def _in_unit_of(value: dict, number: Decimal, limit: dict) -> Decimal | None:
    unit, mine = text_of(limit.get("code")), text_of(value.get("code"))
    if unit == mine:
        return number
    try:
        return converted(number, unit, mine) if unit and mine else None
    except NotUcum:
        return None
