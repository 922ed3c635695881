"""Requests that are legal and unusual, or nearly legal, are weighed as what they are; each answer keeps to its profile.

An answer repeats entries of the request as they came, whatever they lack: what is our own in it is held to its profile.
"""

import pytest

from fhir_r4.resource import extension, references
from fhir_r4.systems import CODE_END, HCPCS, ITEM_TRACE_NUMBER, NPI, PAS, PAS_TEMP
from fhir_r4.wire import read_json, write_json
from tests.app.test_admission import refused
from tests.app.test_updates import actions
from tests.given import EHR, a_form_response, a_submission_bundle, an_inquiry_bundle, entry, percent
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
MANNERS = pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"], ids=["lenient", "strict"])
CLINIC_NPI = {"system": NPI, "value": "1234567893"}
DIAGNOSIS = f"{PAS}/StructureDefinition/extension-communicatedDiagnosis"
DEPARTMENT = f"{PAS}/StructureDefinition/extension-identifierSubDepartment"
ADMISSION = f"{PAS}/StructureDefinition/extension-admissionDates"


def pending():
    """Return a request that waits for its form, so that something is asked for."""
    return a_submission_bundle(form=a_form_response({"2.1": None, "2.3": None}))


def certified():
    return a_submission_bundle(form=a_form_response({"2.1": percent(80)}))


def asks_instead(bundle, resource):
    """Let another resource ask than the organization, which stays in the Bundle for whoever refers to it."""
    claim, name = entry(bundle, "Claim"), f"{resource['resourceType']}/{resource['id']}"
    bundle["entry"].append({"fullUrl": f"{EHR}/{name}", "resource": resource})
    claim["provider"] = {"reference": name}
    overall = {"url": f"{PAS}/StructureDefinition/extension-careTeamClaimScope", "valueBoolean": True}
    member = {"extension": [overall], "sequence": 1, "provider": {"reference": "Organization/riverside"}}
    claim["careTeam"] = [member]
    return bundle


def a_role(**changes):
    return {
        "resourceType": "PractitionerRole",
        "id": "role",
        "identifier": [CLINIC_NPI],
        "practitioner": {"reference": "Practitioner/lindqvist"},
        "telecom": [{"system": "phone", "value": "+1-555-0100"}],
    } | changes


OURS = ("ClaimResponse", "CommunicationRequest", "Task")


def submit(house, bundle, version, client="riverside-ehr"):
    """Return what of an answer is our own, by type; each keeps to the profile of its generation."""
    headers = {"Authorization": f"Bearer {house.token(client=client)}", "Content-Type": "application/fhir+json"}
    answer = house.web.post(f"/fhir/{version}/Claim/$submit", data=write_json(bundle), headers=headers)
    assert answer.status_code == 200, answer.data
    held = [one["resource"] for one in read_json(answer.data)["entry"]]
    for one in held:
        if one["resourceType"] in OURS:
            assert_profiled(one, version, references="open")
    return {name: [one for one in held if one["resourceType"] == name] for name in OURS}


@BOTH
@MANNERS
@pytest.mark.parametrize("organization", [{"organization": {"reference": "Organization/riverside"}}, {}], ids=len)
def test_a_practitioner_in_a_role_is_asked_for_more_as_the_profile_has_it(house, version, client, organization):
    """Who sends it is the organization, which PAS alone has a reference to there; without one, nobody is named."""
    told = submit(house, asks_instead(pending(), a_role(**organization)), version, client)
    assert told["ClaimResponse"][0]["requestor"] == {"reference": f"{EHR}/PractitionerRole/role"}
    (wanted,) = told["CommunicationRequest"]
    riverside = {"reference": f"{EHR}/Organization/riverside"}
    assert wanted.get("sender") == (riverside if organization else None)
    assert wanted["recipient"] == [riverside if organization else {"reference": f"{EHR}/Practitioner/lindqvist"}]


@BOTH
def test_a_practitioner_who_asks_without_a_role_is_named_by_number(house, version):
    alone = {"resourceType": "Practitioner", "id": "alone", "identifier": [CLINIC_NPI], "name": [{"family": "Solo"}]}
    told = submit(house, asks_instead(pending(), alone), version)
    assert told["ClaimResponse"][0]["requestor"] == {"identifier": CLINIC_NPI}
    (wanted,) = told["CommunicationRequest"]
    assert "sender" not in wanted
    assert wanted["recipient"] == [{"reference": f"{EHR}/Practitioner/alone"}]


