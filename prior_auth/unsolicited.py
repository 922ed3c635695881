"""Which request stands behind an authorization that nobody has asked for? One in PAS's words, made of what a hook knew.

Where a policy's row lets a hook issue an authorization, it is weighed, kept, told and asked about like any other: so
there is a Claim for it, by the client's organization, with the order and all of the record that was weighed. It claims
no profile: what nobody has said, such as where the service is done, is not made up.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_r4.resource import Identifier, local_reference, references
from fhir_r4.systems import (
    CERTIFICATION_TYPE,
    DATA_ABSENT_REASON,
    IDENTIFIER_TYPE,
    MEMBER_NUMBER,
    PAS_TEMP,
    PLACE_OF_SERVICE,
    PROCESS_PRIORITY,
    REQUESTED_SERVICE,
    X12_CERTIFICATION_TYPE,
)
from prior_auth.echo import NOT_CODED
from rules.directory import Member, Payer
from rules.evidence import Evidence

_MOST = 100
"""Resources of the EHR that go along, at most."""
_OF_NO_CATEGORY = {"coding": [{"system": DATA_ABSENT_REASON, "code": "unknown"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsolicited:
    """What is to be authorized, for whom, and in whose name.

    Attributes:
        evidence: of the order, as it was weighed at order time.
        asker: the organization of the client whose hook it was, and what it is called.
        find: gives what is known of the EHR by reference.
        ehr: the EHR's FHIR base; fullUrls of its resources are below it.
        own: our FHIR base, for what the EHR has no resource of.
        identity: id of the Claim, and of the transaction.
    """

    evidence: Evidence
    payer: Payer
    member: Member
    patient_id: str
    asker: Identifier
    asker_name: str
    find: Callable[[str], dict | None]
    ehr: str
    own: str
    transaction: Identifier
    identity: str


def request_bundle(asked: Unsolicited, now: datetime) -> dict:
    """Return the request, as ``read_submission`` takes it; references to what is not known are left out."""
    insurer, provider = _insurer(asked), _provider(asked)
    told = _reached(asked)
    held = [_pruned(one, told.keys()) for one in told.values()]
    ours = [_claim(asked, held, now), insurer, provider]
    entries = [(asked.own, one) for one in ours] + [(asked.ehr, one) for one in held]
    return {
        "resourceType": "Bundle",
        "identifier": asked.transaction.to_fhir(),
        "type": "collection",
        "timestamp": now.isoformat(timespec="seconds"),
        "entry": [{"fullUrl": f"{base}/{local_reference(one)}", "resource": one} for base, one in entries],
    }


def _claim(asked: Unsolicited, held: Iterable[dict], now: datetime) -> dict:
    evidence = asked.evidence
    order, coverage = evidence.order or {}, evidence.coverage or {}
    sent = {local_reference(one) for one in held}
    records = [one for one in evidence.records if local_reference(one) in sent]
    claim = {
        "resourceType": "Claim",
        "id": asked.identity,
        "identifier": [asked.transaction.to_fhir()],
        "status": "active",
        "type": _concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "use": "preauthorization",
        "patient": _to(asked.ehr, f"Patient/{asked.patient_id}"),
        "created": now.isoformat(timespec="seconds"),
        "insurer": _to(asked.own, local_reference(_insurer(asked))),
        "provider": _to(asked.own, local_reference(_provider(asked))),
        "priority": _concept(PROCESS_PRIORITY, "normal"),
        "diagnosis": [
            {"sequence": number, "diagnosisCodeableConcept": {"coding": [one.to_fhir()]}}
            for number, one in enumerate(evidence.asked.diagnoses, start=1)
        ],
        "supportingInfo": [
            {
                "sequence": number,
                "category": _concept(PAS_TEMP, "additionalInformation"),
                "valueReference": _to(asked.ehr, local_reference(one)),
            }
            for number, one in enumerate(records, start=1)
        ],
        "insurance": [{"sequence": 1, "focal": True, "coverage": _to(asked.ehr, local_reference(coverage))}],
        "item": [_item(asked, order)],
    }
    return {name: said for name, said in claim.items() if said != []}


def _item(asked: Unsolicited, order: dict) -> dict:
    evidence, wanted = asked.evidence, asked.evidence.asked
    item: dict[str, Any] = {
        "extension": [
            {"url": CERTIFICATION_TYPE, "valueCodeableConcept": _concept(X12_CERTIFICATION_TYPE, "I")},
            {"url": REQUESTED_SERVICE, "valueReference": _to(asked.ehr, local_reference(order))},
        ],
        "sequence": 1,
        "category": _OF_NO_CATEGORY,
        "productOrService": {"coding": [evidence.code.to_fhir()]} if evidence.code else NOT_CODED,
    }
    if evidence.service and evidence.service != evidence.authored:
        item["servicedDate"] = evidence.service.isoformat()
    if wanted.diagnoses:
        item["diagnosisSequence"] = list(range(1, len(wanted.diagnoses) + 1))
    if wanted.quantity is not None:
        item["quantity"] = {"value": wanted.quantity}
    if wanted.place_of_service:
        item["locationCodeableConcept"] = _concept(PLACE_OF_SERVICE, wanted.place_of_service)
    return item


def _reached(asked: Unsolicited) -> dict[str, dict]:
    """Return order, Coverage, Patient and records, and what they lead to as far as it is known, by ``Type/id``."""
    evidence = asked.evidence
    patient = f"Patient/{asked.patient_id}"
    found: dict[str, dict] = {patient: evidence.patient or _patient(asked)}
    waiting = [one for one in (evidence.order, evidence.coverage, *evidence.records, found[patient]) if one]
    while waiting and len(found) < _MOST:
        one = waiting.pop(0)
        found.setdefault(local_reference(one), one)
        for target, _ in references(one):
            held = asked.find(target)
            if held and local_reference(held) not in found:
                waiting.append(held)
    return found


def _pruned(resource: dict, known: Iterable[str]) -> dict:
    """Return the resource without references to what is not sent along; what they say beside stays."""
    held = set(known)

    def kept(node: Any) -> Any:
        if isinstance(node, list):
            return [one for member in node if (one := kept(member)) not in ({}, [])]
        if not isinstance(node, dict):
            return node
        target = node.get("reference")
        lost = isinstance(target, str) and not target.startswith("#") and "/".join(target.split("/")[-2:]) not in held
        pairs = ((name, kept(value)) for name, value in node.items() if not (lost and name == "reference"))
        return {name: value for name, value in pairs if value not in ({}, [])}

    found: dict = kept(resource)
    return found


def _patient(asked: Unsolicited) -> dict:
    """Return the member as the payer knows them, where the EHR sent no Patient."""
    number = {"type": {"coding": [{"system": IDENTIFIER_TYPE, "code": MEMBER_NUMBER}]}, "value": asked.member.member_id}
    born = asked.member.birth_date.isoformat()
    return {"resourceType": "Patient", "id": asked.patient_id, "identifier": [number], "birthDate": born}


def _insurer(asked: Unsolicited) -> dict:
    listed = [one.to_fhir() for one in asked.payer.identifiers]
    return _organization(f"payer-{asked.payer.id}", listed, asked.payer.name)


def _provider(asked: Unsolicited) -> dict:
    return _organization("requester", [asked.asker.to_fhir()], asked.asker_name)


def _organization(identity: str, identifiers: list[dict], name: str) -> dict:
    return {
        "resourceType": "Organization", "id": identity, "identifier": identifiers, "active": True, "name": name,
    }  # fmt: skip


def _to(base: str, target: str) -> dict:
    return {"reference": f"{base}/{target}"}


def _concept(system: str, code: str) -> dict:
    return {"coding": [{"system": system, "code": code}]}
