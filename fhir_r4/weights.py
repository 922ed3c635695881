"""What does a choice count for in a score? The extension itemWeight, or ordinalValue, as it was called before."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fhir_r4.resource import dicts

WEIGHTS = (
    "http://hl7.org/fhir/StructureDefinition/itemWeight",
    "http://hl7.org/fhir/StructureDefinition/ordinalValue",
)


def weights(element: Mapping[str, Any]) -> list[dict]:
    """Return the extensions by which a coding, an option or an answer says what it counts for."""
    return [one for one in dicts(element.get("extension")) if one.get("url") in WEIGHTS]


def weight_of(value: Any) -> int | Decimal | None:
    """Return the number that a coding, an answer or an option counts for; None where it is not said.

    >>> weight_of({"valueCoding": {"code": "a", "extension": [{"url": WEIGHTS[0], "valueDecimal": 2}]}})
    2
    """
    if not isinstance(value, Mapping):
        return None
    number = next((one.get("valueDecimal") for one in weights(value)), None)
    is_number = isinstance(number, int | Decimal) and not isinstance(number, bool)
    return number if is_number else weight_of(value.get("valueCoding"))
