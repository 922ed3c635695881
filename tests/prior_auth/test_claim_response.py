"""An authorization is told as each generation tells it; what the request held keeps its names."""

from datetime import UTC, datetime

import pytest

from fhir_r4.generations import Generation
from fhir_r4.resource import extension, references
from fhir_r4.systems import (
    ADMINISTRATION_REFERENCE_NUMBER,
    CLAIM_RESPONSE_REVIEWER,
    ERROR_ELEMENT,
    ITEM_PREAUTH_ISSUE_DATE,
    ITEM_PREAUTH_PERIOD,
    ITEM_TRACE_NUMBER,
    REVIEW_ACTION,
)  # fmt: skip
from prior_auth.authorization import Basis, Item, ReviewAction
from prior_auth.claim_response import Case, Writer
from prior_auth.inquiry import read_inquiry
from prior_auth.parties import BusinessError
from prior_auth.submission import read_submission
from tests.given import (
    EHR,
    NEW_YORK,
    NOW,
    a_certification,
    a_pend,
    a_submission_bundle,
    an_authorization,
    an_inquiry_bundle,
)  # fmt: skip
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))
BASE = "https://payer.example.org/fhir/2.0"
SUBMISSION = read_submission(a_submission_bundle())
REFUSED = a_pend(
    action=ReviewAction.NOT_CERTIFIED, basis=Basis.CLINICIAN, decided_by="Dr. Silva", licence="NY/1", reason="Five."
)


def writer(generation):
    return Writer(generation, BASE, NOW)


def a_case(decision=None):
    (asked,) = SUBMISSION.items
    item = Item(1, asked.codes, None, None, decision or a_certification(), asked.asked)
    return Case(an_authorization(items=(item,)), SUBMISSION, NEW_YORK)


def response(generation, decision=None):
    return writer(generation).response_bundle(a_case(decision))["entry"][0]["resource"]


def action(item):
    written = extension(item["adjudication"][0], REVIEW_ACTION)
    return {part["url"].rpartition("/")[2]: part for part in written["extension"]}


@BOTH
@pytest.mark.parametrize("decision", [a_certification(), a_pend(), REFUSED], ids=lambda one: one.action.name)
def test_what_is_answered_keeps_to_its_generation_s_profiles(generation, decision):
    assert_profiled(writer(generation).response_bundle(a_case(decision)), generation)


@BOTH
@pytest.mark.requirement("pas-2.0.1@100", "pas-2.2.1@spec-30")
def test_the_response_starts_with_the_claim_response(generation):
    assert writer(generation).response_bundle(a_case())["entry"][0]["resource"]["resourceType"] == "ClaimResponse"


@BOTH
@pytest.mark.requirement("pas-2.0.1@101", "pas-2.2.1@spec-31", "pas-2.0.1@102")
def test_each_resource_that_it_leads_to_stands_once_and_the_claim_is_the_submitter_s(generation):
    bundle = writer(generation).response_bundle(a_case())
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    for target, where in references(bundle["entry"][0]["resource"]):
        assert target in urls or where == ".request"
    assert not any(entry["resource"]["resourceType"] == "Claim" for entry in bundle["entry"])


@BOTH
@pytest.mark.requirement("pas-2.0.1@103", "pas-2.2.1@spec-33")
def test_what_was_in_the_request_comes_back_under_its_name_as_it_was(generation):
    received = {entry["fullUrl"]: entry["resource"] for entry in a_submission_bundle()["entry"]}
    for entry in writer(generation).response_bundle(a_case())["entry"][1:]:
        assert entry["resource"] == received[entry["fullUrl"]]


@BOTH
@pytest.mark.requirement("pas-2.2.1@spec-34")
def test_each_item_has_the_sequence_and_trace_number_of_the_claim(generation):
    (item,) = response(generation)["item"]
    assert item["itemSequence"] == 1
    asked = SUBMISSION.claim.resource["item"][0]
    assert extension(item, ITEM_TRACE_NUMBER) == extension(asked, ITEM_TRACE_NUMBER)


