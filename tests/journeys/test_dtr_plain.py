"""A form of every kind of question, filled in a browser without LHC-Forms: by keyboard, on a narrow screen, by ear."""

import shutil
import time
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from fhir_r4.systems import INITIAL_EXPRESSION, ITEM_CONTROL, OPTION_EXCLUSIVE, UNIT, UNIT_OPTION
from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import Town, a_town, paid_by
from tests.journeys.browser import a_browser, picture

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def option(code, **more):
    return {"valueCoding": {"system": "urn:s", "code": code, "display": code.capitalize()}} | more


ALONE = {"url": OPTION_EXCLUSIVE, "valueBoolean": True}
HELP = {"url": ITEM_CONTROL, "valueCodeableConcept": {"coding": [{"code": "help"}]}}
YES = {"question": "yes", "operator": "=", "answerBoolean": True}
FORM = a_form(
    {"linkId": "intro", "type": "display", "text": "Please answer what you know of the patient's care at home."},
    {"linkId": "care", "type": "group", "text": "Care at home", "item": [
        {"linkId": "yes", "type": "boolean", "text": "Is the patient cared for at home?", "required": True, "item": [
            {"linkId": "yes-help", "type": "display", "text": "Family and friends count.", "extension": [HELP]}]},
        {"linkId": "who", "type": "string", "text": "By whom?", "enableWhen": [YES], "required": True, "maxLength": 40},
        {"linkId": "rate", "type": "decimal", "text": "Oxygen flow", "extension": [
            {"url": UNIT, "valueCoding": {"system": "http://unitsofmeasure.org", "code": "L/min"}}]},
        {"linkId": "weight", "type": "quantity", "text": "Weight", "extension": [
            {"url": UNIT_OPTION, "valueCoding": {"system": "http://unitsofmeasure.org", "code": one}}
            for one in ("kg", "[lb_av]")]},
        {"linkId": "since", "type": "date", "text": "Since when?"}]},
    {"linkId": "choices", "type": "group", "text": "Choices", "item": [
        {"linkId": "place", "type": "choice", "text": "Where?", "answerOption": [option("home"), option("clinic")]},
        {"linkId": "aids", "type": "choice", "repeats": True, "text": "Which aids?", "answerOption": [
            option("cane"), option("walker"), option("none", extension=[ALONE])]},
        {"linkId": "fruit", "type": "open-choice", "text": "Which fruit?", "answerOption": [
            option(one) for one in ("apple", "apricot", "banana", "cherry", "grape", "melon", "peach")]},
        {"linkId": "code", "type": "choice", "text": "Which device?", "answerValueSet": "https://payer.example.org/vs"}]},
    {"linkId": "visits", "type": "group", "text": "Visits", "repeats": True, "item": [
        {"linkId": "when", "type": "date", "text": "Day of the visit"},
        {"linkId": "note", "type": "text", "text": "What was found?"}]},
    {"linkId": "moment", "type": "dateTime", "text": "When was it?", "extension": [
        {"url": INITIAL_EXPRESSION, "valueExpression": {
            "language": "text/fhirpath", "expression": "'2026-03-01T10:00:00.500-05:00'"}}]},
    {"linkId": "copy", "type": "string", "text": "Shown only", "readOnly": True},
)  # fmt: skip


@pytest.fixture
def payer():
    made = OtherPayer()
    made.packages = [(FORM, None, [])]
    made.codes = [(f"d{number}", f"Device number {number}") for number in range(300)]
    yield made
    made.close()


@pytest.fixture
def town(opened, tmp_path, payer):
    with a_town(opened, tmp_path, paid_by(payer)) as made:
        yield made


def opened_form(context, town, asked=lambda dialog: dialog.accept()):
    """Open the form; ``asked`` whether to leave what the EHR does not have yet, one does."""
    page = context.new_page()
    page.on("dialog", asked)
    page.goto(town.launch())
    page.wait_for_selector("#form[data-ready]")
    return page


def saved(page, town):
    page.get_by_role("button", name="Save to the EHR").click()
    page.get_by_text("Saved in the EHR").wait_for()
    (kept,) = town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    return answers(kept["item"])


def answers(items):
    found = []
    for item in items:
        for answer in item.get("answer", []):
            found += [(item["linkId"], next(v for k, v in answer.items() if k.startswith("value")))]
            found += answers(answer.get("item", []))
        found += answers(item.get("item", []))
    return found


