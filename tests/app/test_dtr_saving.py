"""What a clinician does with a form: checks it, corrects it, keeps it, completes it; and what of it is in the EHR."""

import re

import pytest

from app.clients.outbound import Reply
from app.dtr.record import Record
from app.dtr.sheet import sheet
from app.dtr.told import nobody
from app.sandbox.smart import Context
from fhir_r4.generations import Generation
from fhir_r4.resource import extension, extensions, reference, value_of
from fhir_r4.systems import INFORMATION_ORIGIN, QR_CONTEXT, QR_COVERAGE, UCUM
from tests.app.other_payer import a_form
from tests.app.test_dtr_filling import COVERAGE, USER, Opened, a_clinical_form, cql, fhirpath, item, main
from tests.app.town import ORDER
from tests.cql.given import literal
from tests.questionnaires.test_every_element import FORM as EVERY
from tests.second_opinion import assert_profiled


def kept(visitor):
    """Return the only response in the EHR."""
    (one,) = visitor.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    return one


def writes(visitor):
    return [call[:2] for call in visitor.town.calls if call[0] in {"POST", "PUT"}]


def completes(it, **answers):
    items = [{"linkId": link, "answer": [value]} for link, value in answers.items()]
    body = {"resourceType": "QuestionnaireResponse", "item": items, "attested": True}
    return it.visitor.post("complete", body, it.page)


@pytest.mark.requirement("dtr-2.0.1@225", "dtr-2.2.0@spec-152")
def test_a_form_that_is_completed_at_once_is_created_in_the_ehr(visitor, stranger):
    it = Opened(visitor, stranger, a_form(item("1")))
    assert completes(it, **{"1": {"valueString": "so"}}).status_code == 200
    assert writes(visitor) == [("POST", "QuestionnaireResponse")]
    assert kept(visitor)["status"] == "completed"


@pytest.mark.requirement("dtr-2.0.1@226", "dtr-2.2.0@spec-152")
def test_a_form_that_was_saved_before_is_updated_when_it_is_completed(visitor, stranger):
    it = Opened(visitor, stranger, a_form(item("1")))
    it.types("save", **{"1": {"valueString": "so far"}})
    assert completes(it, **{"1": {"valueString": "so"}}).status_code == 200
    one = kept(visitor)
    assert writes(visitor) == [("POST", "QuestionnaireResponse"), ("PUT", f"QuestionnaireResponse/{one['id']}")]
    assert (one["status"], one["item"][0]["answer"][0]["valueString"]) == ("completed", "so")


@pytest.mark.parametrize("action", ["draft", "save", "complete"])
def test_a_form_that_was_sent_from_another_window_stays_as_it_was_sent(visitor, stranger, action):
    """Saving it once more from a window that still shows it made it a form in progress again."""
    it = Opened(visitor, stranger, a_form(item("1")))
    completes(it, **{"1": {"valueString": "so"}})
    sent = kept(visitor)
    late = {"item": [{"linkId": "1", "answer": [{"valueString": "otherwise"}]}], "attested": True}
    assert visitor.post(action, late, it.page).json()["next"].endswith("/result")
    assert kept(visitor) == sent
    assert visitor.get("form.json").json()["response"]["status"] == "completed"


@pytest.mark.parametrize("action", ["draft", "save", "complete"])
def test_an_earlier_window_takes_away_nothing_that_was_entered_in_a_later_one(visitor, stranger, action):
    it = Opened(visitor, stranger, a_form(item("1")))
    turn = re.search(r'data-turn="(\d+)"', it.page.text)[1]
    later = visitor.get("")
    visitor.post("draft", {"item": [{"linkId": "1", "answer": [{"valueString": "later"}]}]}, later)
    told = visitor.post(action, {"item": [], "turn": int(turn), "attested": True}, it.page)
    assert told.status_code == 409
    assert "another window" in told.json()["error"]
    assert it.look().value("1") == "later"


