"""SANDBOX. How does the EHR ask for authorization? A PAS request Bundle from the order and what belongs to it."""

from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

from app.sandbox.records import Records
from fhir_r4.resource import codings, dicts, kind, local_reference, reference, references
from fhir_r4.systems import (
    CERTIFICATION_TYPE,
    DATA_ABSENT_REASON,
    ITEM_TRACE_NUMBER,
    PAS,
    PAS_TEMP,
    PLACE_OF_SERVICE,
    PROCESS_PRIORITY,
    QR_CONTEXT,
    REQUESTED_SERVICE,
    X12_CERTIFICATION_TYPE,
)

REQUEST_TYPE = f"{PAS}/StructureDefinition/extension-serviceItemRequestType"
DOCUMENT_INFORMATION = f"{PAS}/StructureDefinition/extension-documentInformation"
X12_SERVICE_TYPE = "https://codesystem.x12.org/005010/1365"
X12_REQUEST_TYPE = "https://codesystem.x12.org/005010/1525"
X12_REPORT_TYPE = "https://codesystem.x12.org/005010/755"


def request_bundle(records: Records, base: str, order: dict, provider: str, now: datetime) -> dict:
    """Return the bundle for ``Claim/$submit``: the Claim and all that it leads to.

    Args:
        base: the EHR's own FHIR base; fullUrls are below it.
        provider: ``Organization/id`` of who asks.
    """
    identity = str(uuid4())
    forms = list(_forms(records, order))
    claim = _claim(records, order, provider, forms, identity, now)
    return _bundle(records, base, claim, "profile-pas-request-bundle", now)


def inquiry_bundle(records: Records, base: str, order: dict, provider: str, now: datetime) -> dict:
    """Return the bundle for ``Claim/$inquire``: whatever there is for this patient and this service."""
    identity = str(uuid4())
    claim = _head(records, order, provider, identity, now)
    claim["meta"] = {"profile": [f"{PAS}/StructureDefinition/profile-claim-inquiry"]}
    claim["item"] = [
        {
            "sequence": 1,
            "category": _concept(X12_SERVICE_TYPE, "18"),
            "productOrService": {"coding": [_service(order)]},
        }
    ]
    return _bundle(records, base, claim, "profile-pas-inquiry-request-bundle", now)


def _head(records: Records, order: dict, provider: str, identity: str, now: datetime) -> dict:
    coverage = records.get(reference(dicts(order["insurance"])[0]) or "") or {}
    return {
        "resourceType": "Claim",
        "id": identity,
        "identifier": [{"system": "https://riverside.example.org/claims", "value": identity}],
        "status": "active",
        "type": _concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "use": "preauthorization",
        "patient": order["subject"],
        "created": now.isoformat(timespec="seconds"),
        "insurer": dicts(coverage["payor"])[0],
        "provider": {"reference": provider},
        "priority": _concept(PROCESS_PRIORITY, "normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": local_reference(coverage)}}],
    }


def _claim(records: Records, order: dict, provider: str, forms: list[dict], identity: str, now: datetime) -> dict:
    claim = _head(records, order, provider, identity, now)
    claim["meta"] = {"profile": [f"{PAS}/StructureDefinition/profile-claim"]}
    claim["supportingInfo"] = [
        {
            "extension": [
                {
                    "url": DOCUMENT_INFORMATION,
                    "extension": [{"url": "reportTypeCode", "valueCodeableConcept": _concept(X12_REPORT_TYPE, "M1")}],
                }
            ],
            "sequence": number,
            "category": _concept(PAS_TEMP, "additionalInformation"),
            "valueReference": {"reference": local_reference(form)},
        }
        for number, form in enumerate(forms, start=1)
    ]
    diagnoses = [one for reason in dicts(order.get("reasonCode")) for one in codings(reason)]
    claim["diagnosis"] = [
        {"sequence": number, "diagnosisCodeableConcept": {"coding": [one.to_fhir()]}}
        for number, one in enumerate(diagnoses, start=1)
    ]
    claim["item"] = [_item(order, len(diagnoses), len(forms), identity)]
    return {name: said for name, said in claim.items() if said != []}  # FHIR has no empty lists


def _item(order: dict, diagnoses: int, forms: int, identity: str) -> dict:
    trace = {"system": "https://riverside.example.org/item-trace", "value": f"{identity}-1"}
    return {
        "extension": [
            {"url": ITEM_TRACE_NUMBER, "valueIdentifier": trace},
            {"url": REQUEST_TYPE, "valueCodeableConcept": _concept(X12_REQUEST_TYPE, "HS")},
            {"url": CERTIFICATION_TYPE, "valueCodeableConcept": _concept(X12_CERTIFICATION_TYPE, "I")},
            {"url": REQUESTED_SERVICE, "valueReference": {"reference": local_reference(order)}},
        ],
        "sequence": 1,
        **({"diagnosisSequence": list(range(1, diagnoses + 1))} if diagnoses else {}),
        **({"informationSequence": list(range(1, forms + 1))} if forms else {}),
        "category": _concept(X12_SERVICE_TYPE, "18"),
        "productOrService": {"coding": [_service(order)]},
        "locationCodeableConcept": _concept(PLACE_OF_SERVICE, "12"),
    }


def _service(order: dict) -> dict:
    for element in ("codeCodeableConcept", "code", "medicationCodeableConcept"):
        for coding in codings(order.get(element)):
            return coding.to_fhir()
    return {"system": DATA_ABSENT_REASON, "code": "not-applicable"}


def _forms(records: Records, order: dict) -> Iterator[dict]:
    """Yield the completed forms whose context is this order."""
    for form in records.search("QuestionnaireResponse", "status=completed"):
        context = [one.get("valueReference") for one in dicts(form.get("extension")) if one.get("url") == QR_CONTEXT]
        if local_reference(order) in {reference(one) for one in context}:
            yield form


def _bundle(records: Records, base: str, claim: dict, profile: str, now: datetime) -> dict:
    transaction = {"system": "https://riverside.example.org/transactions", "value": str(uuid4())}
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{PAS}/StructureDefinition/{profile}"]},
        "identifier": transaction,
        "type": "collection",
        "timestamp": now.isoformat(timespec="seconds"),
        "entry": [{"fullUrl": f"{base}/{local_reference(one)}", "resource": one} for one in _reached(records, claim)],
    }


def _reached(records: Records, first: dict) -> list[dict]:
    """Return the Claim and what it leads to in the EHR's records, each once."""
    found, waiting = [first], [target for target, _ in references(first)]
    seen = {local_reference(first)}
    while waiting:
        target = waiting.pop(0)
        held = records.get(target)
        if held is None or target in seen:
            continue
        seen.add(target)
        found.append(held)
        if kind(held) != "QuestionnaireResponse":
            waiting.extend(further for further, _ in references(held))
    return found


def _concept(system: str, code: str) -> dict:
    return {"coding": [{"system": system, "code": code}]}
