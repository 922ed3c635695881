"""What is ordered, booked or begun? One resource, as far as an answer needs it.

Its codes are its own (``fhir_r4/order_codes.py``) and those of the orders behind an appointment or encounter.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, tzinfo

from fhir_r4.bundle import local_part
from fhir_r4.days import days_told, first_day
from fhir_r4.elements import Paths, at, paths
from fhir_r4.order_codes import Find, coded_by, concepts, pointing
from fhir_r4.resource import (
    Coding,
    codings,
    contained,
    dicts,
    extension,
    identifiers,
    kind,
    local_reference,
    reference,
    text_of,
    value_of,
)
from fhir_r4.systems import NPI

Local = Callable[[str], str | None]
"""Gives ``Type/id`` of a reference to the client's own server."""

ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-reference"

LONGEST_TITLE = 100

ORDERS = frozenset(
    {"CommunicationRequest", "DeviceRequest", "MedicationRequest", "NutritionOrder", "ServiceRequest"}
    | {"VisionPrescription"}
)
_SPOKEN_ABOUT = ORDERS | {"Appointment", "Encounter"}
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
    every = [concept for one in both for concept in concepts(one, find)]
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
    return kind(resource) in _SPOKEN_ABOUT


def basis(resource: dict) -> tuple[str, ...]:
    """Return the orders behind a resource; an appointment may name a device's or a drug's by an extension."""
    found: list[str] = []
    for one in dicts(resource.get("basedOn")):
        other = reference(value_of(extension(one, ALTERNATE)))
        found.extend(target for target in (other, reference(one)) if target)
    return tuple(dict.fromkeys(found))


def _in_one_line(name: str) -> str:
    words = " ".join(name.split())
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1].rstrip()}…"


def _name_of_code(resource: dict) -> str | None:
    """Return what the Device or Medication is called by who points to it."""
    return text_of(pointing(resource).get("display"))


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


def _targets(resource: dict, where: Paths) -> Iterator[str]:
    return filter(None, map(reference, at(resource, where)))


def _display(codes: tuple[Coding, ...]) -> str | None:
    return next((coding.display or coding.code for coding in codes), None)
