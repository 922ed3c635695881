"""The renderer of our own: every kind of question as plain HTML, whatever the form's words are."""

import re
from types import SimpleNamespace

import pytest

from app.dtr.drawing import drawn
from app.dtr.progress import progress
from app.dtr.revising import revised
from app.dtr.smart_app import SmartApp
from app.dtr.validity import faults
from fhir_r4.systems import (
    CALCULATED_EXPRESSION,
    ITEM_CONTROL,
    MAX_DECIMAL_PLACES,
    MAX_OCCURS,
    MAX_QUANTITY,
    MAX_VALUE,
    MIN_LENGTH,
    MIN_OCCURS,
    MIN_VALUE,
    SUPPORT_LINK,
    UNIT,
    UNIT_OPTION,
)
from questionnaires.asked import DEEPEST, disabled
from tests.app.other_payer import a_form

TYPES = ("boolean", "integer", "decimal", "quantity", "string", "text", "date", "dateTime", "time", "url", "reference",
         "attachment", "choice", "open-choice", "display", "invented")  # fmt: skip


def option(code, **more):
    return {"valueCoding": {"system": "urn:s", "code": code, "display": code.upper()}} | more


def controls(*items, response=None):
    return {one.link: one.control.value for one in drawn({"item": list(items)}, response or {}, ())}


@pytest.mark.parametrize(
    ("item", "control"),
    [
        ({"type": "choice", "answerOption": [option("a"), option("b")]}, "radios"),
        ({"type": "choice", "repeats": True, "answerOption": [option("a"), option("b")]}, "checks"),
        ({"type": "choice", "answerOption": [option(one) for one in "abcdefg"]}, "search"),
        ({"type": "choice", "answerValueSet": "https://x/vs"}, "search"),
        ({"type": "string", "answerOption": [{"valueString": "a"}]}, "radios"),
        ({"type": "boolean"}, "yes-no"),
        ({"type": "dateTime"}, "moment"),
        ({"type": "invented"}, "string"),
        ({}, "string"),
    ],
)
def test_a_question_gets_the_control_that_its_type_and_its_choices_ask_for(item, control):
    assert controls({"linkId": "1"} | item) == {"1": control}


def test_a_long_list_is_shown_all_at_once_where_the_form_says_so():
    asked = {"url": ITEM_CONTROL, "valueCodeableConcept": {"coding": [{"code": "radio-button"}]}}
    item = {"linkId": "1", "type": "choice", "answerOption": [option(one) for one in "abcdefghi"], "extension": [asked]}
    assert controls(item) == {"1": "radios"}


def test_groups_repeat_with_their_answers_and_hold_a_blank_for_one_more():
    form = {"item": [{"linkId": "g", "type": "group", "repeats": True, "item": [{"linkId": "a", "type": "string"}]}]}
    rows = [{"linkId": "g", "item": [{"linkId": "a", "answer": [{"valueString": one}]}]} for one in ("x", "y")]
    (group,) = drawn(form, {"item": rows}, ())
    assert [row[0].answers[0].value for row in group.rows] == ["x", "y"]
    assert group.blank[0].answers[0].value == ""
    names = [one.name for row in group.rows for one in row]
    assert len(set(names)) == 2


def test_a_form_that_nests_without_end_is_drawn_as_deep_as_forms_go():
    item = {"linkId": "0", "type": "string"}
    for depth in range(1, 200):
        item = {"linkId": str(depth), "type": "group", "item": [item]}
    (group,) = drawn({"item": [item]}, {}, ())
    seen = 0
    while group.rows and group.rows[0]:
        (group,), seen = group.rows[0], seen + 1
    assert seen == DEEPEST - 1


def test_a_question_that_is_as_deep_as_json_goes_is_drawn_and_answered(browser, payer):
    """What is required is missed however deep it is; so it is asked there, and its answer kept."""
    item, answer = (
        {"linkId": "q", "type": "string", "required": True},
        {"linkId": "q", "answer": [{"valueString": "x"}]},
    )
    for depth in range(40):
        item = {"linkId": str(depth), "type": "group", "text": "In it", "item": [item]}
        answer = {"linkId": str(depth), "item": [answer]}
    payer.packages = [(a_form(item), None, [])]
    page = browser.launch()
    assert 'data-link="q"' in page.text
    state = browser.post("draft", {"resourceType": "QuestionnaireResponse", "item": [answer]}, page).json()
    assert (state["missing"], state["answered"]) == ([], 1)


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "http://plain.example", "data:text/html,x", "https://ok.example"]
)
def test_a_support_link_leads_to_the_web_over_tls_or_nowhere(link):
    (one,) = drawn({"item": [{"linkId": "1", "extension": [{"url": SUPPORT_LINK, "valueUri": link}]}]}, {}, ())
    assert one.support == (link if link == "https://ok.example" else None)


