"""What a request need not hold is not asked for, what it may hold is taken, and what it holds is what it says."""

from functools import cache

import pytest

from app.demo import must_support
from app.storage import tables
from fhir_r4.resource import kind, references
from fhir_r4.wire import read_json
from tests.app.test_showcase import concept, ext, x12
from tests.given import EHR, a_submission_bundle, an_inquiry_bundle, entry
from tests.must_support import GUIDES, PACKAGES, definitions, guide

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
MANNERS = pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"], ids=["lenient", "strict"])
needs_packages = pytest.mark.skipif(not PACKAGES.exists(), reason="the published packages are not beside the project")
PROFILES = {
    "Claim": "profile-claim",
    "Patient": "profile-beneficiary",
    "Coverage": "profile-coverage",
    "Organization": "profile-organization",
    "Practitioner": "profile-practitioner",
    "DeviceRequest": "profile-devicerequest",
}
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
CORE_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SUBJECT = {"subject": {"reference": "Patient/amy-baxter"}}


@cache
def expected(version, profile):
    """Return the elements of a profile that are mandatory or must-support, by name, down to two levels."""
    elements = definitions(PACKAGES / GUIDES[version])[profile]["snapshot"]["element"]
    marked = [one["path"] for one in elements if one.get("mustSupport") or one.get("min")]
    return {path.partition(".")[2].removesuffix("[x]") for path in marked}


def least(resource, version):
    """Return the resource without what its profile neither demands nor marks; the items of a Claim as well."""
    profile = PROFILES.get(kind(resource))
    if profile is None:
        return resource
    names = expected(version, profile)
    kept = {name: value for name, value in resource.items() if _stays(name, names)}
    if "item" in kept:
        below = {one.partition(".")[2] for one in names if one.startswith("item.")}
        kept["item"] = [{name: v for name, v in item.items() if _stays(name, below)} for item in kept["item"]]
    return kept


def _stays(name, names):
    return name in {"resourceType", "id", "extension"} or any(
        name == one or (name.startswith(one) and name[len(one) :][:1].isupper()) for one in names
    )


def _is_referred_to(one, entries):
    name = f"{one['resource']['resourceType']}/{one['resource']['id']}"
    return any(target == name for held in entries for target, _ in references(held["resource"]))


def answered(house, bundle, version, client="riverside-ehr"):
    answer = house.submit(bundle, version, client=client)
    assert answer.status_code == 200, answer.data
    return read_json(answer.data)["entry"][0]["resource"]


@BOTH
@MANNERS
@needs_packages
@pytest.mark.requirement("pas-2.2.1@conf-11", "pas-2.2.1@conf-12", "pas-2.2.1@conf-14")
def test_a_request_of_nothing_but_what_the_profiles_demand_or_mark_is_certified(house, version, client):
    """The form's context leads to an order by CRD's profile, which demands more than PAS's: a strict one has that."""
    bundle = a_submission_bundle()
    by_crd = {"DeviceRequest"} if client == "strict-ehr" else set()
    entries = [
        one if kind(one["resource"]) in by_crd else one | {"resource": least(one["resource"], version)}
        for one in bundle["entry"]
    ]
    bundle["entry"] = [entries[0], *(one for one in entries[1:] if _is_referred_to(one, entries))]
    assert "text" not in entry(bundle, "Claim")
    response = answered(house, bundle, version, client)
    assert response["outcome"] == "complete", response.get("error")
    assert house.rows(tables.decisions)[-1]["action"] == "A1"


