"""A form whose questions come a few at a time: where they are asked for, when, and with what in them."""

import re
from html import unescape

import pytest

from app.sandbox.smart import Context
from fhir_r4.resource import extension
from fhir_r4.systems import ADAPTIVE, CQF_LIBRARY
from tests.app.other_payer import a_draft, a_form
from tests.app.test_dtr_filling import COVERAGE, LIB, USER, Opened, cql, every, item, main
from tests.app.town import ORDER
from tests.cql.given import literal

URL = "https://payer.example.org/Questionnaire/step-by-step"


def adaptive(address):
    """A form without questions, whose next ones are had at an address, or where ``True`` means."""
    value = {"valueBoolean": True} if address is True else {"valueUrl": address}
    libraries = {"url": CQF_LIBRARY, "valueCanonical": f"{LIB}|1"}
    form = a_form(url=URL, extension=[{"url": ADAPTIVE, **value}, libraries], title="Step by step")
    return {name: held for name, held in form.items() if name != "item"}


class Steps:
    """A payer's questions, one list after the other; it remembers what it was sent."""

    def __init__(self, *steps):
        self.steps, self.sent = list(steps), []

    def __call__(self, response):
        self.sent.append(response)
        asked = [one for step in self.steps[: len(self.sent)] for one in step]
        if len(self.sent) > len(self.steps):
            return response | {"status": "completed"}
        (held,) = response["contained"]
        places = {one["linkId"]: one for one in every(response)}
        items = [places.get(one["linkId"], {"linkId": one["linkId"], "text": one["text"]}) for one in asked]
        return response | {"contained": [held | {"item": asked}], "item": items}


@pytest.fixture
def sees(visitor, stranger):
    def seen(steps, address=None, logic=()):
        form = adaptive(address or stranger.base)
        records = visitor.town.sandbox.extensions["ehr"].records
        draft = a_draft(form | {"item": []}, records.get(COVERAGE), records.get(ORDER))
        held = form | {"id": "held", "derivedFrom": [f"{URL}|1"], "extension": form["extension"][:1]}
        draft |= {"questionnaire": "#held", "contained": [held]}
        draft.pop("item")
        stranger.next = steps
        return Opened(visitor, stranger, form, logic, draft)

    yield seen
    stranger.next = lambda response: response | {"status": "completed"}


def links(it):
    return [one["linkId"] for one in it.shown["item"]]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        pytest.param(True, "", marks=pytest.mark.requirement("dtr-2.0.1@38")),
        pytest.param("{base}", "", marks=pytest.mark.requirement("dtr-2.0.1@39")),
        pytest.param("{base}/adaptive", "/adaptive", marks=pytest.mark.requirement("dtr-2.0.1@39")),
        ("{base}/Questionnaire", ""),
        ("{base}/Questionnaire/$next-question", ""),
    ],
)
def test_the_next_questions_are_asked_for_where_the_form_says(sees, stranger, address, path):
    """At the payer's base, or at the url; below it the operation has its own path (SDC)."""
    said = address if address is True else address.format(base=stranger.base)
    assert links(sees(Steps([item("1")]), said)) == ["1"]
    assert ("POST", f"/fhir{path}/Questionnaire/$next-question") in stranger.requests


@pytest.mark.requirement("dtr-2.0.1@185", "dtr-2.2.0@spec-70", "dtr-2.2.0@spec-35")
def test_each_new_question_is_filled_from_the_record_with_what_came_in_the_package(sees):
    """The libraries of the package stay at hand, though no question needed them when it came."""
    logic = [main(First=literal("one"), Second=literal("two"))]
    it = sees(Steps([item("1", initial=cql("First"))], [item("2", initial=cql("Second"))]), logic=logic)
    assert it.value("1") == "one"
    it.types("next")
    assert (it.value("1"), it.value("2"), it.source("2")) == ("one", "two", "auto-client")


@pytest.mark.requirement("dtr-2.0.1@217", "dtr-2.2.0@spec-146")
@pytest.mark.parametrize(
    ("question", "wrong"),
    [
        (item("1") | {"required": True}, {}),
        (item("1") | {"maxLength": 2}, {"1": {"valueString": "too long"}}),
        (item("1", "date"), {"1": {"valueDate": "someday"}}),
    ],
    ids=["not answered", "too long", "no date"],
)
def test_nobody_goes_on_to_the_next_questions_before_these_are_answered_as_they_want(sees, question, wrong):
    steps = Steps([question], [item("2")])
    it = sees(steps)
    assert it.types("next", **wrong).status_code == 422
    assert len(steps.sent) == 1
    assert links(it) == ["1"]


@pytest.mark.requirement("dtr-2.0.1@66", "dtr-2.0.1@347")
def test_the_contained_form_may_have_every_must_support_element(sees, visitor):
    """Each question of it is drawn, and nothing keeps the clinician from answering."""
    from tests.questionnaires.test_every_element import adaptive_contained  # noqa: PLC0415 reads the published packages

    form = adaptive_contained()
    it = sees(Steps(form["item"]))
    drawn = unescape(re.sub("<[^>]+>", "", it.page.text))
    for one in form["item"]:
        hidden = any(held["url"].endswith("questionnaire-hidden") for held in one.get("extension", []))
        assert hidden or one["text"] in drawn
    assert visitor.post("save", {"item": [{"linkId": "1", "answer": []}]}, it.page).status_code == 200


@pytest.mark.requirement("dtr-2.0.1@349")
def test_an_announced_form_may_have_every_must_support_element(visitor, stranger, sees):
    """Terminology server, performer, entry mode, signature, libraries, period: none of them is in the way."""
    from tests.questionnaires.test_every_element import FORM  # noqa: PLC0415

    rich = [one for one in FORM["extension"] if one["url"] != CQF_LIBRARY]
    it = sees(Steps([item("1")]))
    form = adaptive(stranger.base) | {"effectivePeriod": FORM["effectivePeriod"]}
    form["extension"] = [*rich, *form["extension"]]
    draft, stranger.next = stranger.packages[0][1], Steps([item("1")])
    it = Opened(visitor, stranger, form, (), draft)
    assert links(it) == ["1"]
    assert extension(stranger.packages[0][0], ADAPTIVE)


def test_an_adaptive_form_that_came_without_a_response_begins_with_one_of_ours(stranger, visitor):
    """The response holds the form under the form's own id: some payers look for that."""
    steps = Steps([item("1")])
    stranger.next = steps
    form = adaptive(True) | {"id": "theirs"}
    it = Opened(visitor, stranger, form, draft={})
    (first,) = steps.sent
    (held,) = first["contained"]
    assert (first["questionnaire"], held["id"], held["derivedFrom"]) == ("#theirs", "theirs", [f"{URL}|1"])
    assert "url" not in held
    assert links(it) == ["1"]
    stranger.next = lambda response: response | {"status": "completed"}


@pytest.mark.requirement("dtr-2.0.1@35")
def test_a_standard_form_is_asked_for_once_and_has_all_its_questions(visitor, stranger):
    stranger.packages[:] = [(a_form(item("1"), item("2")), None, [])]
    assert visitor.launch(Context("amy-baxter", USER, (COVERAGE, ORDER))).status_code == 200
    assert visitor.state()["asked"] == 2
    assert stranger.asked("$next-question") == []