def limited(url, value, **more):
    return {"linkId": "1", "extension": [{"url": url, **value}]} | more


@pytest.mark.parametrize(
    ("item", "answers", "words"),
    [
        (limited(MIN_VALUE, {"valueInteger": 3}, type="integer"), [{"valueInteger": 2}], "Give 3 or more."),
        (limited(MAX_VALUE, {"valueDecimal": 3.5}, type="decimal"), [{"valueDecimal": 3.6}], "Give 3.5 or less."),
        (limited(MAX_VALUE, {"valueDate": "2026-03-01"}, type="date"), [{"valueDate": "2026-03-02"}],
         "Not after 2026-03-01."),
        (limited(MAX_VALUE, {"valueDate": "2026-03-01"}, type="dateTime"),
         [{"valueDateTime": "2026-03-02T00:30:00-05:00"}], "Not after 2026-03-01."),
        (limited(MIN_VALUE, {"valueDateTime": "2026-03-01T12:00:00Z"}, type="dateTime"),
         [{"valueDateTime": "2026-03-01T12:30:00+02:00"}], "Not before 2026-03-01T12:00:00Z."),
        (limited(MAX_QUANTITY, {"valueQuantity": {"value": 2, "code": "kg"}}, type="quantity"),
         [{"valueQuantity": {"value": 2001, "code": "g"}}], "Give 2000 g or less."),
        (limited(MAX_QUANTITY, {"valueQuantity": {"value": 2, "unit": "kilograms", "code": "kg"}}, type="quantity"),
         [{"valueQuantity": {"value": 1, "code": "cm"}}], "Give it in kilograms."),
        (limited(MAX_VALUE, {"valueDecimal": 3.5}, type="decimal"), [{"valueDecimal": 10**30}], "Give 3.5 or less."),
        (limited(MAX_DECIMAL_PLACES, {"valueInteger": 1}, type="decimal"), [{"valueDecimal": 1.25}],
         "Use at most 1 decimal places."),
        (limited(MIN_LENGTH, {"valueInteger": 3}, type="string"), [{"valueString": "ab"}],
         "Use at least 3 characters."),
        ({"linkId": "1", "type": "string", "maxLength": 2}, [{"valueString": "abc"}], "Use at most 2 characters."),
        (limited(MIN_OCCURS, {"valueInteger": 2}, type="string", repeats=True), [{"valueString": "a"}],
         "Give at least 2 answers."),
        (limited(MAX_OCCURS, {"valueInteger": 1}, type="string", repeats=True),
         [{"valueString": "a"}, {"valueString": "b"}], "Give at most 1 answers."),
        ({"linkId": "1", "type": "choice", "answerOption": [option("a")]}, [{"valueCoding": {"code": "z"}}],
         "Give one of the choices."),
        ({"linkId": "1", "type": "integer"}, [{"valueString": "3"}], "Give a whole number."),
        ({"linkId": "1", "type": "integer"}, [{"valueInteger": 2**31}], "Give a whole number below 2147483648."),
        ({"linkId": "1", "type": "integer"}, [{"valueInteger": -(2**40)}], "Give a whole number above -2147483648."),
        ({"linkId": "1", "type": "url"}, [{"valueUri": "see the letter"}], "Give an address of the web."),
        ({"linkId": "1", "type": "quantity", "extension": [{"url": UNIT, "valueCoding": {"code": "%"}}]},
         [{"valueQuantity": {"value": 3, "code": "mm[Hg]"}}], "Give a number with a unit that the form takes."),
    ],
)  # fmt: skip
@pytest.mark.requirement("dtr-2.0.1@212", "dtr-2.2.0@spec-142")
def test_an_answer_that_the_form_does_not_take_is_said_in_words(item, answers, words):
    response = {"item": [{"linkId": "1", "answer": answers}]}
    assert faults({"item": [item]}, response, ()) == {"1": words}
    assert faults({"item": [item]}, response, {"1"}) == {}


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        ({"type": "choice", "answerOption": [{"valueString": "a"}]}, {"valueString": "a"}),
        ({"type": "choice", "answerValueSet": "https://x"}, {"valueCoding": {"system": "s", "code": "z"}}),
        ({"type": "open-choice", "answerOption": [option("a")]}, {"valueString": "something else"}),
        (limited(MAX_VALUE, {"valueDate": "2026-03-01"}, type="dateTime"),
         {"valueDateTime": "2026-03-01T23:30:00-05:00"}),
        (limited(MIN_VALUE, {"valueInteger": 2}, type="quantity"), {"valueQuantity": {"value": 2, "unit": "packs"}}),
        ({"type": "quantity", "extension": [{"url": UNIT_OPTION, "valueCoding": {"code": "kg"}}]},
         {"valueQuantity": {"value": 3, "code": "kg"}}),
    ],
)  # fmt: skip
def test_an_answer_that_the_form_takes_has_no_fault(item, answer):
    assert faults({"item": [{"linkId": "1"} | item]}, {"item": [{"linkId": "1", "answer": [answer]}]}, ()) == {}


