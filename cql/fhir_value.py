"""How does a CQL value become FHIR JSON, for an answer or a parameter?

Source: CQL 1.5, FHIR mapping of the System types; FHIR R4, datatypes.
"""

from decimal import Decimal
from typing import Any

from cql.conversions import to_string
from cql.errors import CqlError, said
from cql.fhir_model import Element, Type
from cql.temporal import HOUR, SECOND, UNITS, Date, DateTime, Time, lowest
from cql.types import Code, Concept, Interval, Long, Quantity, Ratio, Uncertainty
from fhir_r4.systems import UCUM

_UCUM_OF = {1: "a", 2: "mo", 8: "wk", 3: "d", 4: "h", 5: "min", 6: "s", 7: "ms"}


def fhir_value(value: Any) -> tuple[str, Any] | None:  # noqa: PLR0911 one answer for each kind of value
    """Return the FHIR type and JSON of one value, ``("Quantity", {…})``; None for null. Lists are the caller's.

    Raises:
        CqlError: the value has no FHIR datatype, such as a Tuple or an interval of Integers.

    >>> fhir_value(Quantity(Decimal("31.5"), "mg"))[1]["code"]
    'mg'
    >>> fhir_value(Date((2026, 3)))
    ('date', '2026-03')
    """
    kind = type(value)
    if value is None:
        return None
    if kind is Element:
        return _datatype(value.type), value.json
    if kind is bool:
        return "boolean", value
    if kind in (int, Long):
        return "integer", int(value)
    if kind is Decimal:
        return "decimal", value
    if kind is str:
        return "string", value
    if kind in (Date, DateTime, Time):
        return _moment(value)
    convert = _COMPLEX.get(kind)
    if convert is None:
        raise CqlError(f"{said(value)} has no FHIR datatype", "a primitive, a quantity, a code or a period")
    told: tuple[str, Any] = convert(value)
    return told


def _datatype(type_: Type) -> str:
    """Return the datatype's own name: the model has a type for each required binding, and one for SimpleQuantity."""
    if type_.system == "System.String" and type_.name[0].isupper():
        return "code"
    return "Quantity" if type_.name in ("SimpleQuantity", "MoneyQuantity") else type_.name


def _moment(value: Any) -> tuple[str, str]:
    """FHIR knows no hour without its minutes and seconds: these are told as zero."""
    name = {Date: "date", DateTime: "dateTime", Time: "time"}[type(value)]
    if HOUR <= value.precision < SECOND:
        filled = lowest(value)
        value = filled.with_fields(filled.fields[: len(value.fields) + SECOND - value.precision])
    return name, to_string(value) or ""


def _quantity(value: Quantity) -> tuple[str, dict]:
    code = _UCUM_OF[UNITS[value.unit]] if value.unit in UNITS else value.unit
    return "Quantity", {"value": value.value, "unit": value.unit, "system": UCUM, "code": code}


def _ratio(value: Ratio) -> tuple[str, dict]:
    return "Ratio", {"numerator": _quantity(value.numerator)[1], "denominator": _quantity(value.denominator)[1]}


def _code(value: Code) -> tuple[str, dict]:
    told = {"system": value.system, "version": value.version, "code": value.code, "display": value.display}
    return "Coding", {name: part for name, part in told.items() if part is not None}


def _concept(value: Concept) -> tuple[str, dict]:
    text = {"text": value.display} if value.display else {}
    return "CodeableConcept", {"coding": [_code(code)[1] for code in value.codes], **text}


def _interval(value: Interval) -> tuple[str, dict]:
    kinds = {type(bound) for bound in (value.low, value.high) if bound is not None}
    if kinds <= {Date, DateTime} and kinds:
        bounds = {"start": value.low, "end": value.high}
        return "Period", {name: _moment(bound)[1] for name, bound in bounds.items() if bound is not None}
    if kinds == {Quantity}:
        bounds = {"low": value.low, "high": value.high}
        return "Range", {name: _quantity(bound)[1] for name, bound in bounds.items() if bound is not None}
    raise CqlError("an interval of these points has no FHIR datatype", "dates, date-times or quantities")


def _uncertain(_value: Uncertainty) -> tuple[str, Any]:
    raise CqlError("the result is uncertain: a date is known only in part", "dates of the needed precision")


_COMPLEX: dict[type, Any] = {
    Quantity: _quantity,
    Ratio: _ratio,
    Code: _code,
    Concept: _concept,
    Interval: _interval,
    Uncertainty: _uncertain,
}
