"""How is a CQL value told so that two engines can be compared? As plain JSON, a resource by its id."""

from decimal import Decimal
from typing import Any

from cql.conversions import to_string
from cql.errors import Failure
from cql.fhir_model import Element
from cql.temporal import TEMPORAL
from cql.types import Code, Concept, Interval, Quantity, Ratio, Uncertainty


def told(value: Any) -> Any:  # noqa: PLR0911, C901 one answer for each kind of value
    if isinstance(value, list):
        return [told(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, TEMPORAL):
        return {"moment": to_string(value)}
    if isinstance(value, Quantity):
        return {"value": told(value.value), "unit": value.unit}
    if isinstance(value, Ratio):
        return {"numerator": told(value.numerator), "denominator": told(value.denominator)}
    if isinstance(value, Code):
        return {"code": value.code, "system": value.system, "display": value.display}
    if isinstance(value, Concept):
        return {"codes": [told(code) for code in value.codes], "display": value.display}
    if isinstance(value, Interval):
        return {"low": told(value.low), "high": told(value.high), "closed": [value.low_closed, value.high_closed]}
    if isinstance(value, Uncertainty):
        return {"between": [value.low, value.high]}
    if isinstance(value, Failure):
        return {"failure": str(value)}
    if isinstance(value, Element):
        return _element(value)
    return {key: told(part) for key, part in value.items()} if isinstance(value, dict) else value


def _element(value: Element) -> Any:
    if value.type.system:
        return told(value.get("value"))
    if "resourceType" in value.json:
        return {"resource": value.json["id"]}
    return {"fhir": value.json}
