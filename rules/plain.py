"""How does a FHIR value become a fact's plain value? Numbers in the fact's unit, dates as ISO strings, bare codes."""

from decimal import Context, Decimal
from typing import Any

from fhir_r4.resource import codings, text_of
from fhir_r4.systems import UCUM, canonical_system
from fhir_r4.ucum import NotUcum, converted
from rules.facts import Fact, FactType

_DIGITS = Context(prec=12)


def plain(value: Any, fact: Fact) -> Any:
    """Return the plain value, or None where it is none of this fact: another type, a unit that does not convert.

    Never raises, whatever ``value`` is.
    """
    found = _of_type(value, fact)
    return found if found is not None and fact.holds(found) else None


def _of_type(value: Any, fact: Fact) -> Any:
    if isinstance(value, float):
        value = Decimal(str(value))
    match fact.type:
        case FactType.NUMBER:
            return _number(value, fact.unit)
        case FactType.DATE:
            return value[:10] if isinstance(value, str) else None
        case FactType.CODE:
            return _code(value)
        case FactType.BOOLEAN:
            return value


def _number(value: Any, unit: str | None) -> Any:
    """Return a number of no unit, or a quantity in the fact's; a quantity of an open end is no number."""
    if not isinstance(value, dict):
        return None if unit else value
    number, code = value.get("value"), text_of(value.get("code"))
    if isinstance(number, float):
        number = Decimal(str(number))
    if isinstance(number, bool) or not isinstance(number, int | Decimal) or value.get("comparator"):
        return None
    if unit is None:
        return number if code in {None, "1"} else None
    if code is None or canonical_system(text_of(value.get("system")) or "") != UCUM:
        return None
    return number if code == unit else _in_unit(Decimal(number), code, unit)


def _in_unit(number: Decimal, source: str, target: str) -> Decimal | None:
    if not number.is_finite() or abs(number.adjusted()) > _DIGITS.prec * 2:
        return None
    try:
        found = converted(number, source, target)
    except NotUcum:
        return None
    return None if found is None else _DIGITS.plus(found)


def _code(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    codes = {one.code for one in codings(value)} if "coding" in value else {text_of(value.get("code"))}
    return next(iter(codes)) if len(codes) == 1 else None