@pytest.mark.requirement("dtr-2.0.1@4", "dtr-2.0.1@206", "dtr-2.2.0@conf-3")
def test_every_kind_of_question_is_filled_with_plain_controls(town):
    with a_browser() as context:
        page = opened_form(context, town)
        assert page.get_by_label("When was it?").get_attribute("type") == "datetime-local"
        page.get_by_role("group", name="Is the patient cared for at home?").get_by_label("Yes").check()
        page.get_by_label("By whom?").fill("Her sister")
        page.get_by_label("Oxygen flow").fill("2.50")
        page.get_by_label("Weight", exact=True).fill("61.0")
        page.get_by_label("Unit of Weight").select_option(label="kg")
        page.get_by_label("Since when?").fill("2026-01-05")
        page.get_by_label("Home", exact=True).check()
        page.get_by_label("Cane").check()
        page.get_by_label("Walker").check()
        page.get_by_role("combobox", name="Which fruit?").press_sequentially("ap")
        page.get_by_role("option", name="Apricot").click()
        device = page.get_by_role("combobox", name="Which device?")
        device.press_sequentially("number 17")
        page.get_by_role("option", name="Device number 17", exact=True).wait_for()
        device.press("ArrowDown")
        device.press("Enter")
        page.get_by_label("Day of the visit").fill("2026-02-01")
        page.get_by_role("button", name="Add another: Visits").click()
        page.get_by_label("Day of the visit").nth(1).fill("2026-02-08")
        page.get_by_label("What was found?").nth(1).fill("Stable;\n<b>no change</b>")
        picture(page, "dtr-plain-1-filled")
        kept = saved(page, town)
    assert [(link, str(one) if not isinstance(one, dict) else one.get("code", "")) for link, one in kept] == [
        ("yes", "True"), ("who", "Her sister"), ("rate", "2.50"), ("weight", "kg"), ("since", "2026-01-05"),
        ("place", "home"), ("aids", "cane"), ("aids", "walker"), ("fruit", "apricot"), ("code", "d17"),
        ("when", "2026-02-01"), ("when", "2026-02-08"), ("note", "Stable;\n<b>no change</b>"),
        ("moment", "2026-03-01T10:00:00.500-05:00"),
    ]  # fmt: skip
    assert dict(kept)["weight"]["value"] == 61


@pytest.mark.requirement("dtr-2.0.1@213", "dtr-2.2.0@spec-143", "dtr-2.2.0@spec-150")
def test_the_page_follows_what_is_answered_and_says_what_is_wrong(town):
    with a_browser() as context:
        page = opened_form(context, town)
        who = page.locator("[data-link=who]")
        assert who.is_hidden()
        page.get_by_role("group", name="Is the patient cared for at home?").get_by_label("Yes").check()
        who.wait_for(state="visible")
        page.get_by_role("link", name="By whom?").click()
        assert page.evaluate("document.activeElement.closest('[data-link]').dataset.link") == "who"
        page.get_by_role("group", name="Is the patient cared for at home?").get_by_label("No").check()
        who.wait_for(state="hidden")
        page.get_by_label("Oxygen flow").fill("two")
        page.get_by_text("Give a number.").first.wait_for()
        assert page.get_by_label("Oxygen flow").get_attribute("aria-invalid") == "true"
        page.get_by_label("I have checked the answers").check()
        assert page.get_by_role("button", name="Send", exact=True).is_disabled()
        page.get_by_label("None").check()
        page.get_by_label("Cane").check()
        assert not page.get_by_label("None").is_checked()
        picture(page, "dtr-plain-2-wrong")


def test_numbers_are_taken_as_people_write_them_and_a_comma_is_told_of(town):
    """A comma may part decimals or thousands, which nobody but the writer knows."""
    with a_browser() as context:
        page = opened_form(context, town)
        flow = page.get_by_label("Oxygen flow")
        for written, meant in ((".5", "0.5"), ("2.", "2"), ("-.25", "-0.25"), ("1234567890.50", "1234567890.50")):
            flow.fill(written)
            assert [str(value) for link, value in saved(page, town) if link == "rate"] == [meant]
        for written, words in (
            ("1,5", "decimals follow a point"),
            (".", "Give a number."),
            ("9" * 19, "Give a number."),
        ):
            flow.fill(written)
            page.locator("[data-link=rate] .fault").get_by_text(words).wait_for()
        page.get_by_label("Weight", exact=True).fill(".75")
        page.get_by_label("Unit of Weight").select_option(label="kg")
        assert dict(saved(page, town))["weight"]["value"] == Decimal("0.75")


