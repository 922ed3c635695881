"""Whose coverage is it? Payer and member, as the payer's directory knows them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from cds_hooks.known import Known
from fhir_r4.resource import (
    Identifier,
    contained,
    dicts,
    identifier,
    identifiers,
    identifiers_of_type,
    reference,
    text_of,
)
from fhir_r4.systems import IDENTIFIER_TYPE, MEMBER_NUMBER
from rules.directory import Member, Payer
from rules.ports import Directory

_OVER = frozenset({"cancelled", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Insured:
    """One coverage of the patient that is, or may be, with a payer of this installation.

    Attributes:
        coverage: the Coverage on the client's server that is spoken about.
        payer: whose coverage it is; None where the EHR did not give what would tell.
        member: the person in the payer's directory, if found.
        unavailable: the EHR did not give what was needed to know payer or member.
    """

    coverage: dict
    payer: Payer | None = None
    member: Member | None = None
    unavailable: bool = False

    @property
    def zone(self) -> tzinfo:
        """Return the zone in which the payer's days begin; UTC where the payer is not known."""
        return self.payer.time_zone if self.payer else UTC

    def today(self, now: datetime) -> date:
        """Return the day that ``now`` (aware) is for the payer."""
        return now.astimezone(self.zone).date()

    @property
    def over(self) -> bool:
        """Tell whether the EHR itself says that the coverage is no more."""
        return is_over(self.coverage)


def is_over(coverage: dict) -> bool:
    return text_of(coverage.get("status")) in _OVER


def insured(coverage: dict, patient_id: str, known: Known, directory: Directory) -> Insured | None:
    """Return who is insured by a coverage, None where it is with another payer."""
    payer = directory.payer(_payer_identifiers(coverage, known))
    if payer is None:
        away = any(known.failed(target) for target in payors(coverage))
        return Insured(coverage, unavailable=True) if away else None
    target = f"Patient/{patient_id}"
    patient, numbers = known.find(target) or {}, member_numbers(coverage)
    if not numbers and known.failed(target):
        return Insured(coverage, payer, unavailable=True)
    for number in numbers or patients_numbers(patient):
        member = directory.member(payer, number)
        if member and same_person(member, patient):
            return Insured(coverage, payer, member)
    return Insured(coverage, payer)


def payors(coverage: dict) -> Iterator[str]:
    """Yield the references by which alone the payer is named: neither inline nor contained."""
    for payor in dicts(coverage.get("payor")):
        target = reference(payor)
        if target and not target.startswith("#") and identifier(payor.get("identifier")) is None:
            yield target


def member_numbers(coverage: dict) -> tuple[str, ...]:
    """Return the numbers on the card, the most certain first."""
    subscriber = text_of(coverage.get("subscriberId"))
    return patients_numbers(coverage) or ((subscriber,) if subscriber else ())


def _payer_identifiers(coverage: dict, known: Known) -> tuple[Identifier, ...]:
    """Return how the Coverage names its payer: inline, contained, sent along, or on the EHR's server."""
    found: list[Identifier] = []
    for payor in dicts(coverage.get("payor")):
        target = reference(payor)
        if inline := identifier(payor.get("identifier")):
            found.append(inline)
        if target and target.startswith("#"):
            found.extend(identifiers(contained(coverage, target)))
        elif target:
            found.extend(identifiers(known.find(target) or {}))
    return tuple(found)


def patients_numbers(resource: dict) -> tuple[str, ...]:
    """Return the member numbers that a Patient or a Coverage has among its identifiers."""
    return tuple(one.value for one in identifiers_of_type(resource, IDENTIFIER_TYPE, MEMBER_NUMBER))


def same_person(member: Member, patient: dict) -> bool:
    """Refuse a number under another birth date; a patient without one is taken by the number alone."""
    born = text_of(patient.get("birthDate"))
    return born is None or born == member.birth_date.isoformat()
