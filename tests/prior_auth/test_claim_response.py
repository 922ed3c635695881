"""An authorization is told as each generation tells it; what the request held keeps its names."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fhir_r4.generations import Generation
from fhir_r4.profiles.check import Profiles, committed_texts
from fhir_r4.profiles.deviations import DEVIATIONS
from fhir_r4.resource import Coding, extension, references
from fhir_r4.systems import (
    ADMINISTRATION_REFERENCE_NUMBER,
    CLAIM_RESPONSE_REVIEWER,
    ERROR_ELEMENT,
    ITEM_PREAUTH_ISSUE_DATE,
    ITEM_PREAUTH_PERIOD,
    ITEM_TRACE_NUMBER,
    PAS,
    REVIEW_ACTION,
    X12_DECISION_REASON,
)  # fmt: skip
from prior_auth.answer import Writer
from prior_auth.authorization import Item
from prior_auth.case import Case
from prior_auth.decision import Basis, ReviewAction, Service
from prior_auth.information import InformationRequest, Kind
from prior_auth.inquiry import read_inquiry
from prior_auth.parties import BusinessError
from prior_auth.submission import read_submission
from rules.directory import Document
from tests.given import (
    ACME,
    EHR,
    NEW_YORK,
    NOW,
    a_certification,
    a_pend,
    a_submission_bundle,
    an_authorization,
    an_inquiry_bundle,
    entry,
)  # fmt: skip
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))
BASE = "https://payer.example.org/fhir/2.0"
SUBMISSION = read_submission(a_submission_bundle())
REFUSED = a_pend(
    action=ReviewAction.NOT_CERTIFIED, basis=Basis.CLINICIAN, decided_by="Dr. Silva", licence="NY/1", reason="Five."
)


AS_PUBLISHED = Profiles(
    committed_texts(), "2.2", strict=[one.name for one in DEVIATIONS if one.name.startswith("pas-contexts")]
)


def at(element, path):
    """Return what a plain path leads to, such as ``addItem[0].extension[1]``."""
    for name, place in re.findall(r"(\w+)\[(\d+)\]", path):
        element = element[name][int(place)]
    return element


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
    received = {one["fullUrl"]: one["resource"] for one in a_submission_bundle()["entry"]}
    for one in writer(generation).response_bundle(a_case())["entry"][1:]:
        assert one["resource"] == received[one["fullUrl"]]


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
    assert answered["disposition"] == "Pended; a decision is due by Sunday, 8 March 2026, 11:00 EDT"
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


def modified(**changes):
    """Return a case of which three of twelve visits were granted; the item names its performer and its diagnosis."""
    bundle = a_submission_bundle()
    claim = entry(bundle, "Claim")
    claim["careTeam"] = [
        {
            "extension": [{"url": f"{PAS}/StructureDefinition/extension-careTeamClaimScope", "valueBoolean": scope}],
            "sequence": sequence,
            "provider": {"reference": "Organization/riverside"},
            "role": {"coding": [{"system": "https://codesystem.x12.org/005010/98", "code": "SJ"}]},
        }
        for sequence, scope in ((1, False), (2, True))
    ]
    claim["item"][0] |= {
        "careTeamSequence": [1],
        "quantity": {"value": 12, "unit": "Visits"},
        "servicedDate": "2026-03-05",
        **changes,
    }
    submission = read_submission(bundle)
    (asked,) = submission.items
    decision = a_certification(
        action=ReviewAction.MODIFIED,
        basis=Basis.CLINICIAN,
        decided_by="Dr. Silva",
        licence="NY/1",
        reason="Three visits to begin with.",
        reason_codes=(Coding(X12_DECISION_REASON, "X6", "Certified for less"),),
        reviewer_npi="1234567893",
        reviewer_specialty="207Q00000X",
        granted=Service(quantity=Decimal(3)),
    )
    item = Item(1, asked.codes, asked.starts, asked.ends, decision, asked.asked)
    return Case(an_authorization(items=(item,)), submission, NEW_YORK)


def part(element, name):
    return extension(element, f"{PAS}/StructureDefinition/extension-{name}")


@BOTH
def test_a_modified_item_keeps_to_its_generation_s_profiles(generation):
    assert_profiled(writer(generation).response_bundle(modified()), generation)


def test_2_0_says_what_is_granted_in_the_authorized_detail():
    item = writer(Generation.V2_0).response_bundle(modified())["entry"][0]["resource"]["item"][0]
    detail = {one["url"]: one for one in part(item, "itemAuthorizedDetail")["extension"]}
    assert detail["quantity"]["valueQuantity"] == {"value": 3, "unit": "Visits"}
    assert detail["productOrServiceCode"]["valueCodeableConcept"]["coding"][0]["code"] == "E0424"


@pytest.mark.requirement("pas-2.2.1@spec-36", "pas-2.2.1@spec-37")
def test_2_2_says_what_was_requested_on_the_item_and_what_is_granted_in_add_item():
    told = writer(Generation.V2_2).response_bundle(modified())["entry"][0]["resource"]
    (item,), (added,) = told["item"], told["addItem"]
    detail = {one["url"]: one for one in part(item, "itemAuthorizedDetail")["extension"]}
    assert detail["quantity"]["valueQuantity"]["value"] == 12
    assert action(item)["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]["code"] == "A6"
    assert added["itemSequence"] == [1]
    assert added["quantity"] == {"value": 3, "unit": "Visits"}
    assert action(added)["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]["code"] == "A1"


@pytest.mark.requirement("pas-2.2.1@prof-2")
@pytest.mark.parametrize("asked", [{"value": 12, "unit": "Visits"}, {"value": 12}, None])
def test_a_granted_quantity_has_a_value_and_a_unit_whatever_the_request_had(asked):
    told = writer(Generation.V2_2).response_bundle(modified(quantity=asked))["entry"][0]["resource"]
    quantity = told["addItem"][0]["quantity"]
    assert quantity["value"] == 3
    assert quantity["unit"]


def test_a_decision_has_its_reason_by_code_and_by_words():
    told = writer(Generation.V2_2).response_bundle(modified())["entry"][0]["resource"]
    reason = action(told["item"][0])["reasonCode"]["valueCodeableConcept"]
    assert (reason["coding"][0]["code"], reason["text"]) == ("X6", "Certified for less")
    assert told["processNote"][0]["text"] == "Three visits to begin with."
    assert told["item"][0]["noteNumber"] == [told["processNote"][0]["number"]]


def test_2_2_says_which_clinician_looked():
    told = writer(Generation.V2_2).response_bundle(modified())["entry"][0]["resource"]
    said = {one["url"]: one for one in extension(told, CLAIM_RESPONSE_REVIEWER)["extension"]}
    assert said["reviewerNPI"]["valueIdentifier"]["value"] == "1234567893"
    assert said["reviewerSpecialty"]["valueCodeableConcept"]["coding"][0]["code"] == "207Q00000X"


@BOTH
def test_who_is_authorized_to_render_it_is_told(generation):
    item = writer(generation).response_bundle(modified())["entry"][0]["resource"]["item"][0]
    said = part(item, "itemAuthorizedProvider")["extension"][0]["valueReference"]
    assert said == {"reference": f"{EHR}/Organization/riverside"}


def test_a_case_of_several_items_has_a_header_in_2_2():
    case = modified()
    (one,) = case.authorization.items
    other = Item(2, one.codes, None, None, REFUSED, one.asked | {"sequence": 2})
    told = Case(replace(case.authorization, items=(one, other)), case.submission, NEW_YORK)
    header = writer(Generation.V2_2).response_bundle(told)["entry"][0]["resource"]["adjudication"][0]
    assert header["reason"]["coding"][0]["code"] == "A2"
    assert action({"adjudication": [header]})["number"]["valueString"] == told.authorization.number


@pytest.mark.parametrize(
    "system", ["https://www.nubc.org/revenue-code", "https://www.nubc.org/CodeSystem/RevenueCodes"]
)
def test_a_revenue_code_of_either_generation_is_told_under_the_name_of_2_2(system):
    case = modified(revenue={"coding": [{"system": system, "code": "0421"}]})
    bundle = writer(Generation.V2_2).response_bundle(case)
    assert_profiled(bundle, Generation.V2_2)
    told = part(bundle["entry"][0]["resource"]["addItem"][0], "revenueCode")
    assert told["valueCodeableConcept"]["coding"] == [
        {"system": "https://www.nubc.org/CodeSystem/RevenueCodes", "code": "0421"}
    ]


WORDS = {"text": "As we spoke of"}
FOREIGN = {"coding": [{"system": "http://snomed.info/sct", "code": "426854004"}]}


@BOTH
@pytest.mark.parametrize("concept", [WORDS, FOREIGN], ids=["words", "SNOMED CT"])
@pytest.mark.parametrize("name", ["productOrService", "modifier", "revenue"])
def test_what_the_request_says_in_no_code_of_the_answer_is_left_out(generation, name, concept):
    case = modified(**{name: [concept] if name == "modifier" else concept})
    bundle = writer(generation).response_bundle(case)
    assert_profiled(bundle, generation, references="open")
    assert "426854004" not in str(bundle["entry"][0])


@BOTH
def test_a_code_is_told_under_the_name_that_the_guide_has_of_its_system(generation):
    asked = {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.285", "code": "E0424"}]}
    bundle = writer(generation).response_bundle(modified(productOrService=asked, modifier=[asked]))
    assert_profiled(bundle, generation)
    assert "urn:oid:2.16.840.1.113883.6.285" not in str(bundle["entry"][0])


@BOTH
def test_a_quantity_without_a_value_is_none(generation):
    assert_profiled(writer(generation).response_bundle(modified(quantity={"unit": "Visits"})), generation)


def test_what_stands_more_often_than_there_is_room_for_is_told_once():
    case = modified()
    (item,) = case.authorization.items
    twice = item.asked | {"extension": [*item.asked["extension"], *item.asked["extension"]]}
    again = Case(replace(case.authorization, items=(replace(item, asked=twice),)), case.submission, NEW_YORK)
    assert_profiled(writer(Generation.V2_2).response_bundle(again), Generation.V2_2)


@pytest.mark.parametrize("decision", [a_certification(), REFUSED, a_pend()], ids=["certified", "refused", "pended"])
@pytest.mark.parametrize("items", [1, 2])
def test_an_answer_of_2_2_stands_where_the_contexts_of_its_extensions_allow(decision, items):
    """Contexts as they are published: the HL7 validator refuses whatever stands elsewhere."""
    (asked,) = SUBMISSION.items
    held = tuple(Item(n, asked.codes, None, None, decision, asked.asked | {"sequence": n}) for n in range(1, items + 1))
    case = Case(an_authorization(items=held), SUBMISSION, NEW_YORK)
    assert AS_PUBLISHED.check(writer(Generation.V2_2).response_bundle(case), references="closed") == []


def test_only_what_is_authorized_in_place_of_what_was_asked_stands_where_a_context_does_not_name_it():
    """PAS 2.2.1 slices these into ClaimResponse and addItem, and their contexts name neither."""
    answer = writer(Generation.V2_2).response_bundle(modified())
    faults = AS_PUBLISHED.check(answer, references="closed")
    said = {one.expression.removeprefix("Bundle.entry[0].resource.") for one in faults}
    response = answer["entry"][0]["resource"]
    urls = {at(response, path)["url"].rpartition("/extension-")[2] for path in said}
    assert urls == {"itemAuthorizedProvider", "serviceItemRequestType", "certificationType"}


def asking(kind, **changes):
    asked = InformationRequest(
        id="ask-1", sequence=1, tracking="PA5", kind=kind, asked_by="dr-silva", asked_at=NOW,
        due_at=NOW + timedelta(days=3), note="The note of the last visit.", **changes,
    )  # fmt: skip
    case = a_case(a_pend())
    return Case(replace(case.authorization, asks=(asked,)), case.submission, NEW_YORK)


DOCUMENTS = asking(Kind.DOCUMENTS, documents=(Document("11506-3", "Progress note", "M1", "18804-5"),))
A_FORM = asking(Kind.QUESTIONNAIRE, questionnaire="https://forms.example/home-oxygen|2026.1")


@BOTH
@pytest.mark.parametrize("case", [DOCUMENTS, A_FORM], ids=["documents", "form"])
@pytest.mark.requirement("pas-2.0.1@20", "pas-2.0.1@17")
def test_what_is_asked_for_keeps_to_its_generation_s_profiles(generation, case):
    bundle = writer(generation).response_bundle(case)
    assert_profiled(bundle, generation)
    kinds = [one["resource"]["resourceType"] for one in bundle["entry"]]
    assert kinds[:3] == ["ClaimResponse", "CommunicationRequest", "Task"]
    told = bundle["entry"][0]["resource"]["communicationRequest"]
    assert told == [{"reference": bundle["entry"][1]["fullUrl"]}]


def task_of(generation, case):
    return next(
        one["resource"] for one in writer(generation).response_bundle(case)["entry"]
        if one["resource"]["resourceType"] == "Task"
    )  # fmt: skip


def inputs(task):
    return {one["type"]["coding"][0]["code"]: one for one in task["input"]}


@BOTH
@pytest.mark.requirement("pas-2.0.1@28", "pas-2.0.1@29", "pas-2.0.1@31")
def test_a_task_says_which_document_of_which_line_goes_where(generation):
    told = inputs(task_of(generation, DOCUMENTS))
    assert told["payer-url"]["valueUrl"] == f"{BASE}/$submit-attachment"
    assert told["attachments-needed"]["valueCodeableConcept"]["coding"][0]["code"] == "11506-3"
    line = told["attachments-needed"]["extension"][0]
    assert line.get("valueInteger", line.get("valuePositiveInt")) == 1


@pytest.mark.requirement("pas-2.0.1@25", "pas-2.0.1@26", "pas-2.0.1@27")
def test_a_task_names_payer_patient_and_request():
    task = task_of(Generation.V2_0, DOCUMENTS)
    assert task["requester"] == task["owner"] == {"identifier": ACME.identifiers[0].to_fhir()}
    assert task["for"]["reference"] == f"{EHR}/Patient/amy-baxter"
    assert task["reasonReference"]["reference"] == SUBMISSION.claim.full_url
    assert task["restriction"]["period"]["end"].startswith("2026-03-04T10:00")


@pytest.mark.requirement("pas-2.0.1@15", "pas-2.0.1@18", "pas-2.0.1@32")
def test_a_form_is_asked_for_under_the_trace_number_that_is_the_dtr_context_2_0():
    bundle = writer(Generation.V2_0).response_bundle(A_FORM)
    context = inputs(task_of(Generation.V2_0, A_FORM))["questionnaires-needed"]
    traces = [one["valueIdentifier"] for one in bundle["entry"][0]["resource"]["item"][0]["extension"]
              if one["url"] == ITEM_TRACE_NUMBER]  # fmt: skip
    assert context["valueIdentifier"] in traces
    assert bundle["entry"][1]["resource"]["payload"][0]["contentString"] == "102089-0"


@pytest.mark.requirement("pas-2.2.1@ainfo-3")
def test_a_form_is_asked_for_under_the_trace_number_that_is_the_dtr_context_2_2():
    context = inputs(task_of(Generation.V2_2, A_FORM))["questionnaire-context"]
    assert context["valueString"] == "PA5"
    told = writer(Generation.V2_2).response_bundle(A_FORM)["entry"][0]["resource"]["item"][0]["extension"]
    assert "PA5" in [one["valueIdentifier"]["value"] for one in told if one["url"] == ITEM_TRACE_NUMBER]


@pytest.mark.requirement("pas-2.0.1@19")
@BOTH
def test_each_kind_of_request_has_a_task_of_its_own(generation):
    both = replace(
        DOCUMENTS.authorization,
        asks=(*DOCUMENTS.authorization.asks, replace(A_FORM.authorization.asks[0], id="ask-2", tracking="PA6")),
    )
    bundle = writer(generation).response_bundle(Case(both, DOCUMENTS.submission, NEW_YORK))
    assert_profiled(bundle, generation)
    codes = [one["resource"]["code"]["coding"][0]["code"] for one in bundle["entry"]
             if one["resource"]["resourceType"] == "Task"]  # fmt: skip
    assert codes == ["attachment-request-code", "attachment-request-questionnaire"]


def test_what_was_answered_or_has_lapsed_is_asked_for_no_more():
    for ended in ({"answered_at": NOW}, {"lapsed_at": NOW}):
        asked = replace(DOCUMENTS.authorization.asks[0], **ended)
        case = Case(replace(DOCUMENTS.authorization, asks=(asked,)), DOCUMENTS.submission, NEW_YORK)
        assert "communicationRequest" not in writer(Generation.V2_2).response_bundle(case)["entry"][0]["resource"]