def test_the_form_is_filled_by_keyboard_alone(town):
    with a_browser() as context:
        page = opened_form(context, town)
        page.locator("[data-link=yes] input").first.focus()
        page.keyboard.press("Space")
        page.locator("[data-link=who]").wait_for(state="visible")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("A neighbour")
        fruit = page.get_by_role("combobox", name="Which fruit?")
        fruit.focus()
        page.keyboard.type("an own word")
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        kept = dict(saved(page, town))
    assert (kept["yes"], kept["who"], kept["fruit"]) == (True, "A neighbour", "an own word")


def test_on_a_narrow_screen_nothing_is_wider_than_the_screen(town):
    with a_browser() as context:
        page = opened_form(context, town)
        page.set_viewport_size({"width": 360, "height": 740})
        picture(page, "dtr-plain-3-narrow")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


OWN_WORDS = a_form({"linkId": "why", "type": "open-choice", "text": "Why?", "answerOption": [option("a"), option("b")]})


@pytest.mark.parametrize("renderer", ["plain", "lhc-forms"])
def test_on_a_narrow_screen_questions_and_answers_have_the_whole_width(opened, tmp_path, payer, renderer):
    """Words beside a field are cut to columns of three letters, and fields reach over the edge."""
    payer.packages = [(OWN_WORDS, None, [])]
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    town = Town(data, lambda registered: paid_by(payer)(registered) | {"renderer": renderer})
    with a_browser() as context:
        context.on("page", lambda page: page.set_viewport_size({"width": 360, "height": 740}))
        page = opened_form(context, town)
        sheet = page.locator("section.sheet").bounding_box()
        fields = [one.bounding_box() for one in page.locator("#form input:visible").all()]
        words = page.get_by_text("Why?").first.locator("xpath=ancestor-or-self::*[self::label or self::span][1]")
        below = max(one["x"] + one["width"] for one in fields)
        label = words.bounding_box()
        picture(page, f"dtr-narrow-{renderer}")
    town.close()
    assert below <= sheet["x"] + sheet["width"]
    assert min(one["y"] for one in fields) >= label["y"] + label["height"] - 1


def test_a_form_that_lhc_forms_cannot_draw_is_drawn_with_plain_controls(opened, tmp_path, payer):
    """It fails on help that does not say of which system its control's code is."""
    help_ = {"linkId": "help", "type": "display", "text": "In a few words.", "extension": [HELP]}
    payer.packages = [(a_form({"linkId": "why", "type": "text", "text": "Why?", "item": [help_]}), None, [])]
    by_lhc = {"renderer": "lhc-forms"}
    with a_town(opened, tmp_path, lambda one: paid_by(payer)(one) | by_lhc) as town, a_browser() as context:
        page = opened_form(context, town)
        page.get_by_role("textbox", name="Why?").fill("Because of the pain")
        assert saved(page, town) == [("why", "Because of the pain")]
        assert page.get_by_role("button", name="Show with the other form view").is_visible()


def test_a_choice_that_is_longer_than_its_field_is_read_whole_below_it(town, payer):
    words = [option(f"diagnosis of several sites, complicated or not, on a side not said {n}") for n in range(9)]
    payer.packages = [(a_form({"linkId": "long", "type": "choice", "text": "Which?", "answerOption": words}), None, [])]
    with a_browser() as context:
        page = opened_form(context, town)
        page.set_viewport_size({"width": 360, "height": 740})
        field = page.get_by_role("combobox", name="Which?")
        field.press_sequentially("said 7")
        field.press("ArrowDown")
        field.press("Enter")
        field.press("Tab")
        below = page.locator("[data-link=long] .whole")
        below.wait_for(state="visible")
        assert below.inner_text() == field.input_value()
        assert below.inner_text().endswith("said 7")


