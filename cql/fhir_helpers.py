"""How does a FHIR value become one of CQL's? The functions of FHIRHelpers 4.0.1, in Python.

The translator puts these calls wherever CQL meets FHIR, so they are the engine's hottest functions; where a package
brings the library, its text is not run.

Source: the FHIRHelpers library's published signatures; FHIR R4, datatypes; CQL 1.5 appendix on FHIR mapping.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cql.errors import CqlError, said
from cql.fhir_model import Element
from cql.temporal import TEMPORAL, DateTime
from cql.types import Code, CodeSystem, Concept, Interval, Quantity, Ratio, ValueSet

_UNIT_SYSTEMS = ("http://unitsofmeasure.org", "http://hl7.org/fhirpath/CodeSystem/calendar-units")
_CALENDAR = {
    "ms": "millisecond", "s": "second", "min": "minute", "h": "hour",
    "d": "day", "wk": "week", "mo": "month", "a": "year",
}  # fmt: skip


def _value(run: Any, element: Any, name: str = "value") -> Any:
    """Return a System value below a primitive, or below one of a complex element's primitives."""
    found = element.get(name, run.offset)
    return found.get("value", run.offset) if type(found) is Element else found


def to_code(run: Any, coding: Element) -> Code:
    return Code(*(_value(run, coding, name) for name in ("code", "system", "version", "display")))


def to_concept(run: Any, concept: Element) -> Concept:
    codes = tuple(to_code(run, coding) for coding in concept.get("coding") or ())
    return Concept(codes, _value(run, concept, "text"))


def to_quantity(run: Any, quantity: Element) -> Quantity | None:
    """Return value and unit; CqlError for a comparator (``< 5`` is no single value) or a unit that is not UCUM."""
    value = _value(run, quantity)
    if value is None:
        return None
    if quantity.get("comparator") is not None:
        raise CqlError("a FHIR Quantity with a comparator is no single value", "a Quantity without a comparator")
    return to_quantity_ignoring_comparator(run, quantity)


def to_quantity_ignoring_comparator(run: Any, quantity: Element) -> Quantity | None:
    value = _value(run, quantity)
    if value is None:
        return None
    if _value(run, quantity, "system") not in (None, *_UNIT_SYSTEMS):
        raise CqlError("a FHIR Quantity has a unit of an unknown system", f"a unit of {' or '.join(_UNIT_SYSTEMS)}")
    unit = _value(run, quantity, "code") or _value(run, quantity, "unit") or "1"
    return Quantity(value, _CALENDAR.get(unit, unit))


def to_ratio(run: Any, ratio: Element) -> Ratio | None:
    parts = [ratio.get(name) for name in ("numerator", "denominator")]
    numerator, denominator = (to_quantity(run, part) if part is not None else None for part in parts)
    return Ratio(numerator, denominator) if numerator and denominator else None


def to_interval(run: Any, value: Element) -> Interval | None:
    """A Period without an end goes on for ever; one without a start began at an unknown moment."""
    if "Period" in value.type.bases:
        low, high = _value(run, value, "start"), _value(run, value, "end")
        return Interval(low, high, low is not None, high_closed=True, point=DateTime)
    bounds = [value.get(name) for name in ("low", "high")]
    low, high = (to_quantity(run, bound) if bound is not None else None for bound in bounds)
    return Interval(low, high, point=Quantity)


def to_value(run: Any, element: Any) -> Any:
    """Return any FHIR value as CQL's own, where it has one."""
    if type(element) is not Element:
        return element
    if element.type.system:
        return _value(run, element)
    for name, convert in _BY_TYPE.items():
        if name in element.type.bases:
            return convert(run, element)
    return element


def _to_string(run: Any, element: Any) -> Any:
    found = _value(run, element) if type(element) is Element else element
    return found if found is None or type(found) is str else str(found)


def _to_date(run: Any, element: Any) -> Any:
    return _value(run, element) if type(element) is Element else element


def _primitive(run: Any, element: Any) -> Any:
    if type(element) is not Element:
        return element
    if not element.type.system:
        raise CqlError(f"{said(element)} is no primitive", "a FHIR primitive")
    return _value(run, element)


def _to_datetime(run: Any, element: Any) -> Any:
    found = _primitive(run, element)
    return found if found is None or type(found) in TEMPORAL else None


def _to_decimal(run: Any, element: Any) -> Any:
    found = _primitive(run, element)
    return Decimal(found) if type(found) is int else found


_BY_TYPE: dict[str, Callable[[Any, Element], Any]] = {
    "Coding": to_code,
    "CodeableConcept": to_concept,
    "Quantity": to_quantity,
    "Ratio": to_ratio,
    "Period": to_interval,
    "Range": to_interval,
}

HELPERS: dict[str, Callable[[Any, Any], Any]] = {
    "ToBoolean": _primitive,
    "ToCode": to_code,
    "ToCodeSystem": lambda run, value: CodeSystem(_to_string(run, value)),
    "ToConcept": to_concept,
    "ToDate": _to_date,
    "ToDateTime": _to_datetime,
    "ToDecimal": _to_decimal,
    "ToInteger": _primitive,
    "ToInterval": to_interval,
    "ToQuantity": to_quantity,
    "ToQuantityIgnoringComparator": to_quantity_ignoring_comparator,
    "ToRatio": to_ratio,
    "ToString": _to_string,
    "ToTime": _primitive,
    "ToValue": to_value,
    "ToValueSet": lambda run, value: ValueSet(_to_string(run, value)),
    "ToCalendarUnit": lambda _run, unit: _CALENDAR.get(unit, unit),
}