def test_the_page_is_told_whether_the_ehr_has_what_was_entered_and_closing_asks_where_it_has_not(visitor, stranger):
    it = Opened(visitor, stranger, a_form(item("1")))
    assert it.state["unsaved"] is False
    it.types(**{"1": {"valueString": "so far"}})
    assert it.state["unsaved"] is True
    asked = visitor.press("close", it.page)
    assert "not in the EHR" in asked.text
    assert it.look().value("1") == "so far"
    it.types("save", **{"1": {"valueString": "so far"}})
    assert it.state["unsaved"] is False
    it.types(**{"1": {"valueString": "other"}})
    assert "Open this from a patient" in visitor.press("close", asked, how="drop").text
    assert kept(visitor)["item"][0]["answer"][0]["valueString"] == "so far"


def test_a_form_that_the_ehr_does_not_take_is_not_closed(visitor, stranger):
    it = Opened(visitor, stranger, a_form(item("1")))
    it.types(**{"1": {"valueString": "so far"}})
    visitor.town.closed = frozenset({"/fhir/QuestionnaireResponse"})
    told = visitor.press("close", it.page, how="save")
    assert (told.status_code, "refuses the form" in told.text) == (409, True)
    assert it.look().value("1") == "so far"


@pytest.mark.requirement("dtr-2.0.1@209")
def test_whoever_fills_in_or_changes_an_answer_is_its_author(visitor, stranger):
    it = Opened(visitor, stranger, a_clinical_form(item("1", initial=cql("Words")), item("2")), [
        main(Words=literal("the record's"))])  # fmt: skip
    it.types(**{"1": {"valueString": "changed"}, "2": {"valueString": "new"}})
    for link, source in (("1", "override"), ("2", "manual")):
        origin = extension(it.answer(link), INFORMATION_ORIGIN)
        who = value_of(extension(extension(origin, "author"), "practitioner"))
        assert (it.source(link), who["reference"]) == (source, USER)


@pytest.mark.requirement("dtr-2.0.1@203", "dtr-2.0.1@205")
def test_every_question_group_and_word_that_is_asked_is_on_the_page(visitor, stranger):
    """Filled in or not; and nothing of what is not asked."""
    off = {"enableWhen": [{"question": "2", "operator": "=", "answerBoolean": True}]}
    group = {
        "linkId": "g",
        "type": "group",
        "text": "The group",
        "item": [item("3"), item("4", text="Not asked") | off],
    }
    words = {"linkId": "w", "type": "display", "text": "Words of the form"}
    filled = item("1", text="Filled from the record", initial=fhirpath("'x'"))
    it = Opened(visitor, stranger, a_form(words, filled, item("2", "boolean"), group))
    for shown in ("Words of the form", "Filled from the record", "Question 2", "The group", "Question 3"):
        assert shown in it.page.text
    assert it.state["hidden"] == ["g#1/4"]


@pytest.mark.requirement("dtr-2.0.1@204", "dtr-2.2.0@spec-132")
def test_what_was_filled_in_can_be_checked_and_corrected_and_need_not_be(visitor, stranger):
    """All of it was found in the record: it may be sent as it is, and each answer may be changed before."""
    form = a_form(item("1", initial=fhirpath("'the record'")))
    it = Opened(visitor, stranger, form)
    assert (it.value("1"), it.state["missing"]) == ("the record", [])
    assert it.types(**{"1": {"valueString": "corrected"}}).status_code == 200
    assert it.value("1") == "corrected"
    untouched = Opened(visitor, stranger, form)
    assert completes(untouched, **{"1": {"valueString": "the record"}}).status_code == 200
    assert value_of(extension(extension(kept(visitor)["item"][0]["answer"][0], INFORMATION_ORIGIN), "source")) == (
        "auto-client"
    )


@pytest.mark.requirement("dtr-2.0.1@214", "dtr-2.2.0@spec-144")
def test_a_valid_form_may_be_completed_or_kept_as_a_draft(visitor, stranger):
    """The page is told that nothing is missing or wrong; nothing is completed before a person says so."""
    it = Opened(visitor, stranger, a_form(item("1") | {"required": True, "maxLength": 5}))
    assert [one["link_id"] for one in it.state["missing"]] == ["1"]
    it.types(**{"1": {"valueString": "too long"}})
    assert "1" in it.state["faults"]
    assert completes(it, **{"1": {"valueString": "too long"}}).status_code == 422
    it.types("save", **{"1": {"valueString": "fits"}})
    assert (it.state["missing"], it.state["faults"]) == ([], {})
    assert kept(visitor)["status"] == "in-progress"
    assert completes(it, **{"1": {"valueString": "fits"}}).status_code == 200
    assert kept(visitor)["status"] == "completed"