@BOTH
def test_a_certification_has_number_issue_date_and_period(generation):
    answered = response(generation)
    (item,) = answered["item"]
    said = action(item)
    assert said["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]["code"] == "A1"
    assert said["number"]["valueString"] == answered["preAuthRef"] == "PA0000000001"
    assert extension(item, ITEM_PREAUTH_PERIOD)["valuePeriod"] == {"start": "2026-03-01", "end": "2027-02-28"}
    assert extension(item, ITEM_PREAUTH_ISSUE_DATE)["valueDate"] == "2026-03-01"
    assert answered["outcome"] == "complete"


def test_the_issue_date_is_a_day_of_the_payer_s_zone():
    late = a_certification(decided_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    (item,) = response(Generation.V2_0, late)["item"]
    assert extension(item, ITEM_PREAUTH_ISSUE_DATE)["valueDate"] == "2026-03-01"


@pytest.mark.parametrize(("generation", "outcome"), [("2.0", "queued"), ("2.2", "partial")])
def test_a_pend_has_its_reference_a_due_date_and_its_generation_s_outcome(generation, outcome):
    answered = response(Generation(generation), a_pend())
    (item,) = answered["item"]
    assert action(item)["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]["code"] == "A4"
    assert extension(item, ADMINISTRATION_REFERENCE_NUMBER)["valueString"].startswith("PA")
    assert answered["outcome"] == outcome
    assert "2026-03-08" in answered["disposition"]
    assert "preAuthRef" not in answered


@BOTH
def test_a_reason_goes_as_a_note(generation):
    answered = response(generation, REFUSED)
    (item,) = answered["item"]
    assert answered["processNote"] == [{"number": item["noteNumber"][0], "type": "display", "text": "Five."}]
    assert action(item)["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]["code"] == "A3"


@pytest.mark.parametrize(("decision", "human"), [(a_certification(), False), (REFUSED, True)])
def test_2_2_says_whether_a_person_looked_at_it(decision, human):
    flag = extension(response(Generation.V2_2, decision), CLAIM_RESPONSE_REVIEWER)["extension"][0]
    assert flag == {"url": "wasHumanReviewedFlag", "valueBoolean": human}
    assert not extension(response(Generation.V2_0, decision), CLAIM_RESPONSE_REVIEWER)


ERROR = BusinessError("75", "C", "2010C-NM109", "Bundle.entry[1].resource.identifier", "No member was found.")


@BOTH
def test_a_business_error_is_a_claim_response_with_an_error(generation):
    bundle = writer(generation).error_bundle(ERROR, SUBMISSION, "e-1")
    assert_profiled(bundle, generation)
    answered = bundle["entry"][0]["resource"]
    assert answered["outcome"] == "error"
    assert answered["error"][0]["code"]["coding"][0] == {
        "system": "https://codesystem.x12.org/005010/901",
        "code": "75",
    }
    assert "item" not in answered


def test_the_element_of_an_error_is_a_string_in_2_0_and_complex_in_2_2():
    def element(generation):
        bundle = writer(generation).error_bundle(ERROR, SUBMISSION, "e-1")
        return extension(bundle["entry"][0]["resource"]["error"][0], ERROR_ELEMENT)

    assert element(Generation.V2_0)["valueString"] == "2010C-NM109"
    assert element(Generation.V2_2)["extension"] == [{"url": "error", "valueString": "2010C-NM109"}]


INQUIRY = read_inquiry(an_inquiry_bundle())


@pytest.mark.requirement("pas-2.0.1@208", "pas-2.0.1@131")
def test_2_0_answers_an_inquiry_with_one_bundle():
    bundle = writer(Generation.V2_0).inquiry_answer([a_case(), a_case(a_pend())], INQUIRY)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert (bundle["resourceType"], kinds.count("ClaimResponse"), kinds.count("Patient")) == ("Bundle", 2, 1)
    assert_profiled(bundle, Generation.V2_0)


@pytest.mark.requirement("pas-2.2.1@spec-46", "pas-2.2.1@spec-44")
def test_2_2_answers_an_inquiry_with_a_bundle_for_each():
    parameters = writer(Generation.V2_2).inquiry_answer([a_case(), a_case(a_pend())], INQUIRY)
    assert [one["name"] for one in parameters["parameter"]] == ["return", "return"]
    for one in parameters["parameter"]:
        assert one["resource"]["entry"][0]["resource"]["request"]["reference"] == SUBMISSION.claim.full_url
    assert_profiled(parameters, Generation.V2_2)


def test_nothing_found_is_valid_and_says_so():
    empty = writer(Generation.V2_0).inquiry_answer([], INQUIRY)
    assert_profiled(empty, Generation.V2_0)
    assert empty["entry"][0]["resource"]["issue"][0]["severity"] == "information"
    assert all(EHR in entry["fullUrl"] for entry in empty["entry"][1:])
    assert writer(Generation.V2_2).inquiry_answer([], INQUIRY) == {"resourceType": "Parameters"}
