"""By which codes is it known what is ordered, booked or begun?

They may be clinical or billing codes, in the order itself, in the Device or Medication that it points to, or offered by
the clinician as billing options (CRD 2.2.1 billopt-3). All are read; none has to be there (conf-12).
"""

from collections.abc import Callable, Iterator

from fhir_r4.elements import at, paths
from fhir_r4.resource import as_dict, contained, extensions, kind, reference, value_of
from fhir_r4.systems import CRD

Find = Callable[[str], dict | None]
"""Gives the resource of a reference, if it is known."""

BILLING_OPTIONS = f"{CRD}/StructureDefinition/ext-billing-options"
_CODES = {  # where each kind carries its codes
    "Appointment": paths("serviceType", "appointmentType"),
    "CommunicationRequest": paths("category"),
    "DeviceRequest": paths("codeCodeableConcept"),
    "Encounter": paths("serviceType", "type"),
    "ImmunizationRecommendation": paths("recommendation.vaccineCode"),
    "MedicationRequest": paths("medicationCodeableConcept"),
    "NutritionOrder": paths("oralDiet.type", "supplement.type", "enteralFormula.baseFormulaType"),
    "ServiceRequest": paths("code"),
    "SupplyRequest": paths("itemCodeableConcept"),
    "VisionPrescription": paths("lensSpecification.product"),
}
_ELSEWHERE = {  # which reference leads to what holds the code, and where that has it
    "DeviceRequest": ("codeReference", paths("type")),
    "MedicationRequest": ("medicationReference", paths("code")),
    "SupplyRequest": ("itemReference", paths("code", "type")),
}


def concepts(resource: dict, find: Find) -> Iterator[dict]:
    """Yield the CodeableConcepts that say what is wanted, then the billing options that the resource offers."""
    found = [as_dict(one) for one in at(resource, _CODES.get(kind(resource), ()))]
    target = _elsewhere(resource)
    if target:
        held = contained(resource, target) if target.startswith("#") else find(target) or {}
        found += [as_dict(one) for one in at(held, _ELSEWHERE[kind(resource)][1])]
        found += _billing(held)
    yield from found
    for holder in (*found, resource):
        yield from _billing(holder)


def coded_by(resource: dict) -> str | None:
    """Return the reference to the Device or Medication that holds the order's code, where it is not contained."""
    target = _elsewhere(resource)
    return target if target and not target.startswith("#") else None


def pointing(resource: dict) -> dict:
    """Return the reference itself by which a Device or Medication is named; {} where none is."""
    element, _ = _ELSEWHERE.get(kind(resource), ("", ()))
    return as_dict(resource.get(element))


def _elsewhere(resource: dict) -> str | None:
    return reference(pointing(resource))


def _billing(holder: dict) -> list[dict]:
    return [as_dict(value_of(one)) for one in extensions(holder, BILLING_OPTIONS)]