@BOTH
@pytest.mark.parametrize(
    "concept",
    [
        {"text": "Short of breath"},
        {"coding": [{"display": "COPD"}]},
        {"coding": [{"system": "http://snomed.info/sct", "code": "13645005"}]},
    ],
    ids=["words", "display", "SNOMED CT"],
)
def test_a_diagnosis_without_a_code_that_pas_has_is_not_told_again(house, version, concept):
    bundle = pending()
    claim = entry(bundle, "Claim")
    claim["diagnosis"] = [{"sequence": 1, "diagnosisCodeableConcept": concept}]
    claim["item"][0]["diagnosisSequence"] = [1]
    told = submit(house, bundle, version)
    (item,) = told["ClaimResponse"][0]["item"]
    (payload,) = told["CommunicationRequest"][0]["payload"]
    assert not extension(item, DIAGNOSIS)
    assert not extension(payload, DIAGNOSIS)


@BOTH
def test_an_identifier_without_a_system_is_told_again_where_its_generation_has_room_for_it(house, version):
    bundle = pending()
    entry(bundle, "Claim")["identifier"] = [{"value": "trace-1"}]
    named = [one["value"] for one in submit(house, bundle, version)["ClaimResponse"][0]["identifier"]]
    assert ("trace-1" in named) == (version == "2.0")


@BOTH
def test_an_identifier_s_department_is_told_again_once(house, version):
    bundle = pending()
    asked = entry(bundle, "Claim")["identifier"][0]
    parts = [{"url": DEPARTMENT, "valueString": name} for name in ("front", "back")]
    asked["extension"] = [parts[0], {"url": "https://riverside.example.org/desk", "valueString": "3"}, parts[1]]
    (told,) = [one for one in submit(house, bundle, version)["ClaimResponse"][0]["identifier"] if "extension" in one]
    assert told == asked | {"extension": asked["extension"][:2]}


@pytest.mark.parametrize(
    "timing", [{"timingDate": "2026-04"}, {"timingPeriod": {"start": "2026-04-01", "end": "2026"}}], ids=str
)
def test_a_day_of_admission_that_is_no_full_date_is_not_told_again(house, timing):
    bundle = certified()
    claim = entry(bundle, "Claim")
    category = {"coding": [{"system": PAS_TEMP, "code": "admissionDates"}]}
    claim["supportingInfo"].append({"sequence": 90, "category": category} | timing)
    (response,) = submit(house, bundle, "2.2")["ClaimResponse"]
    assert actions(response) == {1: "A1"}
    assert not extension(response["item"][0], ADMISSION)


def a_range(first, last):
    bundle = certified()
    item = entry(bundle, "Claim")["item"][0]
    item["productOrService"]["coding"][0]["code"] = first
    end = {"coding": [{"system": HCPCS, "code": last}]}
    item["extension"] = [*item["extension"], {"url": CODE_END, "valueCodeableConcept": end}]
    if first != "E0424":
        item["extension"] = [one for one in item["extension"] if "requestedService" not in one["url"]]
    return bundle


@BOTH
@pytest.mark.parametrize(
    ("first", "last", "action"),
    [("E0424", "E0487", "A4"), ("E0240", "E0249", "A4"), ("A0428", "A0429", "A4"), ("E0424", "E0424", "A1")],
    ids=["of what is certified", "of what is excluded", "of what needs none", "of one"],
)
def test_a_range_is_neither_certified_nor_refused_for_its_first_service(house, version, first, last, action):
    (response,) = submit(house, a_range(first, last), version)["ClaimResponse"]
    assert actions(response) == {1: action}
    if action == "A4":
        assert "range of services" in response["processNote"][0]["text"]


ACME = {"system": "urn:oid:2.16.840.1.113883.6.300", "value": "00099"}


def names_its_insurer_by(number, bundle):
    """Let Claim and Coverage name the insurer by a number alone; the Bundle holds no such organization."""
    entry(bundle, "Claim")["insurer"] = {"identifier": number}
    entry(bundle, "Coverage")["payor"] = [{"identifier": number}]
    bundle["entry"] = [one for one in bundle["entry"] if one["resource"]["id"] != "acme"]
    return bundle


