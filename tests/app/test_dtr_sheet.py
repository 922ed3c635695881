"""A response that is only read: its form, when and by whom it was written, every question and every kind of answer."""

import pytest

from app.dtr.sheet import name_of, people_of, sheet
from app.sandbox.smart import Context
from questionnaires.asked import DEEPEST
from questionnaires.words import in_words
from tests.app.test_dtr_filling import Opened, a_form, item

WHO = "Practitioner/lindqvist"
VALUES = {
    "valueBoolean": (True, "Yes"),
    "valueDecimal": (2.5, "2.5"),
    "valueInteger": (7, "7"),
    "valueDate": ("2026-02-01", "2026-02-01"),
    "valueDateTime": ("2026-02-01T10:30:00-05:00", "1 Feb 2026, 10:30"),
    "valueTime": ("10:30:00", "10:30:00"),
    "valueString": ("as it was", "as it was"),
    "valueUri": ("https://x.example", "https://x.example"),
    "valueAttachment": ({"contentType": "application/pdf", "title": "The report"}, "The report"),
    "valueCoding": ({"system": "s", "code": "J44.9", "display": "COPD"}, "COPD"),
    "valueQuantity": ({"value": 61.5, "unit": "kg", "code": "kg"}, "61.5 kg"),
    "valueReference": ({"reference": "Observation/1", "display": "The oximetry"}, "The oximetry"),
}
DISPLAY = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/display", "valueString": "Home oxygen"}]}


def lines(held):
    return [one for line in held for one in (line, *lines(line.below))]


@pytest.mark.parametrize(("element", "told"), VALUES.items(), ids=VALUES)
@pytest.mark.requirement("dtr-2.0.1@12", "dtr-2.0.1@14", "dtr-2.0.1@5")
def test_an_answer_of_every_type_is_shown_at_every_depth(element, told):
    value, words = told
    inner = {"linkId": "3", "text": "Inside an answer", "answer": [{element: value}]}
    outer = {"linkId": "2", "text": "In a group", "answer": [{element: value, "item": [inner]}]}
    response = {"item": [{"linkId": "1", "text": "Group", "item": [outer]}]}
    assert [one.answers for one in lines(sheet(response, None, {}).lines)] == [(), (words,), (words,)]


@pytest.mark.requirement("dtr-2.0.1@11", "dtr-2.0.1@13")
def test_the_words_of_every_question_are_shown_at_every_depth():
    response = {"item": [{"linkId": "1", "text": "Group", "item": [
        {"linkId": "2", "text": "Question", "answer": [{"valueBoolean": False, "item": [
            {"linkId": "3", "text": "Below an answer"}]}]}, {"linkId": "4"}]}]}  # fmt: skip
    assert [one.text for one in lines(sheet(response, None, {}).lines)] == ["Group", "Question", "Below an answer", "4"]


@pytest.mark.parametrize(
    ("response", "title", "shown"),
    [
        ({"questionnaire": "https://x/q|1", "_questionnaire": DISPLAY}, "The form's own title", "The form's own title"),
        pytest.param({"questionnaire": "https://x/q|1", "_questionnaire": DISPLAY}, None, "Home oxygen",
                     marks=pytest.mark.requirement("dtr-2.0.1@6")),
        ({"questionnaire": "https://x/q|1"}, None, "https://x/q|1"),
        ({"questionnaire": 5, "_questionnaire": []}, None, "Form"),
    ],
)  # fmt: skip
def test_the_form_is_named_as_well_as_it_can_be(response, title, shown):
    assert sheet(response, title, {}).title == shown


def test_a_response_that_nests_without_end_is_read_as_deep_as_forms_go():
    one = {"linkId": "x", "text": "x"}
    for _ in range(500):
        one = {"linkId": "x", "text": "x", "item": [one]}
    assert len(lines(sheet({"item": [one]}, None, {}).lines)) == DEEPEST


@pytest.mark.parametrize("odd", [None, 5, [], {}, {"item": 5}, {"item": [5, {"answer": [5, {"valueCoding": 5}]}]}])
def test_what_is_no_response_is_an_empty_sheet(odd):
    sheet(odd if isinstance(odd, dict) else {"item": odd, "author": odd, "authored": odd}, None, {})


def test_people_are_called_by_their_names():
    assert people_of({"author": {"reference": WHO}, "source": {"display": "x"}}) == (WHO,)
    assert name_of({"resourceType": "Organization", "name": "Riverside"}) == "Riverside"
    assert name_of({"resourceType": "Patient"}) == "Patient"
    assert in_words({"value": 5, "comparator": "<"}) == "<5"


