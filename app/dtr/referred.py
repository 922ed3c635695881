"""To what does an order refer that the payer of the form has to know? Who ordered, who is to do it, with what.

The patient is not among it: the payer knows its member by the Coverage.

Source: DTR 2.0.1, operation questionnaire-package, parameter ``referenced``; DTR 2.2.0 spec-126 and "Retrieving
Questionnaire Packages".
"""

from app.dtr.record import Record
from fhir_r4.resource import kind, reference

MOST = 12
"""Of what an order names, and once more of what the roles name in it."""
_OF_AN_ORDER = ("requester", "orderer", "prescriber", "performer", "locationReference")
_OF_WHAT = ("codeReference", "medicationReference", "itemReference")
_OF_A_ROLE = ("practitioner", "organization")


def referred_to(record: Record, order: dict) -> dict[str, dict]:
    """Return the resources by reference; one that the EHR does not give is left out."""
    named = record.given(_targets([order], (*_OF_AN_ORDER, *_OF_WHAT)))
    roles = [one for one in named.values() if kind(one) == "PractitionerRole"]
    return named | record.given(one for one in _targets(roles, _OF_A_ROLE) if one not in named)


def _targets(resources: list[dict], names: tuple[str, ...]) -> list[str]:
    held = [one.get(name) for one in resources for name in names]
    each = [one for value in held for one in (value if isinstance(value, list) else [value])]
    found = dict.fromkeys(target for one in each if (target := reference(one)))
    return [one for one in found if not one.startswith(("#", "Patient/", "RelatedPerson/"))][:MOST]
