"""What is ordered, booked or begun? One resource, as far as an answer needs it.

Codes may be clinical or billing codes, in the order itself, in the Device or Medication that it points to, in the
order behind an appointment, or offered by the clinician as billing options (CRD 2.2.1 billopt-3). All are read;
none has to be there (conf-12).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, tzinfo

from fhir_r4.bundle import local_part
from fhir_r4.days import days_told, first_day
from fhir_r4.elements import Paths, at, paths
from fhir_r4.resource import (
    Coding,
    as_dict,
    codings,
    contained,
    dicts,
    extension,
    extensions,
    identifiers,
    kind,
    local_reference,
    reference,
    text_of,
    value_of,
)
from fhir_r4.systems import CRD, NPI

Find = Callable[[str], dict | None]
"""Gives the resource of a reference, if it is known."""
Local = Callable[[str], str | None]
"""Gives ``Type/id`` of a reference to the client's own server."""

BILLING_OPTIONS = f"{CRD}/StructureDefinition/ext-billing-options"
ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"

LONGEST_TITLE = 100

_CODES = {  # where each kind carries its codes
    "Appointment": paths("serviceType", "appointmentType"),
    "CommunicationRequest": paths("category"),
    "DeviceRequest": paths("codeCodeableConcept"),
    "Encounter": paths("serviceType", "type"),
    "MedicationRequest": paths("medicationCodeableConcept"),
    "NutritionOrder": paths("oralDiet.type", "supplement.type", "enteralFormula.baseFormulaType"),
    "ServiceRequest": paths("code"),
    "VisionPrescription": paths("lensSpecification.product"),
}
_CODED = {"DeviceRequest": ("codeReference", "type"), "MedicationRequest": ("medicationReference", "code")}
ORDERS = frozenset(_CODES) - {"Appointment", "Encounter"}
_PERFORMERS = paths(
    "performer", "dispenseRequest.performer", "participant.individual", "participant.actor", "recipient"
)
_REQUESTERS = paths("requester", "orderer", "prescriber")
_PATIENTS = paths("subject", "patient")
_INSURANCES = paths("insurance")
_NOBODY = frozenset({"Patient", "RelatedPerson", "Location"})
_OVER = frozenset({"revoked", "entered-in-error", "completed", "cancelled", "stopped"})


@dataclass(frozen=True, slots=True)
class Order:
    """One order, appointment or encounter that is spoken about.

    Attributes:
        resource: the very JSON received; what is said is written into it.
        reference: ``Type/id``.
        codes: its codings, in the resource's own sequence, billing options last.
        when: the dates and dateTimes that it gives, as it spells them: of the service, then of its writing.
        performers: who may do it, all that are named: references, like all here ``Type/id`` where they can be, or
            ``by_number``.
        requester: who orders, if named, in the same way.
        title: what a person calls it, in one line.
        insurances: the Coverages that it names, as ``Type/id``.
        based_on: the orders that it stands on.
        patient: the reference to whom it is for, if named.
        coded_by: references to what else holds codes of it: a Device, a Medication, the order behind an appointment.
        behind: the orders behind an appointment or encounter, as far as they are known.
    """

    resource: dict
    reference: str
    codes: tuple[Coding, ...]
    when: tuple[str, ...]
    performers: tuple[str, ...]
    title: str = ""
    insurances: tuple[str, ...] = ()
    based_on: tuple[str, ...] = ()
    requester: str | None = None
    patient: str | None = None
    coded_by: tuple[str, ...] = ()
    behind: tuple[dict, ...] = ()

    @property
    def wanted(self) -> tuple[dict, ...]:
        """Return what says what is to be done: the orders behind it, then the resource itself."""
        return (*self.behind, self.resource)

    def day(self, zone: tzinfo) -> date | None:
        """Return the service date, else the day it was written; None where it says neither."""
        return first_day(self.when, zone)

    def called(self, name: str) -> "Order":
        """Return the order under a name for people, where it has but a code for one (CRD 2.2.1 dev-24)."""
        return replace(self, title=name) if self.title in {one.code for one in self.codes} else self

    def is_for(self, patient_id: str) -> bool:
        """Tell whether the order may be for this patient: it does not name another one of the client's."""
        return self.patient == f"Patient/{patient_id}" or not (self.patient or "").startswith("Patient/")


