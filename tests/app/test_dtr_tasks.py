"""A payer asks for more by a Task: read, opened with its context, answered and done; every answer is shown in words."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from app.dtr.form_pages import looks_again
from app.dtr.tasks import about_claim, done, read_task
from app.sandbox.smart import Context
from fhir_r4.resource import local_reference
from fhir_r4.systems import PAS_TEMP
from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import ORDER, Browser, a_town, paid_by
from tests.second_opinion import assert_fhir

AMY, WHO = "amy-baxter", "Practitioner/lindqvist"


def concept(code):
    return {"coding": [{"system": PAS_TEMP, "code": code}]}


def a_task(*inputs, **more):
    return {
        "resourceType": "Task", "id": "asked", "status": "requested", "intent": "order",
        "for": {"reference": f"Patient/{AMY}"}, "statusReason": {"text": "The test result is missing."},
        "restriction": {"period": {"end": "2099-03-05T12:00:00Z"}},
        "input": [{"type": concept("payer-url"), "valueUrl": "https://payer.example.org/fhir/$submit-attachment"},
                  *inputs],
    } | more  # fmt: skip


FORM_2_2 = {"type": concept("questionnaire-context"), "valueString": "TRN-1"}
FORM_2_0 = {"type": concept("questionnaires-needed"), "valueIdentifier": {"system": "urn:x", "value": "TRN-1"}}
BY_NAME = {"type": concept("questionnaire"), "valueCanonical": "https://payer.example.org/Questionnaire/other|1"}
LETTER = {"type": concept("attachments-needed"), "valueCodeableConcept": {"coding": [{"code": "57833-6"}]}}


@pytest.mark.parametrize(
    ("item", "context", "canonicals"),
    [
        (FORM_2_2, "TRN-1", ()),
        (FORM_2_0, "TRN-1", ()),
        (BY_NAME, "", ("https://payer.example.org/Questionnaire/other|1",)),
    ],
    ids=["2.2", "2.0", "by name"],
)
def test_a_task_names_the_form_by_a_trace_number_or_by_its_canonical(item, context, canonicals):
    asked = read_task(a_task(item))
    assert (asked.context, asked.canonicals, asked.wants_form) == (context, canonicals, True)
    assert (asked.words, asked.due) == (("The test result is missing.",), "2099-03-05")


def test_documents_are_told_in_words_and_are_no_form():
    asked = read_task(a_task(LETTER))
    assert asked.words == ("The test result is missing.", "document 57833-6 (LOINC)")
    assert not asked.wants_form


@pytest.mark.parametrize("task", [{}, {"input": 3, "restriction": [], "statusReason": "x"}, {"input": [{"type": []}]}])
def test_a_task_of_the_wrong_shape_asks_for_nothing(task):
    assert not read_task(task).wants_form


def test_a_task_is_done_once():
    twice = done(done(a_task(), "QuestionnaireResponse/1"), "QuestionnaireResponse/1")
    assert twice["status"] == "completed"
    assert [one["valueReference"]["reference"] for one in twice["output"]] == ["QuestionnaireResponse/1"]
    assert_fhir(twice)


def test_a_claim_stands_for_its_orders_and_its_coverage():
    service = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-requestedService"
    claim = {"item": [{"extension": [{"url": service, "valueReference": {"reference": ORDER}}]}],
             "insurance": [{"coverage": {"reference": "Coverage/1"}}]}  # fmt: skip
    assert about_claim(claim) == (ORDER, "Coverage/1")


@pytest.fixture(scope="module")
def payer():
    made = OtherPayer()
    made.packages = [(a_form({"linkId": "a", "type": "string", "text": "What?"}), None, [])]
    yield made
    made.close()


@pytest.fixture
def browser(opened, tmp_path, payer):
    payer.calls.clear()
    with a_town(opened, tmp_path, paid_by(payer)) as town:
        yield Browser(town)


def launch_from(browser, task):
    browser.town.sandbox.extensions["ehr"].records.put(task)
    return browser.launch(Context(AMY, WHO, (local_reference(task), "Coverage/amy-baxter-acme")))


def parameters(payer):
    (body,) = payer.asked("$questionnaire-package")
    return {one["name"]: one for one in body["parameter"]}


ANSWERS = {"item": [{"linkId": "a", "answer": [{"valueString": "x"}]}], "attested": True}


@pytest.mark.requirement("dtr-2.2.0@spec-109", "dtr-2.2.0@spec-113", "dtr-2.0.1@258")
def test_launched_from_a_task_the_form_is_asked_for_by_its_trace_number(browser, payer):
    page = launch_from(browser, a_task(FORM_2_2))
    assert page.status_code == 200
    asked = parameters(payer)
    assert asked["context"]["valueString"] == "TRN-1"
    assert "order" not in asked


def test_launched_from_a_task_about_an_order_the_order_goes_along(browser, payer):
    launch_from(browser, a_task(FORM_2_2, basedOn=[{"reference": ORDER}]))
    assert parameters(payer)["order"]["resource"]["id"] == "home-oxygen"


def test_a_task_of_another_patient_opens_nothing(browser, payer):
    page = launch_from(browser, a_task(FORM_2_2, **{"for": {"reference": "Patient/bernard-okoye"}}))
    assert page.status_code == 409
    assert payer.calls == []


@pytest.mark.requirement("dtr-2.0.1@260")
def test_the_task_is_done_when_its_form_is_sent(browser):
    page = launch_from(browser, a_task(FORM_2_2))
    assert browser.post("complete", ANSWERS, page).status_code == 200
    records = browser.town.sandbox.extensions["ehr"].records
    (sent,) = records.search("QuestionnaireResponse", "status=completed")
    task = records.get("Task/asked")
    assert (task["status"], task["output"][0]["valueReference"]["reference"]) == ("completed", local_reference(sent))


def test_an_ehr_that_keeps_its_tasks_to_itself_still_takes_the_form(browser):
    page = launch_from(browser, a_task(FORM_2_2))
    browser.town.closed = frozenset({"/fhir/Task/asked"})
    assert browser.post("complete", ANSWERS, page).status_code == 200


REVIEW = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-reviewAction"


def an_answer(action=None, **more):
    code = {"url": f"{REVIEW}Code", "valueCodeableConcept": {"coding": [{"code": action}]}}
    item = {"itemSequence": 1, "adjudication": [{"extension": [{"url": REVIEW, "extension": [code]}]}]}
    return {
        "resourceType": "ClaimResponse", "id": "answer", "patient": {"reference": f"Patient/{AMY}"},
        "created": "2099-01-01T00:00:00Z", "outcome": "complete", "item": [item] if action else [],
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (an_answer("A1", preAuthPeriod={"start": "2026-03-01", "end": "2027-02-28"}), "Certified in total"),
        (an_answer("A2"), "Certified, partial"),
        (an_answer("A3", processNote=[{"text": "A bath chair is excluded."}]), "A bath chair is excluded."),
        (an_answer("A4"), "nothing more is needed from you unless the payer asks"),
        (an_answer("A6"), "Modified"),
        (
            an_answer(outcome="error", error=[{"code": {"text": "The member is not known."}}]),
            "The member is not known.",
        ),
        (
            an_answer(outcome="error", error=[{"code": {"coding": [{"display": "Invalid member"}]}}]),
            "Nothing was decided",
        ),
    ],
    ids=["A1", "A2", "A3", "A4", "A6", "error", "coded error"],
)
def test_every_answer_of_the_payer_is_shown_in_words(browser, answer, words):
    page = browser.launch()
    browser.post("complete", ANSWERS, page)
    assert "The form is in the EHR" in browser.get("result").text
    browser.town.sandbox.extensions["ehr"].records.put(answer)
    assert words in browser.get("result").text


@pytest.mark.parametrize(
    ("waited", "again"), [(5, {"Refresh": "2"}), (120, {"Refresh": "20"}), (3601, {})], ids=["soon", "seldom", "never"]
)
def test_the_page_that_waits_looks_for_the_answer_soon_then_seldom_and_not_in_a_window_left_open(waited, again):
    sent = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert looks_again(SimpleNamespace(completed_at=sent.isoformat()), sent + timedelta(seconds=waited)) == again


def test_what_is_asked_is_said_once_and_a_task_that_asks_nothing_is_not_shown(browser):
    page = browser.launch()
    browser.post("complete", ANSWERS, page)
    records = browser.town.sandbox.extensions["ehr"].records
    records.put(an_answer("A4", processNote=[{"text": "Send the letter."}]))
    records.put(a_task(authoredOn="2099-01-01T00:00:00Z", statusReason={}))
    page = browser.get("result").text
    assert "Send the letter." in page
    assert "The payer asks for more" not in page
    records.put(a_task(LETTER, authoredOn="2099-01-01T00:00:00Z", statusReason={"text": "Send the letter."}))
    assert browser.get("result").text.count("Send the letter.") == 1


def test_what_the_payer_still_asks_for_is_shown_and_its_form_opened(browser, payer):
    page = browser.launch()
    browser.post("complete", ANSWERS, page)
    records = browser.town.sandbox.extensions["ehr"].records
    records.put(an_answer("A4"))
    records.put(a_task(FORM_2_2, LETTER, authoredOn="2099-01-01T00:00:00Z"))
    result = browser.get("result")
    assert "The payer asks for more" in result.text
    assert "document 57833-6 (LOINC)" in result.text
    assert "Needed by 2099-03-05." in result.text
    payer.calls.clear()
    opened = browser.press("asked", result, task="Task/asked")
    assert "Another&#39;s form" in opened.text
    assert parameters(payer)["context"]["valueString"] == "TRN-1"
    assert browser.press("asked", result, task="Task/other").status_code == 409
