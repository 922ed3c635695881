"""The synthetic patients are records that a US EHR would hold: profiled, coded, and all of a piece."""

import csv
import re
from collections import Counter

import pytest

from fhir_r4.profiles.check import check
from fhir_r4.resource import codings, dicts, kind, local_reference, reference
from tests.given import ROOT, TODAY, a_record
from tests.second_opinion import assert_fhir

RECORD = list(a_record())
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
PROFILES = {
    "Patient": "patient",
    "Coverage": "coverage",
    "Condition": "condition-problems-health-concerns",
    "Procedure": "procedure",
    "Encounter": "encounter",
    "MedicationRequest": "medicationrequest",
    "DocumentReference": "documentreference",
    "DiagnosticReport": "diagnosticreport-note",
    "AllergyIntolerance": "allergyintolerance",
    "ServiceRequest": "servicerequest",
    "Practitioner": "practitioner",
    "Organization": "organization",
}
OBSERVATIONS = {"vital-signs": "vital-signs", "laboratory": "observation-lab"}
POLICIES = {  # code of the order -> the patients for whom it is drafted
    "E0424": {"amy-baxter", "bernard-okoye"},
    "72148": {"amy-baxter", "bernard-okoye"},
    "E0601": {"carmen-delgado", "walter-hughes"},
    "K0823": {"dorothy-jenkins", "samuel-ortiz"},
    "G0299": {"helen-park", "frank-moretti"},
    "97110": {"grace-thompson", "louis-bennett"},
    "99305": {"irene-kowalski", "raymond-fields"},
    "75574": {"priya-raman", "thomas-becker"},
    "J1745": {"natalie-brooks", "victor-almeida"},
    "43775": {"monica-reyes", "derek-olsen"},
    "15823": {"evelyn-carter", "walter-hughes"},
    "81162": {"rachel-stein", "natalie-brooks"},
}
SHAPES = {
    "http://loinc.org": r"(LP)?\d{1,6}-\d",
    "http://snomed.info/sct": r"\d{6,18}",
    "http://hl7.org/fhir/sid/icd-10-cm": r"[A-TV-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
    "http://www.nlm.nih.gov/research/umls/rxnorm": r"\d{3,8}",
    "http://www.ama-assn.org/go/cpt": r"\d{4}[0-9FTU]",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": r"[A-V]\d{4}",
}


def profile_of(resource):
    name = PROFILES.get(kind(resource))
    if kind(resource) == "Observation":
        category = codings(dicts(resource["category"])[0])[0].code
        name = OBSERVATIONS.get(category, "observation-clinical-result")
    return name and US_CORE + name


def owner(resource):
    """Return whose resource it is; None for what all share, and for a Patient."""
    if kind(resource) == "Provenance":
        resource = next(one for one in RECORD if local_reference(one) == reference(resource["target"][0]))
    return next((reference(resource[name]) for name in ("subject", "patient", "beneficiary") if name in resource), None)


def everything_in(value):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from everything_in(part)


def luhn(digits):
    """Return the check sum of an NPI with its prefix 80840; 0 where it is right."""
    doubled = (int(one) * (1 + at % 2) for at, one in enumerate(reversed(f"80840{digits}")))
    return sum(one - 9 if one > 9 else one for one in doubled) % 10


def drafts():
    return [one for one in RECORD if one.get("status") == "draft"]


@pytest.mark.parametrize("patient", sorted({str(owner(one)) for one in RECORD}))
def test_a_record_keeps_to_us_core_and_r4(patient):
    for resource in (one for one in RECORD if str(owner(one)) == patient):
        assert_fhir(resource)
        for profile in (None, profile_of(resource)):
            found = check(resource, profile, generation="2.2", references="open")
            wrong = [one for one in found if one.severity in {"error", "fatal"}]
            assert wrong == [], local_reference(resource)


