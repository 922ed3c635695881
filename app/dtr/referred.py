"""To what does an order refer that the payer of the form has to know? Who ordered, who is to do it, with what.

The patient is not among it: the payer knows its member by the Coverage.

Source: DTR 2.0.1, operation questionnaire-package, parameter ``referenced``; DTR 2.2.0 spec-126 and "Retrieving
Questionnaire Packages".
"""

from collections.abc import Iterator

from app.dtr.record import Record
from fhir_r4.resource import kind, reference
from rules.ports import EhrUnavailable

MOST = 12
_OF_AN_ORDER = ("requester", "orderer", "prescriber", "performer", "locationReference")
_OF_WHAT = ("codeReference", "medicationReference", "itemReference")
_OF_A_ROLE = ("practitioner", "organization")


def referred_to(record: Record, order: dict) -> dict[str, dict]:
    """Return the resources by reference; one that the EHR does not give is left out."""
    found: dict[str, dict] = {}
    waiting = list(dict.fromkeys(_targets(order, (*_OF_AN_ORDER, *_OF_WHAT))))
    while waiting and len(found) < MOST:
        target = waiting.pop(0)
        held = _read(record, target)
        if held is None or target in found:
            continue
        found[target] = held
        waiting += _targets(held, _OF_A_ROLE) if kind(held) == "PractitionerRole" else ()
    return found


def _targets(resource: dict, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        held = resource.get(name)
        for one in held if isinstance(held, list) else [held]:
            target = reference(one)
            if target and not target.startswith(("#", "Patient/", "RelatedPerson/")):
                yield target


def _read(record: Record, target: str) -> dict | None:
    try:
        return record.ehr().read(target)
    except EhrUnavailable:
        return None
