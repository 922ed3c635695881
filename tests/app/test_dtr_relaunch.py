"""A form that was begun is opened again: as it was, in a newer version, or stopped; and forms follow one another."""

import shutil

import pytest

from app.dtr.choosing import EXPIRED, GOES_ON, NEWER_ONLY
from app.dtr.client import CHANGED
from app.sandbox.smart import Context
from questionnaires.adaptive import canonical_said
from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import ORDER, Browser, Town

WHO = "Practitioner/lindqvist"
URL = "https://payer.example.org/Questionnaire/other"
A = {"linkId": "a", "type": "string", "text": "What helps?"}
B = {"linkId": "b", "type": "string", "text": "What harms?"}


@pytest.fixture
def payer(stranger):
    return stranger


@pytest.fixture
def browser(visitor, payer):
    payer.changed = []
    payer.packages = [(a_form(A, B), None, [])]
    return visitor


def kept(browser, status="in-progress"):
    records = browser.town.sandbox.extensions["ehr"].records
    return records.search("QuestionnaireResponse", f"status={status}")


def says(*pairs):
    return {"item": [{"linkId": link, "answer": [{"valueString": text}]} for link, text in pairs]}


def begin(browser, *pairs):
    """Begin a form, save it and go away."""
    page = browser.launch()
    assert browser.post("save", says(*pairs), page).status_code == 200
    return Browser(browser.town)


def shown(browser):
    held = browser.get("form.json").json()["response"]
    return {one["linkId"]: one["answer"][0]["valueString"] for one in held["item"] if one.get("answer")}


@pytest.mark.requirement("dtr-2.0.1@327", "dtr-2.2.0@oper-20")
def test_the_payer_is_asked_whether_the_form_has_changed_since_it_was_saved(browser, payer):
    again = begin(browser, ("a", "rest"))
    payer.calls.clear()
    page = again.launch()
    since = [
        one["valueInstant"]
        for body in payer.asked("$questionnaire-package")
        for one in body["parameter"]
        if one["name"] == "changedsince"
    ]
    records = browser.town.sandbox.extensions["ehr"].records
    saved = records.told(f"QuestionnaireResponse/{kept(browser)[0]['id']}")
    assert since == [saved["meta"]["lastUpdated"]]
    assert GOES_ON in page.text
    assert CHANGED not in page.text
    payer.changed = payer.packages
    assert CHANGED in Browser(browser.town).launch().text


def test_a_newer_version_is_offered_and_takes_the_answers_that_fit(browser, payer):
    again = begin(browser, ("a", "rest"), ("b", "stairs"))
    newer = a_form(A, B | {"type": "boolean"}, version="2", effectivePeriod={"start": "2026-01-01"})
    payer.packages = [(newer, None, []), (a_form(A, B), None, [])]
    page = again.launch()
    assert "The payer has a newer version of this form." in page.text
    assert shown(again) == {"a": "rest", "b": "stairs"}
    moved = again.press("another", page, form=f"{URL}|2")
    assert NEWER_ONLY in moved.text
    assert "Could not be carried over: What harms?." in moved.text
    assert shown(again) == {"a": "rest"}
    (identity,) = [one["id"] for one in kept(browser)]
    again.post("save", says(("a", "rest")), moved)
    (saved,) = kept(browser)
    assert (saved["id"], canonical_said(saved)) == (identity, f"{URL}|2")


def test_where_the_payer_has_the_newer_version_only_that_is_opened(browser, payer):
    again = begin(browser, ("a", "rest"))
    payer.packages = [(a_form(A, version="2"), None, [])]
    assert NEWER_ONLY in again.launch().text
    assert shown(again) == {"a": "rest"}


@pytest.mark.requirement("dtr-2.0.1@170", "dtr-2.0.1@171", "dtr-2.2.0@spec-123")
def test_what_was_begun_on_an_expired_form_is_stopped_and_the_person_told(browser, payer):
    again = begin(browser, ("a", "rest"))
    expired = a_form(A, B, effectivePeriod={"end": "2020-12-31"})
    payer.packages = [(expired, None, []), (a_form(A, version="2"), None, [])]
    page = again.launch()
    assert EXPIRED in page.text
    assert shown(again) == {}
    (stopped,) = kept(browser, "stopped")
    assert canonical_said(stopped) == f"{URL}|1"
    assert kept(browser) == []


def test_what_was_begun_on_an_expired_form_is_stopped_also_where_there_is_no_other(browser, payer):
    again = begin(browser, ("a", "rest"))
    payer.packages = [(a_form(A, B, effectivePeriod={"end": "2020-12-31"}), None, [])]
    page = again.launch()
    assert page.status_code == 409
    assert "has expired" in page.text
    assert [one["status"] for one in kept(browser, "stopped")] == ["stopped"]