CONDITION = {
    "resourceType": "Condition",
    "id": "copd",
    "meta": {"profile": [f"{US_CORE}condition-problems-health-concerns"]},
    "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
    "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
    "category": [concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
    "code": concept("http://snomed.info/sct", "13645005"),
    **SUBJECT,
}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "gas",
    "meta": {"profile": [f"{US_CORE}observation-lab"]},
    "status": "final",
    "category": [concept(CORE_CATEGORY, "laboratory")],
    "code": concept("http://loinc.org", "2703-7"),
    "effectiveDateTime": "2026-02-20T10:00:00Z",
    "valueQuantity": {"value": 54, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
    **SUBJECT,
}
PROCEDURE = {
    "resourceType": "Procedure",
    "id": "spirometry",
    "meta": {"profile": [f"{US_CORE}procedure"]},
    "status": "completed",
    "code": concept("http://snomed.info/sct", "127783003"),
    "performedDateTime": "2026-02-01",
    **SUBJECT,
}


def with_records(*records):
    bundle = a_submission_bundle()
    claim = entry(bundle, "Claim")
    for number, record in enumerate(records, start=2):
        url = f"{EHR}/{record['resourceType']}/{record['id']}"
        bundle["entry"].append({"fullUrl": url, "resource": record})
        info = claim["supportingInfo"][0] | {"sequence": number, "valueReference": {"reference": url}}
        claim["supportingInfo"].append(info)
    return bundle


@BOTH
@MANNERS
@pytest.mark.requirement("pas-2.0.1@44", "pas-2.0.1@46", "pas-2.0.1@48")
def test_conditions_observations_and_procedures_of_us_core_come_along(house, version, client):
    response = answered(house, with_records(CONDITION, OBSERVATION, PROCEDURE), version, client)
    assert response["outcome"] == "complete"


@pytest.mark.requirement("pas-2.2.1@spec-1", "pas-2.2.1@spec-19")
@pytest.mark.parametrize(("record", "lacks"), [(CONDITION, "code"), (OBSERVATION, "category"), (PROCEDURE, "code")])
def test_what_is_said_to_be_of_us_core_is_so_or_a_strict_client_is_told(house, record, lacks):
    broken = {name: value for name, value in record.items() if name != lacks}
    answer = house.submit(with_records(broken), "2.2", client="strict-ehr")
    assert answer.status_code == 400
    named = [one["expression"][0] for one in read_json(answer.data)["issue"]]
    assert any(one.endswith(f".resource.{lacks}") for one in named), named
    assert answered(house, with_records(broken), "2.2")["outcome"] == "complete"


@BOTH
@pytest.mark.requirement("pas-2.2.1@spec-17")
def test_no_two_answers_share_a_name_that_is_ours(house, version):
    """What the request named keeps its name; Bundles, ClaimResponses and their identifiers are named anew."""
    first, second = (house.submit(a_submission_bundle(), version) for _ in range(2))
    ours = []
    for answer in (first, second):
        bundle = read_json(answer.data)
        own = [one for one in bundle["entry"] if one["resource"]["resourceType"] in {"ClaimResponse", "Task"}]
        ours.append({bundle["id"], bundle["identifier"]["value"], *(one["fullUrl"] for one in own)})
    assert len(ours[0]) == len(ours[1]) >= 3
    assert ours[0].isdisjoint(ours[1])


TEMP = "http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASTempCodes"
DAYS = {"start": "2026-02-01", "end": "2026-12-31"}


PLACES = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"


def asking_with_everything(**numbers):
    """Return an inquiry with every element that 2.0.1 marks; those that narrow say what the case has."""
    bundle = an_inquiry_bundle()
    claim = entry(bundle, "Claim")
    item = claim["item"][0]
    claim["extension"] = [
        *claim.get("extension", []),
        ext("levelOfServiceCode", valueCodeableConcept=x12("1338", "U")),
        ext("certificationType", valueCodeableConcept=x12("1322", "I")),
    ]
    claim["billablePeriod"] = DAYS
    claim["careTeam"] = [
        {
            "sequence": 1,
            "extension": [ext("careTeamClaimScope", valueBoolean=True)],
            "provider": claim["provider"],
            "role": concept("https://codesystem.x12.org/005010/98", "1P"),
            "qualification": concept("http://nucc.org/provider-taxonomy", "207RP1001X"),
        }
    ]
    claim["diagnosis"] = [
        {
            "sequence": 1,
            "diagnosisCodeableConcept": concept("http://hl7.org/fhir/sid/icd-10-cm", "J44.9"),
            "type": [concept(TEMP, "principal")],
        }
    ]
    claim["supportingInfo"] = [
        {"sequence": 1, "category": concept(TEMP, "patientEvent"), "timingPeriod": DAYS},
        {"sequence": 2, "category": concept(TEMP, "admissionDates"), "timingDate": "2026-03-02"},
        {"sequence": 3, "category": concept(TEMP, "dischargeDates"), "timingDate": "2026-03-04"},
    ]
    claim["accident"] = {
        "date": "2026-02-20",
        "type": concept("http://terminology.hl7.org/CodeSystem/v3-ActCode", "MVA"),
    }
    claim["item"] = [
        {
            "sequence": 1,
            "extension": [
                ext("itemTraceNumber", valueIdentifier=numbers["trace"]),
                ext("authorizationNumber", valueString=numbers["authorization"]),
                ext("administrationReferenceNumber", valueString=numbers["reference"]),
                ext("serviceItemRequestType", valueCodeableConcept=x12("1525", "HS")),
                ext("certificationType", valueCodeableConcept=x12("1322", "I")),
                ext("itemCertificationIssueDate", valuePeriod=DAYS),
                ext("itemCertificationEffectiveDate", valuePeriod=DAYS),
                ext("itemCertificationExpirationDate", valuePeriod={"start": "2026-02-01", "end": "2028-01-01"}),
                ext("reviewActionCode", valueCodeableConcept=x12("306", "A1")),
            ],
            "careTeamSequence": [1],
            "diagnosisSequence": [1],
            "informationSequence": [1, 2, 3],
            "category": item["category"],
            "productOrService": item["productOrService"],
            "servicedPeriod": DAYS,
            "quantity": {"value": 1, "unit": "Units"},
            "modifier": [concept("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "RR")],
            "revenue": concept("https://www.nubc.org/revenue-code", "0292"),
            "locationCodeableConcept": concept(PLACES, "12"),
        }
    ]
    return bundle


@needs_packages
@pytest.mark.requirement("pas-2.0.1@36")
def test_an_inquiry_with_every_must_support_element_is_worked_on(house):
    bundle = a_submission_bundle()
    response = answered(house, bundle, "2.0")
    held = entry(bundle, "Claim")["item"][0]["extension"]
    trace = next(one["valueIdentifier"] for one in held if "TraceNumber" in one["url"])
    (case,) = house.rows(tables.authorizations)
    numbers = {"authorization": response["preAuthRef"], "reference": case["reference"], "trace": trace}
    inquiry = asking_with_everything(**numbers)
    marked = guide(PACKAGES / GUIDES["2.0"], ["profile-claim-inquiry"])["profile-claim-inquiry"]
    assert must_support.lacking("profile-claim-inquiry", marked, [entry(inquiry, "Claim")]) == []
    answer = house.inquire(inquiry, client="strict-ehr")
    assert answer.status_code == 200, answer.data
    assert entry(read_json(answer.data), "ClaimResponse")["preAuthRef"] == response["preAuthRef"]
