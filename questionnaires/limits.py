"""Between which values does a question take an answer? What its form says: of numbers, dates, quantities and texts.

A quantity's limit in another unit is compared after conversion (UCUM); one that cannot be converted lets no quantity
through. A moment is within the day that is its limit.

Source: FHIR R4, Questionnaire.item.maxLength, extensions minValue, maxValue, minLength and maxDecimalPlaces; SDC 4.0.0,
minQuantity and maxQuantity.
"""

from decimal import Decimal
from typing import Any

from fhir_r4.resource import dicts, extension, text_of, value_of
from fhir_r4.systems import MAX_DECIMAL_PLACES, MAX_QUANTITY, MAX_VALUE, MIN_LENGTH, MIN_QUANTITY, MIN_VALUE
from questionnaires.comparing import compare, in_unit_of, number_of

_LEAST, _MOST = (MIN_QUANTITY, MIN_VALUE), (MAX_QUANTITY, MAX_VALUE)
_LIMITS = frozenset(_LEAST + _MOST)
_TEXTS = frozenset({"string", "text", "url", "open-choice"})
_DATED = frozenset({"date", "dateTime", "time"})
Limits = tuple[Any, Any]


def limits_of(question: dict, value: Any) -> Limits:
    """Return the least and the most, as the form writes them; None where there is none to compare the value with.

    >>> limits_of({"type": "integer", "extension": [{"url": MIN_VALUE, "valueInteger": 1}]}, 7)
    (1, None)
    """
    listed = reversed(dicts(question.get("extension")))
    said = {url: value_of(one) for one in listed if (url := text_of(one.get("url"))) in _LIMITS}
    if not said or (not isinstance(value, str) and number_of(value) is None):
        return None, None  # a choice has no size
    least, most = (next((said[url] for url in urls if said.get(url) is not None), None) for urls in (_LEAST, _MOST))
    return _comparable(question, least, value), _comparable(question, most, value)


def is_below(value: Any, least: Any) -> bool:
    return compare(value, least) == -1


def is_above(value: Any, most: Any) -> bool:
    return compare(value, most) == 1


def is_in_other_unit(value: Any, limit: Any) -> bool:
    """Tell whether a limit is of a unit in which the value cannot be told."""
    return number_of(limit) is not None and in_unit_of(limit, value) is None


def is_within(question: dict, answer: dict) -> bool:
    """Tell whether the question takes the size of an answer, ``{"valueInteger": 7}``."""
    value = value_of(answer)
    least, most = limits_of(question, value)
    if least is None and most is None:
        return True
    if any(is_in_other_unit(value, limit) for limit in (least, most) if limit is not None):
        return False
    return not is_below(value, least) and not is_above(value, most)


def lengths_of(question: dict) -> tuple[int | None, int | None]:
    """Return how many characters a text has at the least and at the most."""
    least, most = value_of(extension(question, MIN_LENGTH)), question.get("maxLength")
    return least if isinstance(least, int) else None, most if isinstance(most, int) else None


def places_of(question: dict) -> int | None:
    """Return how many decimal places a number has at the most."""
    places = value_of(extension(question, MAX_DECIMAL_PLACES))
    return places if isinstance(places, int) else None


def decimal_places(number: Decimal) -> int:
    """Return how many decimal places a number has, without zeros at its end."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def is_short_enough(question: dict, answer: dict) -> bool:
    """Tell whether the question takes a text of this length, and a number of these decimal places."""
    value = value_of(answer)
    least, most, places = *lengths_of(question), places_of(question)
    if isinstance(value, str) and question.get("type") in _TEXTS:
        return (least is None or len(value) >= least) and (most is None or len(value) <= most)
    number = number_of(value)
    return places is None or number is None or decimal_places(number) <= places


def _comparable(question: dict, limit: Any, value: Any) -> Any:
    if isinstance(value, str):
        return limit if isinstance(limit, str) and question.get("type") in _DATED else None
    return limit if number_of(limit) is not None else None
