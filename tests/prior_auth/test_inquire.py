"""An inquiry is an example: what it says has to fit, what it does not say is no matter; who may know is told."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import Identifier
from fhir_r4.systems import NPI, PAS
from prior_auth.inquire import Answer, Asker, OnFile, answers
from prior_auth.inquiry import Span, read_inquiry
from tests.given import ACME, a_certification, a_pend, an_authorization, an_inquiry_bundle, entry

OWN = (Identifier(NPI, "1234567893"),)
SUBMITTER = Asker("riverside-ehr", OWN)
OTHER = Asker("somebody-else", OWN)
AUTHORIZATION = replace(an_authorization(a_certification()), reference="PAREFERENCE01")
TRACE = {"system": "https://riverside.example.org/item-trace", "value": "L-1"}
CLAIM = {
    "item": [
        {
            "sequence": 1,
            "extension": [{"url": f"{PAS}/StructureDefinition/extension-itemTraceNumber", "valueIdentifier": TRACE}],
        }
    ],
    "diagnosis": [
        {"diagnosisCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J44.9"}]}}
    ],
}
EVER = frozenset({"PA0000000001", "PAREFERENCE01", "PAOLD"})
INQUIRY = read_inquiry(an_inquiry_bundle())


def answer(inquiry=INQUIRY, asker=SUBMITTER, authorization=AUTHORIZATION):
    return answers(OnFile(authorization, EVER, lambda: CLAIM, ACME.time_zone), inquiry, asker)


def found(inquiry=INQUIRY, asker=SUBMITTER, authorization=AUTHORIZATION):
    return answer(inquiry, asker, authorization) is Answer.TOLD


def with_item(**changes):
    bundle = an_inquiry_bundle()
    entry(bundle, "Claim")["item"][0] |= changes
    return read_inquiry(bundle)


def with_claim(**changes):
    bundle = an_inquiry_bundle()
    entry(bundle, "Claim").update(changes)
    return read_inquiry(bundle)


def test_the_member_is_read_of_the_insurance_that_is_asked():
    bundle = an_inquiry_bundle()
    claim = entry(bundle, "Claim")
    entry(bundle, "Patient")["identifier"] = []
    held = next(one for one in bundle["entry"] if one["resource"]["resourceType"] == "Coverage")
    other = held["resource"] | {"id": "other", "identifier": [], "subscriberId": "ELSEWHERE1"}
    bundle["entry"].append({"fullUrl": held["fullUrl"].replace("amy-baxter-acme", "other"), "resource": other})
    asked = claim["insurance"][0] | {"sequence": 2}
    claim["insurance"] = [{"sequence": 1, "focal": False, "coverage": {"reference": "Coverage/other"}}, asked]
    assert read_inquiry(bundle).member_ids == INQUIRY.member_ids


@pytest.mark.parametrize(("day", "found_it"), [("2026-03-01", True), ("2026-03-02", False)])
def test_the_day_of_an_issue_is_the_one_that_was_told_to_the_submitter(day, found_it):
    late = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # in the evening of the day before, where the payer is
    issued = replace(an_authorization(a_certification(decided_at=late)), reference="PAREFERENCE01")
    asked = with_item(extension=extending("itemCertificationIssueDate", valueDate=day))
    assert found(asked, authorization=issued) == found_it


def test_a_moment_in_utc_is_of_the_payer_s_day():
    bundle = an_inquiry_bundle()
    claim = entry(bundle, "Claim")
    claim["billablePeriod"] = {"start": "2026-03-01T05:00:00Z", "end": "2026-04-01T03:59:59Z"}
    effective = {"start": "2026-03-02T02:00:00Z", "end": "2026-03-02"}
    claim["item"][0]["extension"] = extending("itemCertificationEffectiveDate", valuePeriod=effective)
    inquiry = read_inquiry(bundle, zone_of=lambda _: ACME.time_zone)
    assert inquiry.days == Span(date(2026, 3, 1), date(2026, 3, 31))
    assert inquiry.examples[0].effective == Span(date(2026, 3, 1), date(2026, 3, 2))


def extending(name, **value):
    return [{"url": f"{PAS}/StructureDefinition/extension-{name}", **value}]


def certified_as(code):
    coding = {"system": "https://codesystem.x12.org/005010/1322", "code": code}
    return extending("certificationType", valueCodeableConcept={"coding": [coding]})


# Who may know


def test_the_submitter_finds_its_case():
    assert found()


@pytest.mark.requirement("pas-2.0.1@138", "pas-2.2.1@spec-52")
def test_another_system_finds_it_by_member_number_and_npi():
    assert found(replace(INQUIRY, npis=frozenset({"1234567893"})), OTHER)


@pytest.mark.requirement("pas-2.0.1@139", "pas-2.2.1@spec-53", "pas-2.0.1@198")
def test_another_system_without_both_does_not():
    assert not found(replace(INQUIRY, npis=frozenset({"9999999999"})), OTHER)
    assert answer(replace(INQUIRY, member_ids=("X",)), OTHER) is Answer.NONE


def test_an_npi_that_is_not_the_client_s_own_opens_nothing():
    """NPIs are public: who asks has to be registered for the one that it asks by."""
    assert not found(INQUIRY, Asker("somebody-else", (Identifier(NPI, "1999999984"),)))
    assert not found(INQUIRY, Asker("somebody-else", ()))
    assert not found(replace(INQUIRY, birth_date=None), OTHER)


def test_what_is_withheld_is_said_to_a_provider_that_knows_the_person_and_asks_in_its_own_name():
    stranger = Asker("somebody-else", (Identifier(NPI, "1999999984"),))
    asking = replace(INQUIRY, npis=frozenset({"1999999984"}))
    assert answer(asking, stranger) is Answer.WITHHELD
    assert answer(replace(asking, birth_date=None), stranger) is Answer.NONE
    assert answer(replace(asking, numbers=frozenset({"PAOLD"})), stranger) is Answer.NONE
    assert answer(replace(asking, npis=INQUIRY.npis), stranger) is Answer.NONE


# What it is about


def test_the_trace_of_the_inquiry_is_no_search_key():
    assert found(with_claim(identifier=[{"system": "urn:x", "value": "never-seen"}]))


@pytest.mark.parametrize("name", ["authorizationNumber", "administrationReferenceNumber"])
@pytest.mark.parametrize(("number", "is_it"), [("PA0000000001", True), ("PAREFERENCE01", True), ("PA9", False)])
def test_a_number_narrows_wherever_it_stands(name, number, is_it):
    said = extending(name, valueString=number)
    assert found(with_item(extension=said)) is is_it
    assert found(with_claim(extension=said)) is is_it


@pytest.mark.parametrize("ask", [with_item, with_claim])
@pytest.mark.parametrize(
    ("asked", "was", "is_it"), [("I", "R", True), ("R", "R", True), ("R", "I", False), ("R", None, False)]
)
def test_a_type_of_certification_narrows_and_initial_every_case_was_once(ask, asked, was, is_it):
    of_case = {"item": [{"sequence": 1, "extension": certified_as(was) if was else []}]}
    on_file = OnFile(AUTHORIZATION, EVER, lambda: of_case, ACME.time_zone)
    told = answers(on_file, ask(extension=certified_as(asked)), SUBMITTER) is Answer.TOLD
    assert told is is_it


@pytest.mark.requirement("pas-2.0.1@133", "pas-2.2.1@spec-47", "pas-2.2.1@spec-48")
def test_a_number_of_before_leads_to_the_case_as_it_is_now():
    assert found(with_item(extension=extending("authorizationNumber", valueString="PAOLD")))


@pytest.mark.parametrize(
    ("code", "last", "is_it"),
    [("E0424", None, True), ("E0431", None, False), ("E0420", "E0430", True), ("E0425", "E0430", False),
     ("E0420", "E04300", False)],
)  # fmt: skip
def test_a_service_is_one_or_a_range(code, last, is_it):
    system = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
    end = {"coding": [{"system": system, "code": last}]}
    more = {"extension": extending("productOrServiceCodeEnd", valueCodeableConcept=end)} if last else {}
    assert found(with_item(productOrService={"coding": [{"system": system, "code": code}]}, **more)) is is_it


def test_a_range_is_of_one_code_system():
    hcpcs, other = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "urn:x"

    def asked(end_of, *codes):
        first = {"coding": [{"system": system, "code": code} for system, code in codes]}
        last = {"coding": [{"system": end_of, "code": "E0430"}]}
        end = extending("productOrServiceCodeEnd", valueCodeableConcept=last)
        return with_item(productOrService=first, extension=end)

    assert found(asked(hcpcs, (other, "E0429"), (hcpcs, "E0420")))
    assert not found(asked(other, (other, "E0420")))
    assert not found(asked(hcpcs, (other, "A0000"), (hcpcs, "E0425")))


def test_what_another_item_of_the_request_says_is_not_said_of_this_one():
    trace = extending("itemTraceNumber", valueIdentifier=TRACE)
    of_case = {"item": [{"sequence": 1}, {"sequence": 2, "extension": [*certified_as("R"), *trace]}]}
    on_file = OnFile(AUTHORIZATION, EVER, lambda: of_case, ACME.time_zone)
    for asked in (certified_as("R"), trace):
        assert answers(on_file, with_item(extension=asked), SUBMITTER) is Answer.NONE


@pytest.mark.requirement("pas-2.2.1@spec-43")
def test_not_applicable_asks_for_every_service():
    absent = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-applicable"}]
    }
    asked = with_item(productOrService=absent)
    assert asked.examples[0].codes == frozenset()
    assert found(asked)


def test_no_items_ask_for_everything():
    """2.2.1 lets them be left out."""
    bundle = an_inquiry_bundle()
    del entry(bundle, "Claim")["item"]
    assert found(read_inquiry(bundle))


def test_any_of_several_items_is_enough():
    bundle = an_inquiry_bundle()
    (item,) = entry(bundle, "Claim")["item"]
    other = item | {"sequence": 2, "productOrService": {"coding": [{"system": "urn:x", "code": "other"}]}}
    entry(bundle, "Claim")["item"] = [other, item]
    assert found(read_inquiry(bundle))


DAYS = pytest.mark.parametrize(
    ("starts", "ends", "is_it"),
    [
        ("2026-05-01", "2026-05-31", True),
        ("2025-01-01", "2026-03-01", True),
        ("2025-01-01", "2026-02-28", False),
        ("2027-03-01", "2027-04-01", False),
    ],
)


@DAYS
@pytest.mark.requirement("pas-2.0.1@124")
def test_days_that_do_not_overlap_are_not_found(starts, ends, is_it):
    period = {"start": starts, "end": ends}
    assert found(with_claim(billablePeriod=period)) is is_it
    assert found(with_item(servicedPeriod=period)) is is_it


@pytest.mark.parametrize(
    ("name", "value", "is_it"),
    [
        ("IssueDate", "2026-03-01", True),
        ("IssueDate", "2026-03-02", False),
        ("EffectiveDate", "2026-03-01", True),
        ("EffectiveDate", "2026-03-02", False),
        ("ExpirationDate", "2027-02-28", True),
        ("ExpirationDate", "2027-02-27", False),
    ],
)
def test_the_days_of_the_certification_narrow(name, value, is_it):
    asked = extending(f"itemCertification{name}", valueDate=value)
    around = extending(f"itemCertification{name}", valuePeriod={"start": "2026-01-01", "end": value})
    assert found(with_item(extension=asked)) is is_it
    assert found(with_item(extension=around)) is (is_it or (value > "2026-03-01" and name != "ExpirationDate"))


def test_what_is_not_certified_has_no_days_of_certification():
    asked = with_item(extension=extending("itemCertificationIssueDate", valuePeriod={"start": "2020-01-01"}))
    assert not found(asked, authorization=an_authorization(a_pend()))


@pytest.mark.parametrize(("code", "is_it"), [("A1", True), ("A4", False)])
def test_the_review_action_narrows(code, is_it):
    said = {"coding": [{"system": "https://codesystem.x12.org/005010/306", "code": code}]}
    assert found(with_item(extension=extending("reviewActionCode", valueCodeableConcept=said))) is is_it


@pytest.mark.parametrize(("value", "is_it"), [("L-1", True), ("L-2", False)])
def test_the_item_s_own_trace_number_narrows(value, is_it):
    said = extending("itemTraceNumber", valueIdentifier=TRACE | {"value": value})
    assert found(with_item(extension=said)) is is_it


@pytest.mark.parametrize(("code", "is_it"), [("J44.9", True), ("I10", False)])
def test_a_diagnosis_narrows(code, is_it):
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}
    assert found(with_claim(diagnosis=[{"sequence": 1, "diagnosisCodeableConcept": {"coding": [coding]}}])) is is_it


@pytest.mark.parametrize(("npi", "is_it"), [("1234567893", True), ("1999999984", False)])
def test_a_care_team_narrows(npi, is_it):
    bundle = an_inquiry_bundle()
    base = bundle["entry"][0]["fullUrl"].rpartition("/Claim/")[0]
    doctor = {"resourceType": "Practitioner", "id": "doctor", "identifier": [{"system": NPI, "value": npi}]}
    bundle["entry"].append({"fullUrl": f"{base}/Practitioner/doctor", "resource": doctor})
    entry(bundle, "Claim")["careTeam"] = [{"sequence": 1, "provider": {"reference": "Practitioner/doctor"}}]
    asked = read_inquiry(bundle)
    assert asked.care_team == {npi}
    assert found(asked) is is_it


def test_a_span_without_ends_meets_every_day():
    assert Span().meets(date(2026, 1, 1), None)
    assert not Span(date(2026, 1, 1), None).holds(None)


def test_a_patient_has_to_be_there():
    bundle = an_inquiry_bundle()
    entry(bundle, "Claim")["patient"] = {"display": "somebody"}
    with pytest.raises(InvalidRequest):
        read_inquiry(bundle)
