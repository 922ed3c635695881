"""A form whose questions come a few at a time: asked for at the payer, filled from the record, checked by a person."""

import copy
import shutil
from urllib.parse import urlsplit

import pytest

from app.dtr.adaptive import address_of
from fhir_r4.generations import Generation
from fhir_r4.resource import contained
from fhir_r4.systems import ADAPTIVE, COVERAGE_INFORMATION_CODES, INITIAL_EXPRESSION, INTENDED_USE
from questionnaires.adaptive import canonical_said
from tests.app.other_payer import OtherPayer, a_draft, a_form
from tests.app.town import Browser, Context, Town
from tests.given import CATALOG
from tests.second_opinion import assert_profiled

URL = "https://payer.example.org/Questionnaire/few"


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ({"valueBoolean": True}, "https://p.example/fhir/Questionnaire/$next-question"),
        ({"valueUrl": "https://p.example/fhir"}, "https://p.example/fhir/Questionnaire/$next-question"),
        ({"valueUrl": "https://p.example/fhir/Questionnaire/"}, "https://p.example/fhir/Questionnaire/$next-question"),
        ({"valueUrl": "https://p.example/fhir/$next-question"}, "https://p.example/fhir/$next-question"),
        ({"valueBoolean": False}, None),
    ],
)
@pytest.mark.requirement("dtr-2.0.1@38", "dtr-2.0.1@39")
def test_the_next_questions_are_asked_for_where_the_form_says(said, address):
    assert address_of({"extension": [{"url": ADAPTIVE, **said}]}, "https://p.example/fhir") == address
    assert address_of({}, "https://p.example/fhir") is None


PATIENT = {"language": "text/fhirpath", "expression": "%patient.birthDate"}
FIRST = {"linkId": "first", "type": "boolean", "text": "Does it hurt?", "required": True}
BORN = {"linkId": "born", "type": "date", "text": "Born when?",
        "extension": [{"url": INITIAL_EXPRESSION, "valueExpression": PATIENT}]}  # fmt: skip


def asked(response):
    return [one["linkId"] for one in contained(response, response["questionnaire"]).get("item", [])]


def answered(response):
    return {one["linkId"]: next(iter(one["answer"])) for one in response["item"] if one.get("answer")}


class FewAtATime(OtherPayer):
    """Asks whether it hurts; of whom it hurts the birth date as well, which the record knows."""

    def __init__(self):
        super().__init__()
        where = {"url": ADAPTIVE, "valueUrl": self.base}
        self.form = a_form(url=URL, title="A few at a time", extension=[where])
        self.next = self.asks

    def on_questionnaire_package(self, body):
        coverage, order = body["parameter"][0]["resource"], body["parameter"][1]["resource"]
        draft = a_draft(self.form, coverage, order) | {"questionnaire": "#form"}
        self.packages = [(self.form, draft | {"contained": [self.with_items([])]}, [])]
        return super().on_questionnaire_package(body)

    def with_items(self, items):
        held = {"resourceType": "Questionnaire", "id": "form", "url": URL, "status": "active",
                "derivedFrom": [f"{URL}|1"], "extension": self.form["extension"]}  # fmt: skip
        return held | ({"item": items} if items else {})

    def asks(self, response):
        given = answered(response) if response.get("item") else {}
        hurts = given.get("first", {}).get("valueBoolean")
        items = [FIRST, BORN] if hurts else [FIRST]
        status = "in-progress" if "first" not in given or (hurts and "born" not in asked(response)) else "completed"
        rows = [{"linkId": one["linkId"], "text": one["text"]} for one in items]
        made = [row | ({"answer": [given[row["linkId"]]]} if row["linkId"] in given else {}) for row in rows]
        return response | {"status": status, "item": made, "contained": [self.with_items(items)]}


@pytest.fixture(scope="module")
def stranger():
    made = FewAtATime()
    yield made
    made.close()


@pytest.fixture
def payer(stranger):
    return stranger


@pytest.fixture
def town(abroad):
    return abroad


@pytest.fixture
def browser(visitor, payer):
    payer.next = payer.asks
    return visitor


def says(*answers):
    return {"resourceType": "QuestionnaireResponse", "item": [{"linkId": link, "answer": [a]} for link, a in answers]}


YES, NO = ("first", {"valueBoolean": True}), ("first", {"valueBoolean": False})


@pytest.mark.requirement("dtr-2.0.1@36", "dtr-2.0.1@244", "dtr-2.2.0@spec-16")
def test_the_first_questions_are_there_when_the_form_opens(browser, payer):
    page = browser.launch()
    assert "Does it hurt?" in page.text
    (first,) = payer.asked("$next-question")
    assert not first.get("item")
    assert browser.state()["more"] == "next"


@pytest.mark.requirement("dtr-2.0.1@185", "dtr-2.2.0@spec-70", "dtr-2.2.0@spec-162")
def test_questions_that_arrive_are_filled_from_the_record_and_keep_what_was_answered(browser):
    page = browser.launch()
    state = browser.post("next", says(YES), page).json()
    assert state["new"] == ["born"]
    assert (state["marks"]["first"]["kind"], state["marks"]["born"]["kind"]) == ("entered", "record")
    held = answered(browser.get("form.json").json()["response"])
    assert (held["first"]["valueBoolean"], held["born"]["valueDate"][:2]) == (True, "19")
    assert "Born when?" in browser.get("questions").text


@pytest.mark.requirement("dtr-2.0.1@217", "dtr-2.2.0@spec-146")
def test_nothing_is_sent_before_the_answers_so_far_are_valid(browser, payer):
    page = browser.launch()
    payer.calls.clear()
    refused = browser.post("next", says(), page)
    assert (refused.status_code, refused.json()["missing"][0]["link_id"]) == (422, "first")
    assert payer.calls == []