def test_every_code_has_the_shape_of_its_system_and_its_check_digit():
    for part in everything_in(RECORD):
        system, code = part.get("system"), part.get("code")
        if system in SHAPES and isinstance(code, str):
            assert re.fullmatch(SHAPES[system], code), (system, code)
        if system == "http://hl7.org/fhir/sid/us-npi":
            assert luhn(part["value"]) == 0, part["value"]
        if system in {"http://loinc.org", "http://snomed.info/sct"} and code and not code.startswith("LP"):
            assert (loinc_is_right if "loinc" in system else verhoeff_is_right)(code), (system, code)


def loinc_is_right(code):
    """Tell whether the digit after the dash is the Mod 10 of those before it (LOINC Users' Guide)."""
    digits, _, check_digit = code.partition("-")
    doubled = (int(one) * (2 - at % 2) for at, one in enumerate(reversed(digits)))
    return -sum(one - 9 if one > 9 else one for one in doubled) % 10 == int(check_digit)


def verhoeff_is_right(code):
    """Tell whether a SNOMED CT identifier's last digit is its Verhoeff check digit."""
    step, total = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4], 0
    for at, digit in enumerate(reversed(code)):
        moved = int(digit)
        for _ in range(at % 8):
            moved = step[moved]
        total = _in_d5(total, moved)
    return total == 0


def _in_d5(left, right):
    """Multiply in the dihedral group of order ten."""
    if left < 5:
        return (left + right) % 5 if right < 5 else 5 + (left + right) % 5
    return 5 + (left - right) % 5 if right < 5 else (left - right) % 5


def test_there_are_twenty_patients_and_two_for_each_policy():
    assert sum(kind(one) == "Patient" for one in RECORD) == 20
    for code, patients in POLICIES.items():
        assert {reference(one["subject"]).partition("/")[2] for one in drafts() if coded(one, code)} == patients


def coded(order, code):
    concept = order.get("code") or order.get("codeCodeableConcept") or order.get("medicationCodeableConcept")
    return code in {one.code for one in codings(concept)}


def test_what_a_record_refers_to_is_there_and_of_the_same_patient():
    held = {local_reference(one): one for one in RECORD}
    for resource in RECORD:
        mine = local_reference(resource) if kind(resource) == "Patient" else owner(resource)
        for part in everything_in(resource):
            if target := part.get("reference"):
                assert target in held, (local_reference(resource), target)
                assert owner(held[target]) in {None, mine}, (local_reference(resource), target)


def test_no_id_is_given_twice():
    files = (ROOT / "fixtures" / "ehr").rglob("*.json")
    written = Counter(
        re.findall(r'"resourceType": "(\w+)",\s+"id": "([^"]+)"', "\n".join(f.read_text() for f in files))
    )
    assert written.most_common(1)[0][1] == 1
    assert len(written) == len(RECORD)


def test_every_patient_is_a_member_and_every_provider_is_known():
    with (ROOT / "fixtures/payer/members.csv").open(newline="") as opened:
        members = {row["member_id"]: row for row in csv.DictReader(opened)}
    with (ROOT / "fixtures/payer/providers.csv").open(newline="") as opened:
        providers = {row["npi"] for row in csv.DictReader(opened)}
    born = {local_reference(one): one["birthDate"] for one in RECORD if kind(one) == "Patient"}
    for one in RECORD:
        if kind(one) == "Coverage":
            member = members[one["subscriberId"]]
            assert member["birth_date"] == born[reference(one["beneficiary"])]
            assert member["plan"] == one["class"][0]["value"]
        if kind(one) in {"Practitioner", "Organization"} and one["id"] != "acme":
            assert one["identifier"][0]["value"] in providers


def test_nothing_has_happened_after_the_day_of_the_record():
    after = [
        local_reference(one)
        for one in RECORD
        for name in ("effectiveDateTime", "performedDateTime", "recordedDate", "date", "authoredOn", "issued")
        if str(one.get(name, ""))[:10] > TODAY.isoformat()
    ]
    assert after == []


def test_the_table_of_patients_names_every_draft():
    table = (ROOT / "fixtures/ehr/README.md").read_text()
    assert [local_reference(one) for one in drafts() if f"| {local_reference(one)} |" not in table] == []