@pytest.mark.parametrize(
    ("type_", "text", "fits"),
    [
        ("date", "2026", True), ("date", "2026-03", True), ("date", "2026-03-01", True), ("date", "2026-13-01", False),
        ("date", "2026-3-1", False), ("date", "2026-03-01T10:00:00Z", False), ("dateTime", "2026-03-01", True),
        ("dateTime", "2026-03-01T10:00:00-05:00", True), ("dateTime", "2026-03-01T10:00", False),
        ("time", "10:00:00", True), ("time", "25:00:00", False),
    ],
)  # fmt: skip
def test_a_day_or_a_time_is_written_as_fhir_writes_it(type_, text, fits):
    name = {"date": "valueDate", "dateTime": "valueDateTime", "time": "valueTime"}[type_]
    response = {"item": [{"linkId": "1", "answer": [{name: text}]}]}
    assert (faults({"item": [{"linkId": "1", "type": type_}]}, response, ()) == {}) is fits


@pytest.mark.parametrize("text", ["87.50", "-3", "0.1"])
def test_the_digits_that_a_person_typed_stay(text):
    sent = {"item": [{"linkId": "1", "answer": [{"valueDecimal": text}]}]}
    made = revised({"item": [{"linkId": "1", "type": "decimal"}]}, {}, {}, sent, "Practitioner/1")
    assert str(made["item"][0]["answer"][0]["valueDecimal"]) == text


@pytest.mark.parametrize("text", ["", "1e9999", "NaN", "Infinity", "1_000", "٣", "9" * 400, "--1"])
def test_what_is_no_number_is_no_answer(text):
    sent = {"item": [{"linkId": "1", "answer": [{"valueDecimal": text}]}]}
    made = revised({"item": [{"linkId": "1", "type": "decimal"}]}, {}, {}, sent, "Practitioner/1")
    assert "answer" not in made["item"][0]


def test_what_is_inside_something_that_is_not_asked_is_not_asked():
    condition = {"question": "a", "operator": "=", "answerBoolean": True}
    group = {"linkId": "g", "type": "group", "enableWhen": [condition], "item": [{"linkId": "b", "type": "string"}]}
    form = {"item": [{"linkId": "a", "type": "boolean"}, group]}
    assert disabled(form, {}) == {"g"}
    assert progress(form, {}).asked == 1
    assert disabled(form, {"item": [{"linkId": "a", "answer": [{"valueBoolean": True}]}]}) == frozenset()


HOSTILE = "\"><script>alert(1)</script>'{{7*7}}"


@pytest.fixture
def payer(stranger):
    return stranger


@pytest.fixture
def browser(visitor):
    return visitor


@pytest.mark.parametrize("type_", TYPES)
def test_script_in_any_word_of_the_form_is_text(browser, payer, type_):
    item = {"linkId": HOSTILE, "type": type_, "text": HOSTILE, "prefix": HOSTILE, "answerOption": [
        {"valueCoding": {"system": HOSTILE, "code": HOSTILE, "display": HOSTILE}}], "item": [
        {"linkId": "h", "type": "display", "text": HOSTILE,
         "extension": [{"url": ITEM_CONTROL, "valueCodeableConcept": {"coding": [{"code": "help"}]}}]}]}  # fmt: skip
    payer.packages = [(a_form(item, title=HOSTILE), None, [])]
    page = browser.launch()
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert 'alert(1)</script>"' not in page.text
    assert "49" not in re.findall(r">[^<]*<", page.text)


def test_the_plain_page_allows_no_inline_style(browser, payer):
    payer.packages = [(a_form({"linkId": "1", "type": "string", "text": "A"}), None, [])]
    policy = browser.launch().headers["Content-Security-Policy"]
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy


