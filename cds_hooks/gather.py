"""Whose coverage is it? All that an answer needs to know, from the prefetch, the EHR and the directory.

Prefetch, as CDS Hooks 2.0 means it: a key that is absent, or an OperationOutcome, was not obtained and is read
from the EHR; ``null`` says that there is no such data, and is believed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks.request import HookRequest
from cds_hooks.services import COVERAGE_QUERY
from fhir_r4.problems import Issue, PreconditionFailed
from fhir_r4.resource import (
    Identifier,
    as_dict,
    contained,
    dicts,
    identifier,
    identifiers,
    identifiers_of_type,
    kind,
    local_reference,
    reference,
    text_of,
)
from fhir_r4.systems import IDENTIFIER_TYPE, MEMBER_NUMBER
from rules.directory import Member, Payer
from rules.ports import Directory, Ehr, EhrUnavailable


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the patient's coverage when an order is weighed.

    Attributes:
        coverage: the Coverage on the client's server that is spoken about; None where the patient has none with
            a payer of this installation.
        payer: whose coverage it is; None where the EHR did not give what would tell.
        member: the person in the payer's directory, if found.
        unavailable: the EHR did not give what was needed to know payer or member.
    """

    coverage: dict | None
    payer: Payer | None = None
    member: Member | None = None
    unavailable: bool = False


def gather(request: HookRequest, ehr: Ehr, directory: Directory) -> Circumstances:
    """Return the first coverage that is with a payer of this installation.

    Raises:
        PreconditionFailed: the Coverage came neither with the request nor from the EHR (CDS Hooks 2.0, 412).
    """
    unclear: dict | None = None
    sent = {local_reference(one): one for value in request.prefetch.values() for one in _resources(value)}
    for coverage in _coverages(request, ehr):
        try:
            payer = directory.payer(_payer_identifiers(coverage, sent, ehr))
        except EhrUnavailable:
            unclear = unclear or coverage
            continue
        if payer:
            return _with_member(coverage, payer, request, ehr, directory)
    return Circumstances(unclear, unavailable=unclear is not None)


def _coverages(request: HookRequest, ehr: Ehr) -> list[dict]:
    sent = request.prefetch.get("coverage", _NOT_SENT)
    if sent is None:
        return []
    if sent is _NOT_SENT or kind(sent) == "OperationOutcome":
        query = COVERAGE_QUERY.replace("{{context.patientId}}", request.patient_id)
        try:
            return [one for one in ehr.search(query) if kind(one) == "Coverage"]
        except EhrUnavailable:
            missing = "Coverage came neither in the prefetch nor from the EHR's FHIR server"
            raise PreconditionFailed(Issue("not-found", missing, "prefetch.coverage")) from None
    return [one for one in _resources(sent) if kind(one) == "Coverage"]


def _resources(sent: Any) -> Iterator[dict]:
    if kind(sent) == "Bundle":
        yield from (as_dict(entry.get("resource")) for entry in dicts(sent.get("entry")))
    else:
        yield as_dict(sent)


def _payer_identifiers(coverage: dict, sent: Mapping[str, dict], ehr: Ehr) -> tuple[Identifier, ...]:
    """Return how the Coverage names its payer: inline, contained, sent along, or on the EHR's server."""
    found: list[Identifier] = []
    for payor in dicts(coverage.get("payor")):
        target = reference(payor)
        if inline := identifier(payor.get("identifier")):
            found.append(inline)
        elif target and target.startswith("#"):
            found.extend(identifiers(contained(coverage, target)))
        elif target:
            found.extend(identifiers(sent.get(target) or ehr.read(target)))
    return tuple(found)


def _with_member(coverage: dict, payer: Payer, request: HookRequest, ehr: Ehr, directory: Directory) -> Circumstances:
    try:
        patient = _patient(request, ehr) if not _member_ids(coverage) else as_dict(request.prefetch.get("patient"))
    except EhrUnavailable:
        return Circumstances(coverage, payer, unavailable=True)
    for member_id in _member_ids(coverage) or _numbers(patient):
        member = directory.member(payer, member_id)
        if member and _same_person(member, patient):
            return Circumstances(coverage, payer, member)
    return Circumstances(coverage, payer)


def _patient(request: HookRequest, ehr: Ehr) -> dict:
    sent = as_dict(request.prefetch.get("patient"))
    return sent if kind(sent) == "Patient" else ehr.read(f"Patient/{request.patient_id}")


def _member_ids(coverage: dict) -> tuple[str, ...]:
    subscriber = text_of(coverage.get("subscriberId"))
    return _numbers(coverage) or ((subscriber,) if subscriber else ())


def _numbers(resource: dict) -> tuple[str, ...]:
    return tuple(one.value for one in identifiers_of_type(resource, IDENTIFIER_TYPE, MEMBER_NUMBER))


def _same_person(member: Member, patient: dict) -> bool:
    """Refuse a number under another birth date; a patient without one is taken by the number alone."""
    born = text_of(patient.get("birthDate"))
    return born is None or born == member.birth_date.isoformat()


_NOT_SENT = object()