@pytest.mark.requirement("dtr-2.0.1@7", "dtr-2.0.1@8", "dtr-2.0.1@9")
def test_the_page_says_which_form_it_is_when_it_was_saved_and_by_whom(visitor, stranger):
    it = Opened(visitor, stranger, a_form(item("1"), title="The oxygen form"))
    it.types("save", **{"1": {"valueString": "<b>as it is</b>"}})
    page = visitor.get("response").text
    assert "<h1>The oxygen form</h1>" in page
    assert "Gregory Lindqvist" in page
    assert "&lt;b&gt;as it is" in page
    (kept,) = visitor.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    assert kept["authored"][11:16] in page


def test_the_form_and_what_is_read_of_it_name_the_patient(visitor, stranger):
    """Who has two charts open sees whose form it is."""
    it = Opened(visitor, stranger, a_form(item("1")))
    patient = visitor.town.sandbox.extensions["ehr"].records.get("Patient/amy-baxter")
    assert (patient["name"][0]["family"], patient["birthDate"]) == ("Baxter", "1950-02-01")
    for page in (it.page, visitor.get("response")):
        assert "Amy Baxter, born 1 Feb 1950" in page.text


def test_what_is_not_asked_as_the_form_stands_is_not_read_as_unanswered(visitor, stranger):
    condition = {"enableWhen": [{"question": "1", "operator": "=", "answerBoolean": True}]}
    more = {"linkId": "2", "type": "string", "text": "For those alone?"} | condition
    it = Opened(visitor, stranger, a_form({"linkId": "1", "type": "boolean", "text": "Is it?"}, more))
    it.types(**{"1": {"valueBoolean": False}, "2": {"valueString": "left from before"}})
    assert "For those alone?" not in visitor.get("response").text
    it.types(**{"1": {"valueBoolean": True}, "2": {"valueString": "left from before"}})
    assert "For those alone?" in visitor.get("response").text


@pytest.mark.requirement("dtr-2.0.1@10", "dtr-2.2.0@conf-5")
def test_the_page_says_who_gave_the_answers(visitor, stranger):
    """A patient or relative who answered is not whoever wrote it down."""
    records = visitor.town.sandbox.extensions["ehr"].records
    form = a_form(item("1"))
    begun = {
        "resourceType": "QuestionnaireResponse", "id": "told", "status": "in-progress",
        "authored": "2026-02-01T10:00:00Z",
        "questionnaire": f"{form['url']}|{form['version']}", "subject": {"reference": "Patient/amy-baxter"},
        "source": {"reference": "Patient/amy-baxter"}, "author": {"reference": WHO},
        "extension": [{"url": "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/qr-context",
                       "valueReference": {"reference": "DeviceRequest/home-oxygen"}}],
    }  # fmt: skip
    records.put(begun)
    Opened(visitor, stranger, form)
    name = records.get("Patient/amy-baxter")["name"][0]
    assert f"{name['given'][0]}" in visitor.get("response").text


@pytest.mark.requirement("dtr-2.0.1@5")
def test_a_completed_response_that_the_launch_names_is_shown_and_not_filled_again(visitor, stranger):
    """Its form need not be had any more: the response's own words are shown."""
    done = {
        "resourceType": "QuestionnaireResponse", "id": "done", "status": "completed", "author": {"reference": WHO},
        "authored": "2026-02-01T10:00:00Z", "subject": {"reference": "Patient/amy-baxter"},
        "questionnaire": "https://gone.example.org/Questionnaire/q|1", "_questionnaire": DISPLAY,
        "item": [{"linkId": "1", "text": "Why?", "answer": [{"valueString": "as it was"}]}],
        "extension": [{"url": "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/qr-context",
                       "valueReference": {"reference": "DeviceRequest/home-oxygen"}}],
    }  # fmt: skip
    visitor.town.sandbox.extensions["ehr"].records.put(done)
    page = visitor.launch(Context("amy-baxter", WHO, ("QuestionnaireResponse/done", "Coverage/amy-baxter-acme"))).text
    for words in ("Home oxygen", "Complete", "Gregory Lindqvist", "Why?", "as it was"):
        assert words in page
    assert stranger.asked("$questionnaire-package") == []


def test_nothing_is_shown_to_a_browser_that_has_no_form_open(visitor):
    assert visitor.get("response").status_code == 409
