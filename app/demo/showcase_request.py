"""What does a request look like that holds all that an answer can echo? Synthetic, for the showcase.

Two services: oxygen that the policy certifies by its form, and a stay with visits, quantities, prices and numbers that
a person decides on. Each generation has its own spelling of some elements.
"""

from copy import deepcopy
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from app.sandbox.claim import request_bundle
from app.sandbox.records import Records
from fhir_r4.generations import Generation
from fhir_r4.systems import (
    ADMINISTRATION_REFERENCE_NUMBER,
    AUTHORIZATION_NUMBER,
    INFO_CHANGED,
    PAS,
    PAS_TEMP,
    QR_CONTEXT,
    TRANSMISSION_IDENTIFIERS,
    X12_ENTITY,
)

ORDER, PROVIDER, CLAIM = "DeviceRequest/home-oxygen", "Organization/riverside", 0
FORM = "https://forms.priorauth.example.org/Questionnaire/home-oxygen|2026.1"
_EXTENSION = f"{PAS}/StructureDefinition/extension-"
_RELATED = "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship"


def first_request(records: Records, base: str, generation: Generation, now: datetime) -> dict:
    """Return the request: item 1 is certified by policy, item 2 waits for a person."""
    today = now.date()
    records.put(_form(today, now))
    order = records.get(ORDER) or {}
    bundle = request_bundle(records, base, order, PROVIDER, now)
    claim = bundle["entry"][CLAIM]["resource"]
    claim["identifier"][0]["extension"] = [
        {"url": f"{_EXTENSION}identifierSubDepartment", "valueString": "Respiratory"},
        {"url": f"{_EXTENSION}identifierJurisdiction", "valueCodeableConcept": _usps("NY")},
    ]
    claim["careTeam"] = [_member(1, overall=False), _member(2, overall=True)]
    claim["supportingInfo"] += _stay(today, len(claim["supportingInfo"]))
    claim |= _TRANSMISSION[generation]
    claim["item"][0] |= {"careTeamSequence": [1], "servicedDate": _day(generation, now, 0)}
    claim["item"].append(_visits(claim["item"][0], today, generation))
    return bundle


def update(before: dict, generation: Generation, *, added: int, now: datetime) -> dict:
    """Return an update that adds one more service, as item ``added``; everything else is as it was."""
    bundle = deepcopy(before)
    prior = bundle["entry"][CLAIM]
    asked = deepcopy(prior["resource"])
    asked["id"] = str(uuid4())
    asked["meta"] = {"profile": [f"{PAS}/StructureDefinition/profile-claim-update"]}
    known = [one for one in asked["identifier"] if "showcase" not in one["system"]][:1]
    asked["identifier"] = [{"system": "https://riverside.example.org/showcase", "value": asked["id"]}]
    asked["identifier"][0]["extension"] = prior["resource"]["identifier"][0]["extension"]
    relation = {"coding": [{"system": _RELATED, "code": "prior"}]}
    base = prior["fullUrl"].rpartition("Claim/")[0]
    asked["related"] = [{"relationship": relation, "claim": {"reference": prior["fullUrl"]}}]
    for item in asked["item"]:
        item["extension"] = [one for one in item["extension"] if one["url"] != INFO_CHANGED]
    new = deepcopy(asked["item"][0]) | {"sequence": added}
    new["servicedDate"] = _day(generation, now, added)
    trace = next(one for one in new["extension"] if one["url"].endswith("itemTraceNumber"))
    trace["valueIdentifier"]["value"] = f"{asked['id']}-{added}"
    new["extension"].append({"url": INFO_CHANGED, "valueCode": "added"})
    asked["item"].append(new)
    if generation is Generation.V2_0:
        asked["related"] = [
            {"relationship": relation, "claim": {"identifier": _plain(known or prior["resource"]["identifier"])}}
        ]
        bundle["entry"] = bundle["entry"][1:]
    else:
        bundle["entry"] = [one for one in bundle["entry"] if one is prior or not _is_claim(one)]
        prior["resource"].pop("related", None)
        prior["resource"]["meta"] = {"profile": [f"{PAS}/StructureDefinition/profile-claim"]}
    bundle["entry"].insert(0, {"fullUrl": f"{base}Claim/{asked['id']}", "resource": asked})
    return _sent_again(bundle, now)


def of_nobody(before: dict, now: datetime) -> dict:
    """Return the request for a member whom nobody knows."""
    bundle = deepcopy(before)
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            for one in entry["resource"]["identifier"]:
                one["value"] = f"unknown-{uuid4().hex[:8]}"
        if entry["resource"]["resourceType"] == "Coverage":
            entry["resource"].pop("identifier", None)
            entry["resource"]["subscriberId"] = "unknown"
    return _sent_again(bundle, now)


def _day(generation: Generation, now: datetime, added: int) -> str:
    """Return a day of service that no other request of the showcase asks for."""
    years = {Generation.V2_0: 0, Generation.V2_2: 6}[generation] + added
    return (now.date() + timedelta(days=400 * years)).isoformat()


