"""What is a quantity in another unit?

Source: CQL 1.5 appendix B, "ConvertQuantity", "CanConvertQuantity"; Author's Guide, "Quantities".
"""

from decimal import Decimal
from typing import Any

from cql.scope import Build, strict
from cql.types import Quantity, fitted
from fhir_r4.ucum import NotUcum, converted


def in_unit(quantity: Quantity, unit: str) -> Decimal | None:
    """Return the quantity's value in ``unit``, or None where that is another kind of thing or no known unit."""
    try:
        return converted(quantity.value, quantity.unit, unit)
    except NotUcum:
        return None


def as_quantity(value: Any) -> Quantity:
    return value if type(value) is Quantity else Quantity(Decimal(value))


def convert_quantity(value: Quantity, target: str) -> Quantity | None:
    number = in_unit(value, target)
    fits = None if number is None else fitted(number, Decimal)
    return None if fits is None else Quantity(fits, target)


NODES: dict[str, Build] = {
    "ConvertQuantity": strict(convert_quantity),
    "CanConvertQuantity": strict(lambda value, target: convert_quantity(value, target) is not None),
}