def test_keys_pressed_before_the_list_has_come_take_effect_when_it_comes(town):
    def late(route):
        time.sleep(0.7)
        route.continue_()

    with a_browser() as context:
        page = opened_form(context, town)
        page.route("**/codes?*", late)
        field = page.get_by_role("combobox", name="Which device?")
        field.press_sequentially("number 29")
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            field.press(key)
        expect(field).to_have_value("Device number 290")
        expect(page.get_by_role("listbox")).to_have_count(0)


def test_a_list_that_cannot_be_read_says_so_and_is_not_taken_for_an_empty_one(town):
    with a_browser(expected="net::ERR_FAILED") as context:
        page = opened_form(context, town)
        page.route("**/codes?*", lambda route: route.abort())
        page.get_by_role("combobox", name="Which device?").press_sequentially("number")
        page.get_by_text("The list could not be read just now").wait_for()


def test_who_presses_send_twice_sends_once_and_sees_at_once_that_it_is_under_way(town, payer):
    payer.packages = [(a_form({"linkId": "1", "type": "string", "text": "Why?", "required": True}), None, [])]
    taken = town.ehr_server.app

    def slow(environ, start):
        if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/QuestionnaireResponse"):
            time.sleep(4)  # longer than a hook would wait
        return taken(environ, start)

    town.ehr_server.app = slow
    with a_browser() as context:
        page = opened_form(context, town)
        page.get_by_label("Why?").fill("Because")
        page.get_by_label("I have checked the answers").check()
        send = page.get_by_role("button", name="Send", exact=True)
        send.click()
        page.get_by_role("status").get_by_text("Sending…").wait_for()
        send.click()
        page.wait_for_url("**/result")
    town.ehr_server.app = taken
    writes = [call for call in town.calls if call[0] in {"POST", "PUT"}]
    assert [(call[0], call[1]) for call in writes] == [("POST", "QuestionnaireResponse")]


FILES = a_form(
    {"linkId": "report", "type": "attachment", "text": "The report"},
    {"linkId": "pictures", "type": "attachment", "repeats": True, "text": "Pictures"},
    {"linkId": "why", "type": "string", "text": "Why?"},
)


def test_a_file_that_is_too_large_is_said_so_beside_its_question_and_the_rest_is_kept(town, payer):
    """It stood in the way of every later save: what was sent was refused whole, "the app does not answer"."""
    payer.packages = [(FILES, None, [])]
    with a_browser() as context:
        page = opened_form(context, town)
        report, pictures = page.locator("[data-link=report]"), page.locator("[data-link=pictures]")

        def gives(question, name, size):
            file = {"name": name, "mimeType": "application/pdf", "buffer": b"x" * size}
            question.locator("input[type=file]").last.set_input_files(file)

        gives(report, "scan.pdf", 1_500_000)
        report.get_by_text("“scan.pdf” is too large").wait_for()
        page.get_by_label("Why?").fill("Because")
        assert saved(page, town) == [("why", "Because")]
        gives(report, "short.pdf", 900_000)
        report.get_by_text("too large").wait_for(state="hidden")
        gives(pictures, "second.pdf", 900_000)
        pictures.get_by_text("“second.pdf” is too large").wait_for()
        page.get_by_text("2 of 3 questions answered").wait_for()
        page.reload()
        page.wait_for_selector("#form[data-ready]")
        report.get_by_text("short.pdf").wait_for()
        page.get_by_role("button", name="Clear the answer to The report").click()
        page.get_by_text("1 of 3 questions answered").wait_for()
        page.reload()
        page.wait_for_selector("#form[data-ready]")
        assert not report.get_by_text("short.pdf").is_visible()
        assert page.get_by_label("Why?").input_value() == "Because"


def test_every_control_has_a_name_for_who_cannot_see_it(town):
    with a_browser() as context:
        page = opened_form(context, town)
        nameless = page.evaluate("""() => [...document.querySelectorAll('#form :is(input, select, textarea, button)')]
            .filter((one) => !one.closest('template') && !one.labels?.length && !one.getAttribute('aria-label'))
            .map((one) => one.outerHTML)""")
        assert nameless == []
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids))


ENTRIES = a_form(
    {"linkId": "visits", "type": "group", "text": "Visits", "repeats": True, "item": [
        {"linkId": "ill", "type": "boolean", "text": "Was there a finding?"},
        {"linkId": "what", "type": "string", "text": "Which finding?", "required": True, "enableWhen": [
            {"question": "ill", "operator": "=", "answerBoolean": True}]}]},
)  # fmt: skip