def _is_claim(entry: dict) -> bool:
    return bool(entry["resource"]["resourceType"] == "Claim")


def _plain(identifiers: list[dict]) -> dict:
    return {name: identifiers[0][name] for name in ("system", "value")}


def _sent_again(bundle: dict, now: datetime) -> dict:
    bundle["identifier"] = bundle["identifier"] | {"value": str(uuid4())}
    return bundle | {"timestamp": now.isoformat(timespec="seconds")}


def _form(today: date, now: datetime) -> dict:
    percent = {"value": 88, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    answers: dict[str, dict[str, Any]] = {
        "2.1": {"valueQuantity": percent},
        "2.3": {"valueDate": (today - timedelta(days=3)).isoformat()},
        "2.4": {"valueBoolean": True},
        "3.2": {"valueBoolean": False},
    }
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "showcase-oxygen",
        "extension": [{"url": QR_CONTEXT, "valueReference": {"reference": ORDER}}],
        "questionnaire": FORM,
        "status": "completed",
        "subject": {"reference": "Patient/amy-baxter"},
        "authored": now.isoformat(timespec="seconds"),
        "item": [{"linkId": link, "answer": [value]} for link, value in answers.items()],
    }


def _usps(state: str) -> dict:
    return _concept("https://www.usps.com/", state)


def _member(sequence: int, *, overall: bool) -> dict:
    return {
        "extension": [{"url": f"{_EXTENSION}careTeamClaimScope", "valueBoolean": overall}],
        "sequence": sequence,
        "provider": {"reference": PROVIDER},
        "role": _concept(X12_ENTITY, "SJ"),
    }


def _stay(today: date, after: int) -> list[dict]:
    admitted, discharged = today + timedelta(days=20), today + timedelta(days=23)
    return [
        {
            "sequence": after + 1,
            "category": _concept(PAS_TEMP, "admissionDates"),
            "timingDate": admitted.isoformat(),
        },
        {
            "sequence": after + 2,
            "category": _concept(PAS_TEMP, "dischargeDates"),
            "timingDate": discharged.isoformat(),
        },
    ]


_TRANSMISSION: dict[Generation, dict] = {
    Generation.V2_0: {},
    Generation.V2_2: {
        "extension": [
            {
                "url": TRANSMISSION_IDENTIFIERS,
                "extension": [
                    {"url": name, "valueString": value}
                    for name, value in {
                        "applicationSenderCode": "RIVERSIDE",
                        "applicationReceiverCode": "ACME",
                        "interchangeSenderID": "RIVERSIDE01",
                        "interchangeReceiverID": "ACME01",
                    }.items()
                ],
            }
        ]
    },
}


def _visits(like: dict, today: date, generation: Generation) -> dict:
    """Return item 2: visits by the dozen, with all that X12 lets a service line say."""
    hcpcs = like["productOrService"]["coding"][0]["system"]
    said = [one for one in like["extension"] if not one["url"].endswith("itemTraceNumber")]
    trace = deepcopy(next(one for one in like["extension"] if one["url"].endswith("itemTraceNumber")))
    trace["valueIdentifier"]["value"] += "-visits"
    more: dict[str, dict] = {
        "epsdtIndicator": {"valueBoolean": False},
        "nursingHomeResidentialStatus": {
            "valueCodeableConcept": _concept("https://codesystem.x12.org/005010/1345", "1")
        },
        "nursingHomeLevelOfCare": {"valueCodeableConcept": _concept("https://codesystem.x12.org/005010/1337", "1")},
        "productOrServiceCodeEnd": {"valueCodeableConcept": _concept(hcpcs, "G0283")},
        "revenueUnitRateLimit": {"valueDecimal": 120},
    }
    starts, ends = today + timedelta(days=20), today + timedelta(days=50)
    return {
        "extension": [
            trace,
            *said,
            {"url": AUTHORIZATION_NUMBER, "valueString": "PA-BEFORE-1"},
            {"url": ADMINISTRATION_REFERENCE_NUMBER, "valueString": "PEND-BEFORE-1"},
            *({"url": f"{_EXTENSION}{name}", **value} for name, value in more.items()),
        ],
        "sequence": 2,
        "careTeamSequence": [1],
        "diagnosisSequence": like.get("diagnosisSequence", []),
        "revenue": _concept(_REVENUE[generation], "0421"),
        "category": like["category"],
        "productOrService": _concept(hcpcs, "G0281"),
        "modifier": [_concept(hcpcs, "GP")],
        "servicedPeriod": {"start": starts.isoformat(), "end": ends.isoformat()},
        "locationCodeableConcept": like["locationCodeableConcept"],
        "quantity": {"value": 12, "unit": "Visits"},
        "unitPrice": {"value": 90, "currency": "USD"},
    }


_REVENUE = {
    Generation.V2_0: "https://www.nubc.org/revenue-code",
    Generation.V2_2: "https://www.nubc.org/CodeSystem/RevenueCodes",
}


def _concept(system: str, code: str) -> dict:
    return {"coding": [{"system": system, "code": code}]}