@pytest.mark.requirement("dtr-2.0.1@357")
def test_what_is_saved_keeps_to_the_guide_s_profile(visitor, stranger):
    """With every kind of origin in it."""
    form = a_clinical_form(item("1", initial=cql("Words")), item("2", initial=cql("Words")), item("3"))
    it = Opened(visitor, stranger, form, [main(Words=literal("words"))])
    it.types("save", **{"2": {"valueString": "changed"}, "3": {"valueString": "new"}})
    assert_profiled(kept(visitor), Generation.V2_2, references="open")
    assert sheet(kept(visitor), None, {}).title == form["title"]  # also for who cannot have the form


def test_a_form_that_came_without_a_response_is_saved_as_one_of_the_guide_s(visitor, stranger):
    """For the order and the coverage of the launch."""
    it = Opened(visitor, stranger, a_form(item("1")), draft={})
    assert completes(it, **{"1": {"valueString": "so"}}).status_code == 200
    one = kept(visitor)
    told = [reference(value_of(each)) for each in extensions(one, QR_COVERAGE) + extensions(one, QR_CONTEXT)]
    assert (told, one["questionnaire"]) == ([COVERAGE, ORDER], f"{it.form['url']}|1")
    assert_profiled(one, Generation.V2_2, references="open")


@pytest.mark.parametrize(
    ("body", "headers", "identity"),
    [
        (b"", {"Location": "https://ehr.example.org/fhir/QuestionnaireResponse/7/_history/1"}, "7"),
        (b'{"resourceType": "OperationOutcome"}', {"Location": "QuestionnaireResponse/7"}, "7"),
        (b'{"resourceType": "QuestionnaireResponse"}', {}, None),
        (b'{"resourceType": "QuestionnaireResponse", "id": "8"}', {"Location": "x/QuestionnaireResponse/7"}, "8"),
    ],
    ids=["nothing but where it is", "an outcome", "an echo", "the resource"],
)
def test_an_ehr_may_keep_a_form_and_say_little_of_it(body, headers, identity):
    class Answers:
        def send(self, *_method_and_url, **asked):
            assert asked["headers"]["Prefer"] == "return=representation"
            return Reply(201, headers, body)

    sent = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    kept_ = Record(Answers(), "https://ehr.example.org/fhir", "token", nobody).save(sent, "save")
    assert kept_.get("id") == identity


def test_an_ehr_that_updates_nothing_is_given_a_new_response_each_time():
    class CreatesOnly:
        def __init__(self):
            self.asked = []

        def send(self, method, url, **_):
            self.asked.append((method, url))
            if method == "PUT":
                return Reply(405, {"Allow": "GET, POST"}, b"")
            return Reply(201, {"Location": f"{url}/{len(self.asked)}"}, b"")

    door = CreatesOnly()
    record = Record(door, "https://ehr.example.org/fhir", "token", nobody)
    first = record.save({"resourceType": "QuestionnaireResponse"}, "save")
    second = record.save(first, "save")
    assert [method for method, _ in door.asked] == ["POST", "PUT", "POST"]
    assert (first["id"], second["id"]) == ("1", "3")


def test_a_form_that_the_ehr_gave_no_id_can_be_saved_and_completed_all_the_same(visitor, stranger, monkeypatch):
    it = Opened(visitor, stranger, a_form(item("1")))
    monkeypatch.setattr(Record, "save", lambda _record, resource, _what, **_: resource)
    assert it.types("save", **{"1": {"valueString": "so far"}}).status_code == 200
    assert completes(it, **{"1": {"valueString": "so"}}).status_code == 200


# A form with everything ------------------------------------------------------------------------------------------


@pytest.fixture
def everything(visitor, stranger):
    """The form that has every must-support element, on the screen."""
    stranger.codes = [("kg", "kg"), ("[lb_av]", "lb")]
    bare = {name: value for name, value in EVERY.items() if name != "text"}
    return Opened(visitor, stranger, bare)