@BOTH
@MANNERS
def test_an_insurer_that_is_named_by_a_number_alone_is_known_by_it(house, version, client):
    told = submit(house, names_its_insurer_by(ACME, pending()), version, client)
    assert told["ClaimResponse"][0]["insurer"] == told["CommunicationRequest"][0]["requester"] == {"identifier": ACME}
    assert told["Task"][0]["owner"] == {"identifier": ACME}
    asked = house.inquire(names_its_insurer_by(ACME, an_inquiry_bundle()), version, client=client)
    assert b'"ClaimResponse"' in asked.data
    other = ACME | {"value": "00098"}
    (refusal,) = submit(house, names_its_insurer_by(other, pending()), version, client)["ClaimResponse"]
    assert "Bundle.entry[0].resource.insurer.identifier" in str(refusal["error"])


@BOTH
def test_so_is_one_of_an_inquiry_that_finds_nothing(house, version):
    assert house.inquire(names_its_insurer_by(ACME, an_inquiry_bundle()), version).status_code == 200


@MANNERS
def test_a_coverage_that_is_none_is_named_where_it_stands(house, client):
    bundle = certified()
    claim = entry(bundle, "Claim")
    first = claim["insurance"][0]
    claim["insurance"] = [first | {"focal": False}, first | {"sequence": 2, "coverage": claim["patient"]}]
    assert "Bundle.entry[0].resource.insurance[1].coverage" in refused(house.submit(bundle, client=client))


@pytest.mark.parametrize(
    "concept", [{"text": "As usual"}, {"coding": [{"display": "As usual"}]}], ids=["words", "display"]
)
@pytest.mark.parametrize(
    ("version", "client", "name", "taken"),
    [
        ("2.0", "riverside-ehr", "type", True),
        ("2.0", "strict-ehr", "type", True),
        ("2.2", "riverside-ehr", "type", True),
        ("2.2", "strict-ehr", "type", False),  # bound to a value set, as it has to be
        ("2.0", "strict-ehr", "priority", True),
        ("2.2", "strict-ehr", "priority", True),
    ],
)
def test_type_and_priority_may_be_words_where_the_profile_lets_them(house, version, client, name, taken, concept):
    bundle = certified()
    entry(bundle, "Claim")[name] = concept
    if taken:
        (response,) = submit(house, bundle, version, client)["ClaimResponse"]
        assert actions(response) == {1: "A1"}
    else:
        assert "Bundle.entry[0].resource.type" in refused(house.submit(bundle, version, client=client))


@BOTH
def test_a_moment_in_utc_is_of_the_payer_s_day(house, version):
    """An hour before midnight on the payer's clock is the next day in UTC."""
    bundle = certified()
    item = entry(bundle, "Claim")["item"][0]
    item.pop("servicedDate", None)
    item["servicedPeriod"] = {"start": "2026-04-01T03:00:00Z", "end": "2026-05-01T03:59:59Z"}
    (response,) = submit(house, bundle, version)["ClaimResponse"]
    assert response["preAuthPeriod"] == {"start": "2026-03-31", "end": "2026-04-30"}


@pytest.mark.parametrize("edge", ["1900-01-01T00:00:00Z", "2199-12-31T23:59:59Z"])
def test_a_moment_at_the_edge_of_this_age_is_a_day_as_well(house, edge):
    bundle = certified()
    entry(bundle, "Claim")["created"] = edge
    entry(bundle, "DeviceRequest")["authoredOn"] = edge
    submit(house, bundle, "2.0")


@BOTH
def test_who_assigned_a_number_is_referred_to_by_full_url(house, version):
    bundle = pending()
    claim = entry(bundle, "Claim")
    number = {"system": "urn:oid:1.2.3", "value": "1", "assigner": {"reference": "Organization/riverside"}}
    claim["identifier"] = [number]
    claim["item"][0]["extension"].append({"url": ITEM_TRACE_NUMBER, "valueIdentifier": number})
    (response,) = submit(house, bundle, version)["ClaimResponse"]
    told = [target for target, where in references(response) if where.endswith(".assigner")]
    assert told == [f"{EHR}/Organization/riverside"] * 2