def test_each_entry_of_a_group_shows_what_its_own_answers_ask_for(town, payer):
    payer.packages = [(ENTRIES, None, [])]
    with a_browser() as context:
        page = opened_form(context, town)
        found = page.get_by_role("group", name="Was there a finding?")
        which = page.get_by_label("Which finding?", exact=False)
        found.nth(0).get_by_label("Yes").check()
        which.nth(0).wait_for(state="visible")
        page.get_by_role("button", name="Add another: Visits").click()
        assert not which.nth(1).is_visible()
        found.nth(1).get_by_label("No").check()
        page.get_by_text("Which finding? (entry 1)").wait_for()
        assert not which.nth(1).is_visible()
        found.nth(1).get_by_label("Yes").check()
        page.get_by_text("Which finding? (entry 2)").wait_for()
        assert which.nth(1).is_visible()
        which.nth(1).fill("Fever")
        page.get_by_text("Which finding? (entry 2)").wait_for(state="detached")
        found.nth(0).get_by_label("No").check()
        which.nth(0).wait_for(state="hidden")
        assert ("what", "Fever") in saved(page, town)
        picture(page, "dtr-entries")


DRUGS = a_form(
    {"linkId": "drug", "type": "string", "text": "Drug", "repeats": True, "item": [
        {"linkId": "dose", "type": "string", "text": "Dose", "required": True, "enableWhen": [
            {"question": "drug", "operator": "exists", "answerBoolean": True}]},
        {"linkId": "why", "type": "string", "text": "Why a steroid?", "enableWhen": [
            {"question": "drug", "operator": "=", "answerString": "steroid"}]}]},
)  # fmt: skip


def test_who_answers_below_what_is_not_answered_is_told_that_it_is_not_kept_so(town, payer):
    steroid = {"question": "drug", "operator": "=", "answerString": "steroid"}
    below = [{"linkId": "dose", "type": "string", "text": "Dose"},
             {"linkId": "why", "type": "string", "text": "Why a steroid?", "enableWhen": [steroid]}]  # fmt: skip
    payer.packages = [(a_form({"linkId": "drug", "type": "string", "text": "Drug", "item": below}), None, [])]
    with a_browser() as context:
        page = opened_form(context, town)
        told = page.get_by_text("what you enter below is not kept without it").first
        page.get_by_role("textbox", name="Dose").fill("5 mg")
        told.wait_for()
        page.get_by_role("textbox", name="Drug").fill("steroid")
        told.wait_for(state="hidden")
        page.get_by_role("textbox", name="Why a steroid?").fill("Asthma")
        page.get_by_role("textbox", name="Dose").fill("")
        page.get_by_role("textbox", name="Drug").fill("")
        page.get_by_text("0 of 2 questions answered").wait_for()
        assert not told.is_visible()  # what is not asked any more is not entered either
        page.get_by_role("textbox", name="Drug").fill("ibuprofen")
        page.get_by_role("textbox", name="Dose").fill("5 mg")
        assert {("drug", "ibuprofen"), ("dose", "5 mg")} <= set(saved(page, town))


def test_each_answer_shows_below_what_it_asks_for(town, payer):
    payer.packages = [(DRUGS, None, [])]
    with a_browser() as context:
        page = opened_form(context, town)
        drug, dose, why = (page.get_by_role("textbox", name=words) for words in ("Drug", "Dose", "Why a steroid?"))
        assert not dose.nth(0).is_visible()
        drug.nth(0).fill("steroid")
        why.nth(0).wait_for(state="visible")
        dose.nth(0).fill("5 mg")
        page.get_by_role("button", name="Add another: Drug").click()
        assert not why.nth(1).is_visible()
        drug.nth(1).fill("ibuprofen")
        page.get_by_text("Dose (entry 2)").wait_for()
        assert [why.nth(number).is_visible() for number in (0, 1)] == [True, False]
        dose.nth(1).fill("400 mg")
        page.get_by_text("Dose (entry 2)").wait_for(state="detached")
        assert {("dose", "5 mg"), ("dose", "400 mg")} <= set(saved(page, town))