def read_order(resource: dict, find: Find, performer: str | None = None, *, local: Local = local_part) -> Order:
    """Read one resource; ``performer`` is known better where it is dispatched."""
    bases = basis(resource) if kind(resource) not in ORDERS else ()
    behind = tuple(found for target in bases if (found := find(target)))
    both = (resource, *behind)
    every = [concept for one in both for concept in _concepts(one, find)]
    coded = [codings(concept) for concept in every]
    named = (text_of(concept.get("text")) or _display(of_one) for concept, of_one in zip(every, coded, strict=True))
    title = next((name for name in (*named, *map(_name_of_code, both)) if name), kind(resource))
    return Order(
        resource=resource,
        reference=local_reference(resource),
        codes=tuple(dict.fromkeys(code for of_one in coded for code in of_one)),
        when=days_told(resource),
        performers=(performer,) if performer else _first_that_name(both, _PERFORMERS, local),
        title=_in_one_line(title),
        insurances=tuple(dict.fromkeys(local(target) or target for target in _targets(resource, _INSURANCES))),
        based_on=tuple(local(target) or target for target in basis(resource)),
        requester=next(iter(_first_that_name(both, _REQUESTERS, local)), None),
        patient=next((local(target) for one in both for target in _targets(one, _PATIENTS)), None),
        coded_by=tuple(filter(None, (*bases, *map(coded_by, both)))),
        behind=behind,
    )


def is_wanted(resource: dict) -> bool:
    """Leave out what is an order no more, or says not to do it."""
    return text_of(resource.get("status")) not in _OVER and resource.get("doNotPerform") is not True


def is_spoken_about(resource: dict) -> bool:
    """Tell whether the resource is of a kind that can be ordered, booked or begun."""
    return kind(resource) in _CODES


def basis(resource: dict) -> tuple[str, ...]:
    """Return the orders behind a resource; an appointment may name a device's or a drug's by an extension."""
    found: list[str] = []
    for one in dicts(resource.get("basedOn")):
        other = reference(value_of(extension(one, ALTERNATE)))
        found.extend(target for target in (other, reference(one)) if target)
    return tuple(dict.fromkeys(found))


def coded_by(resource: dict) -> str | None:
    """Return the reference to the Device or Medication that holds the order's code, where it is not contained."""
    element, _ = _CODED.get(kind(resource), ("", ""))
    target = reference(resource.get(element))
    return target if target and not target.startswith("#") else None


def _in_one_line(name: str) -> str:
    words = " ".join(name.split())
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1].rstrip()}…"


def _name_of_code(resource: dict) -> str | None:
    """Return what the Device or Medication is called by who points to it."""
    element, _ = _CODED.get(kind(resource), ("", ""))
    return text_of(as_dict(resource.get(element)).get("display"))


def by_number(npi: str) -> str:
    """Return how somebody is named who is known by NPI alone: as a search for the identifier would name them.

    >>> by_number("1234567893")
    'http://hl7.org/fhir/sid/us-npi|1234567893'
    """
    return f"{NPI}|{npi}"


def _first_that_name(resources: Iterable[dict], where: Paths, local: Local) -> tuple[str, ...]:
    """Return the people of the first resource that names any."""
    every = (tuple(dict.fromkeys(_people(one, where, local))) for one in resources)
    return next(filter(None, every), ())


def _people(resource: dict, where: Paths, local: Local) -> Iterator[str]:
    """Yield who shall do it, or has ordered it, the most certain first: by reference, else by number."""
    for named in at(resource, where):
        target = reference(named)
        if target and not target.startswith("#"):
            target = local(target) or target
            if target.partition("/")[0] not in _NOBODY:
                yield target
        else:
            within = identifiers(contained(resource, target)) if target else ()
            yield from (by_number(one.value) for one in (*identifiers(named), *within) if one.system == NPI)


def _concepts(resource: dict, find: Find) -> Iterator[dict]:
    """Yield the resource's CodeableConcepts, then the billing options that it offers."""
    concepts = [as_dict(one) for one in at(resource, _CODES.get(kind(resource), ()))]
    element, code = _CODED.get(kind(resource), ("", ""))
    if target := reference(resource.get(element)):
        held = contained(resource, target) if target.startswith("#") else find(target) or {}
        concepts += [as_dict(one) for one in at(held, paths(code))]
        concepts += _billing(held)
    yield from concepts
    for holder in (*concepts, resource):
        yield from _billing(holder)


def _billing(holder: dict) -> list[dict]:
    return [as_dict(value_of(one)) for one in extensions(holder, BILLING_OPTIONS)]


def _targets(resource: dict, where: Paths) -> Iterator[str]:
    return filter(None, map(reference, at(resource, where)))


def _display(codes: tuple[Coding, ...]) -> str | None:
    return next((coding.display or coding.code for coding in codes), None)