@pytest.mark.requirement("dtr-2.2.0@spec-125")
def test_a_completed_form_fills_no_other_one(browser, payer):
    page = browser.launch()
    browser.post("complete", says(("a", "rest")) | {"attested": True}, page)
    again = Browser(browser.town)
    again.launch()
    assert shown(again) == {}


def test_the_forms_of_an_order_follow_one_another(browser, payer):
    second = a_form(B, url="https://payer.example.org/Questionnaire/second", title="The second")
    payer.packages = [(a_form(A, title="The first"), None, []), (second, None, [])]
    page = browser.launch()
    assert "Form 1 of 2 for this order" in page.text
    browser.post("complete", says(("a", "rest")) | {"attested": True}, page)
    result = browser.get("result")
    assert "The payer also asks for: The second" in result.text
    page = browser.press("another", result, form=f"{second['url']}|1")
    assert "Form 2 of 2 for this order; 1 sent" in page.text
    browser.post("complete", says(("b", "stairs")) | {"attested": True}, page)
    assert "also asks for" not in browser.get("result").text
    assert [canonical_said(one) for one in kept(browser, "completed")] == [f"{URL}|1", f"{second['url']}|1"]


def test_who_comes_back_goes_on_with_the_first_form_that_is_not_sent_yet(browser, payer):
    second = a_form(B, url="https://payer.example.org/Questionnaire/second", title="The second")
    payer.packages = [(a_form(A, title="The first"), None, []), (second, None, [])]
    page = browser.launch()
    browser.post("complete", says(("a", "rest")) | {"attested": True}, page)
    page = Browser(browser.town).launch()
    assert "Form 2 of 2 for this order; 1 sent" in page.text


def test_no_form_is_opened_that_the_payer_did_not_ask_for(browser, payer):
    page = browser.launch()
    refused = browser.press("another", page, form="https://evil.example.org/Questionnaire/x|1")
    assert refused.status_code == 409
    assert "asks for no such form" in refused.text


def test_an_order_that_needs_no_form_is_no_fault(browser, payer):
    payer.packages = []
    page = browser.launch()
    assert page.status_code == 200
    assert "<h1>Nothing to document</h1>" in page.text
    assert "cannot go on" not in page.text
    assert 'role="alert"' not in page.text


def test_a_payer_that_has_no_form_and_wants_documents_is_told_as_a_stop(browser, payer, monkeypatch):
    issue = {"severity": "warning", "code": "informational", "diagnostics": "Documentation is needed: call us"}
    said = (200, {"resourceType": "OperationOutcome", "issue": [issue]})
    monkeypatch.setattr(payer, "on_questionnaire_package", lambda _: said)
    page = browser.launch()
    assert page.status_code == 409
    assert "Documentation is needed: call us." in page.text
    assert 'role="alert"' in page.text


@pytest.fixture
def second_payer(payer):
    made = OtherPayer()
    made.packages = [
        (a_form(B, url="https://second.example.org/Questionnaire/theirs", title="Of the second"), None, [])
    ]
    yield made
    made.close()


@pytest.mark.requirement("dtr-2.0.1@167")
def test_every_payer_of_the_order_is_asked_and_its_forms_follow(opened, tmp_path, payer, second_payer):
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    payer.packages = [(a_form(A, title="Of the first"), None, [])]

    def said(registered):
        (one,) = registered["payers"]
        other = {"name": "Second Health", "base": second_payer.base, "version": "2.2", "identifiers": ["urn:second|1"]}
        return registered | {"renderer": "plain", "payers": [one | {"base": payer.base}, other]}

    town = Town(data, said)
    records = town.sandbox.extensions["ehr"].records
    first = records.get("Coverage/amy-baxter-acme")
    payor = [{"identifier": {"system": "urn:second", "value": "1"}, "display": "Second Health"}]
    records.put({name: part for name, part in first.items() if name != "identifier"} | {"id": "other", "payor": payor})
    browser = Browser(town)
    page = browser.launch(Context("amy-baxter", WHO, ("Coverage/amy-baxter-acme", "Coverage/other", ORDER)))
    assert "Form 1 of 2 for this order" in page.text
    browser.post("complete", says(("a", "rest")) | {"attested": True}, page)
    result = browser.get("result")
    assert "Another payer also asks for: Of the second." in result.text
    page = browser.press("another", result, form="https://second.example.org/Questionnaire/theirs|1")
    assert "For Second Health." in page.text
    asked = second_payer.asked("$questionnaire-package")[-1]["parameter"][0]["resource"]
    assert asked["id"] == "other"
    town.close()