@pytest.mark.requirement("dtr-2.0.1@15", "dtr-2.0.1@65", "dtr-2.0.1@351")
def test_a_form_with_every_must_support_element_is_drawn_and_answered(everything, visitor):
    """What is asked has a control; what is hidden has none to see; each answer that the form takes is kept."""
    shown = {one["linkId"]: one for one in EVERY["item"]}
    words = re.sub(r"</?(b|i|em|strong)>", "", everything.page.text)
    for one in shown.values():
        hidden = any(held["url"].endswith("questionnaire-hidden") for held in one.get("extension", []))
        assert hidden or one["text"] in words
    by_text = {one["text"]: link for link, one in shown.items()}
    answers = {
        "Oxygen saturation": {"valueQuantity": {"value": 87, "unit": "%", "code": "%", "system": UCUM}},
        "Weight": {"valueQuantity": {"value": 61, "unit": "kg", "code": "kg", "system": UCUM}},
        "Where the test was made": {"valueCoding": {"system": "http://loinc.org", "code": "LA46-8"}},
        "The report of the test": {"valueAttachment": {"contentType": "application/pdf", "data": "JVBERi0="}},
        "The result in the record": {"valueReference": {"reference": "Observation/amy-baxter-spo2"}},
        "An earlier form": {"valueReference": {"reference": "QuestionnaireResponse/x"}},
        "Who will deliver": {"valueReference": {"reference": "Organization/clear-air"}},
        "I have examined the patient in person.": {"valueBoolean": True},
    }
    saved = everything.types("save", **{by_text[text]: value for text, value in answers.items()})
    assert saved.status_code == 200, saved.text
    given = {one["linkId"] for one in kept(visitor)["item"] if "answer" in one}
    assert given >= {by_text[text] for text in answers}


@pytest.mark.requirement("dtr-2.0.1@16", "dtr-2.2.0@conf-6")
@pytest.mark.parametrize(
    "cue",
    [
        "required",
        "signature",
        "https://www.cms.gov/medicare-coverage-database",
        'accept="application/pdf"',
        "data-fixed",
    ],
)
def test_what_an_element_asks_of_the_person_can_be_seen(everything, cue):
    """An answer that is required, a signature, a page that explains, a kind of file, what is not to be changed."""
    assert cue in everything.page.text.lower()


@pytest.mark.requirement("dtr-2.2.0@spec-19", "dtr-2.2.0@spec-135")
def test_choices_conditions_and_units_of_the_form_are_heeded(everything):
    """An exclusive choice stands alone; a question that depends on another is off until that is answered."""
    by_text = {one["text"]: one["linkId"] for one in EVERY["item"]}
    assert by_text["What else should be known"] in everything.state["hidden"]
    place = by_text["Where the test was made"]
    codings = [one["valueCoding"] for one in EVERY["item"][int(place) - 1]["answerOption"]]
    body = {"item": [{"linkId": place, "answer": [{"valueCoding": one} for one in codings]}]}
    everything.visitor.post("draft", body, everything.page)
    assert place in everything.look().state["faults"]
    assert by_text["What else should be known"] not in everything.state["hidden"]


@pytest.mark.requirement("dtr-2.0.1@243", "dtr-2.2.0@oper-4")
def test_a_list_that_came_without_its_codes_is_looked_up_at_the_payer(visitor, stranger):
    choice = {"linkId": "1", "type": "choice", "text": "Which?", "answerValueSet": "https://payer.example.org/long|1"}
    stranger.codes = [("a", "Alpha"), ("b", "Beta")]
    stranger.packages[:] = [(a_form(choice), None, [])]
    visitor.launch(Context("amy-baxter", USER, (COVERAGE, ORDER)))
    found = visitor.get("codes", params={"set": "https://payer.example.org/long|1", "text": "alp"}).json()
    assert "Alpha" in str(found)
    assert "Beta" not in str(found)
    (asked,) = stranger.asked("$expand")
    assert (asked["url"], asked["filter"]) == ("https://payer.example.org/long|1", "alp")
    assert any(path == "/fhir/ValueSet/$expand" for _, path in stranger.requests)