def test_nothing_goes_to_the_payer_but_by_the_button(browser, payer):
    page = browser.launch()
    payer.calls.clear()
    browser.post("draft", says(YES), page)
    browser.post("save", says(YES), page)
    assert payer.calls == []


def test_an_earlier_answer_can_be_changed_and_the_payer_is_asked_again(browser):
    page = browser.launch()
    state = browser.post("next", says(NO), page).json()
    assert (state["more"], state["new"]) == ("done", [])
    state = browser.post("draft", says(YES), page).json()
    assert state["more"] == "next"
    refused = browser.post("complete", says(YES) | {"attested": True}, page)
    assert refused.status_code == 422
    assert browser.post("next", says(YES), page).json()["new"] == ["born"]


def test_the_form_is_sent_once_the_payer_has_no_more_questions(browser, town):
    page = browser.launch()
    browser.post("next", says(NO), page)
    done = browser.post("complete", says(NO) | {"attested": True}, page)
    assert done.json() == {"next": f"{urlsplit(page.url).path}result"}
    (sent,) = town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "status=completed")
    assert (sent["questionnaire"], canonical_said(sent)) == ("#form", f"{URL}|1")


@pytest.mark.requirement("dtr-2.0.1@224", "dtr-2.2.0@spec-151")
def test_a_form_saved_half_way_goes_on_where_it_was(browser, payer):
    page = browser.launch()
    browser.post("next", says(YES), page)
    browser.post("save", says(YES, ("born", {"valueDate": "1950-02-03"})), page)
    payer.calls.clear()
    again = Browser(browser.town)
    page = again.launch()
    assert payer.asked("$next-question") == []
    assert "You go on with what was begun earlier." in page.text
    state = again.state()
    assert (state["marks"]["first"]["kind"], state["marks"]["born"]["kind"]) == ("entered", "changed")
    assert again.post("next", says(YES, ("born", {"valueDate": "1950-02-03"})), page).json()["more"] == "done"


@pytest.mark.parametrize(
    "said",
    [(400, {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "That cannot be."}]}), {"resourceType": "x"}],
)
def test_what_the_payer_refuses_is_said_and_nothing_is_lost(browser, payer, said):
    page = browser.launch()
    payer.next = lambda _: said
    refused = browser.post("next", says(YES), page)
    assert refused.status_code == 409
    assert answered(browser.get("form.json").json()["response"])["first"]["valueBoolean"] is True


def test_the_payer_s_token_goes_to_no_other_address(browser, payer, monkeypatch):
    elsewhere = OtherPayer()
    where = [{"url": ADAPTIVE, "valueUrl": elsewhere.base}]
    monkeypatch.setattr(payer, "form", payer.form | {"extension": where})
    page = browser.launch()
    elsewhere.close()
    assert page.status_code == 409
    assert elsewhere.calls == []


@pytest.fixture(scope="module")
def our_town(opened, tmp_path_factory):
    data = tmp_path_factory.mktemp("town") / "data"
    shutil.copytree(opened, data)
    made = Town(data, lambda said: said | {"renderer": "plain"})
    yield made
    made.close()


@pytest.mark.requirement("dtr-2.0.1@66", "dtr-2.2.0@spec-35")
def test_an_adaptive_form_of_this_payer_is_answered_from_the_record_until_it_is_decided(our_town):
    ehr = our_town.sandbox.extensions["ehr"]
    begun = {
        "resourceType": "QuestionnaireResponse", "id": "few", "status": "in-progress", "authored": "2026-03-01",
        "subject": {"reference": "Patient/amy-baxter"}, "questionnaire": "#form",
        "contained": [{"resourceType": "Questionnaire", "id": "form", "status": "active", "derivedFrom": [
            "https://forms.priorauth.example.org/Questionnaire/home-oxygen-adaptive|2026.1"]}],
        "extension": [{"url": f"http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/{name}",
                       "valueReference": {"reference": target}} for name, target in (
            ("qr-coverage", "Coverage/amy-baxter-acme"), ("qr-context", "DeviceRequest/home-oxygen"))] + [
                {"url": INTENDED_USE, "valueCodeableConcept": {"coding": [
                    {"system": COVERAGE_INFORMATION_CODES, "code": "withpa"}]}}],
    }  # fmt: skip
    ehr.records.put(copy.deepcopy(begun))
    browser = Browser(our_town)
    page = browser.launch(Context("amy-baxter", "Practitioner/lindqvist", ("QuestionnaireResponse/few",)))
    assert page.status_code == 200, page.text
    for _ in range(8):
        held = browser.get("form.json").json()
        if held["state"]["more"] == "done":
            break
        answers = fill_in(held)
        state = browser.post("next", answers, page)
        assert state.status_code == 200, state.text
    held = browser.get("form.json").json()
    assert held["state"]["more"] == "done"
    assert {mark["kind"] for mark in held["state"]["marks"].values()} >= {"record"}
    browser.post("complete", fill_in(held) | {"attested": True}, page)
    (sent,) = ehr.records.search("QuestionnaireResponse", "status=completed")
    assert_profiled(sent, Generation.V2_2, references="open")
    assert CATALOG.form_of(sent)["id"] == "home-oxygen-adaptive"


def fill_in(held):
    """Answer with yes what is missing, and leave the rest as it stands."""
    response = held["response"]
    missing = {one["link_id"] for one in held["state"]["missing"]}

    def item(one):
        below = {"item": [item(each) for each in one["item"]]} if "item" in one else {}
        return one | below | ({"answer": [{"valueBoolean": True}]} if one["linkId"] in missing else {})

    return {"item": [item(one) for one in response.get("item", [])]}