def test_required_help_units_and_choices_are_on_the_page_for_everyone(browser, payer):
    payer.packages = [(a_form(
        {"linkId": "1", "type": "quantity", "text": "Weight", "required": True,
         "extension": [{"url": UNIT_OPTION, "valueCoding": {"code": one}} for one in ("kg", "[lb_av]")]},
        {"linkId": "2", "type": "choice", "text": "Where?", "answerOption": [option("home"), option("clinic")]},
    ), None, [])]  # fmt: skip
    page = browser.launch().text
    assert re.search(r'<label class="label"[^>]*>Weight <span class="need">required</span>', page)
    assert re.findall(r"<option [^>]*>([^<]+)</option>", page) == ["kg", "[lb_av]"]
    assert re.findall(r"<label for=[^>]*>(HOME|CLINIC)</label>", page) == ["HOME", "CLINIC"]


def test_a_unit_that_the_form_does_not_offer_is_not_changed_in_silence(browser, payer):
    units = [{"url": UNIT_OPTION, "valueCoding": {"code": one}} for one in ("kg", "g")]
    form = a_form({"linkId": "1", "type": "quantity", "text": "Weight", "extension": units})
    payer.packages = [(form, None, [])]
    page = browser.launch()
    sent = {"item": [{"linkId": "1", "answer": [{"valueQuantity": {"value": "9.5", "unit": "stone"}}]}]}
    state = browser.post("draft", sent, page).json()
    assert state["faults"] == {"1": "Give a number with a unit that the form takes."}
    assert re.findall(r"<option [^>]*selected>([^<]+)</option>", browser.get("").text) == ["stone"]


def test_a_form_whose_logic_follows_the_answers_is_drawn_by_the_server(browser, payer):
    expression = {"language": "text/fhirpath", "expression": "%patient.birthDate"}
    calculated = {"url": CALCULATED_EXPRESSION, "valueExpression": expression}
    payer.packages = [(a_form({"linkId": "1", "type": "date", "text": "Born", "extension": [calculated]}), None, [])]
    page = browser.launch()
    assert "plain.js" in page.text
    assert "other form view" not in page.text


@pytest.mark.parametrize(
    ("option", "may"), [({"valueReference": {"reference": "Organization/x"}}, False), (option("a"), True)]
)
def test_a_form_with_references_among_its_choices_is_drawn_with_plain_controls(option, may):
    """LHC-Forms opens no such form."""
    assert may_choose({"linkId": "1", "type": "choice", "answerOption": [option]}) is may


@pytest.mark.parametrize(
    ("above", "below", "may"),
    [("string", "string", False), ("string", "group", False), ("string", "display", True), ("group", "string", True)],
)
def test_a_form_that_asks_below_a_question_is_drawn_with_plain_controls(above, below, may):
    """LHC-Forms drops without a word what is answered there while the question is not; plain controls tell of it."""
    assert may_choose({"linkId": "1", "type": above, "item": [{"linkId": "1.1", "type": below}]}) is may


def may_choose(*items):
    asked = SimpleNamespace(is_live=False, said={}, form=a_form(*items))
    return SmartApp.may_choose(SimpleNamespace(has_lhc_forms=True), asked)


KG = {"value": 100, "unit": "kg", "code": "kg"}


@pytest.mark.parametrize(
    ("units", "condition", "may"),
    [
        (["kg"], {"operator": ">", "answerQuantity": KG}, True),
        (["kg", "g"], {"operator": ">", "answerQuantity": KG}, False),
        (["g"], {"operator": ">", "answerQuantity": KG}, False),
        ([], {"operator": ">", "answerQuantity": KG}, False),
        (["kg", "g"], {"operator": "exists", "answerBoolean": True}, True),
        ([], {"operator": ">", "answerInteger": 3}, True),
        ([], {"operator": "=", "answerDate": "2026-03-01"}, False),
        ([], {"operator": ">", "answerTime": "10:00:00"}, False),
        ([], {"operator": ">", "answerDateTime": "2026-03-01T10:00:00Z"}, False),
    ],
)
def test_a_form_whose_conditions_lhc_forms_does_not_follow_is_drawn_with_plain_controls(units, condition, may):
    """It shows nothing that depends on a day or a time, and compares 500 g with 100 kg by their numbers."""
    offered = [
        {"url": UNIT_OPTION, "valueCoding": {"system": "http://unitsofmeasure.org", "code": one}} for one in units
    ]
    asked = {"linkId": "1", "type": "quantity"} | ({"extension": offered} if offered else {})
    assert may_choose(asked, {"linkId": "2", "type": "string", "enableWhen": [{"question": "1"} | condition]}) is may
