"""How many units does a Claim.item ask for?"""

from decimal import Decimal

from fhir_r4.resource import as_dict


def quantity_of(asked: dict) -> Decimal | None:
    """Return the number: one where the item does not say, None where it says what is no number.

    >>> quantity_of({}), quantity_of({"quantity": {"value": 20}}), quantity_of({"quantity": {"value": "many"}})
    (Decimal('1'), Decimal('20'), None)
    """
    number = as_dict(asked.get("quantity")).get("value", 1)
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return None
    found = Decimal(str(number))
    return found if found.is_finite() else None
