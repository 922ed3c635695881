"""A clinician documents an order in the DTR app: launched from the EHR, in a browser, to the payer's answer."""

import re

import pytest

from app.demo.parties import loopback_door
from app.dtr_app import RENDERER
from fhir_r4.generations import Generation
from fhir_r4.wire import read_object, write_json
from tests.journeys.browser import a_browser, picture
from tests.second_opinion import assert_profiled

pytestmark = [pytest.mark.journey, pytest.mark.slow]
ORDER = "DeviceRequest/home-oxygen"
AT_REST = "Was the patient at rest and breathing room air?"


@pytest.fixture
def town(build_town):
    if not (RENDERER / "lhc-forms.js").exists():
        pytest.fail("the form renderer is not here: make renderer")
    return build_town()


@pytest.fixture
def record(town):
    """Read the EHR's record as another of its apps would."""
    door, ehr = loopback_door(), town.here.ehr
    asked = door.send("POST", f"{ehr}/clinician/launch", allowed=[ehr], body=write_json({"order": ORDER}))
    token = read_object(asked.body)["access_token"]

    def search(query):
        found = door.send("GET", f"{ehr}/fhir/{query}", allowed=[ehr], headers={"Authorization": f"Bearer {token}"})
        return [entry["resource"] for entry in read_object(found.body)["entry"]]

    return search


def launched(context, ehr, row, button):
    """Click a launch in the chart of Amy Baxter and return the app's page, with its form open."""
    chart = context.new_page()
    chart.goto(f"{ehr}/chart/amy-baxter")
    with context.expect_page() as opened:
        chart.get_by_role("row", name=re.compile(row)).get_by_role("link", name=button).click()
    page = opened.value
    page.wait_for_selector("#form[data-ready]")
    return page


def origins(response):
    """Return source and author of each answer by linkId."""
    found, waiting = {}, list(response["item"])
    while waiting:
        item = waiting.pop()
        waiting += item.get("item", [])
        for answer in item.get("answer", []):
            parts = {one["url"]: one for one in answer["extension"][0]["extension"]}
            author = parts.get("author", {}).get("extension", [{}])[0].get("valueReference", {}).get("reference")
            found[item["linkId"]] = (parts["source"]["valueCode"], author)
    return found


@pytest.mark.requirement("dtr-2.0.1@224", "dtr-2.2.0@spec-151", "dtr-2.2.0@spec-153")
def test_a_form_is_launched_filled_corrected_saved_continued_sent_and_answered(town, record):
    with a_browser() as context:
        page = launched(context, town.here.ehr, "oxygen", "Document for the payer")
        the_record_has_filled_what_it_knows(page)
        two_answers_are_corrected_and_saved(page)
        saved = only(record("QuestionnaireResponse?patient=amy-baxter&status=in-progress"))
        assert origins(saved)["1.2"] == ("override", "Practitioner/lindqvist")
        assert origins(saved)["2.1"] == ("override", "Practitioner/lindqvist")
        assert origins(saved)["2.3"] == ("auto-client", None)
        page.close()

        page = launched(context, town.here.ehr, "in-progress", "Continue")
        what_was_corrected_stands(page)
        the_rest_is_added_and_sent(page)
        the_payer_has_answered(page)

    sent = only(record("QuestionnaireResponse?patient=amy-baxter"))
    assert (sent["id"], sent["status"]) == (saved["id"], "completed")
    assert origins(sent)["2.4"] == ("manual", "Practitioner/lindqvist")
    assert_profiled(sent, Generation.V2_2, references="open")


def test_letters_where_a_number_is_asked_take_no_other_answer_away(town):
    with a_browser() as context:
        page = launched(context, town.here.ehr, "oxygen", "Document for the payer")
        field(page, "2.1").fill("eighty-six")
        field(page, "2.1").press("Tab")
        page.get_by_text("An answer is not what its question asks for.").wait_for()
        assert page.locator("#count").inner_text() == "6 of 8 questions answered"
        page.get_by_role("button", name="Show as a plain form").click()
        page.locator(".lhc-form-title").wait_for(state="detached")
        page.wait_for_selector("#form[data-ready]")
        assert page.locator("#count").inner_text() == "6 of 8 questions answered"


def the_record_has_filled_what_it_knows(page):
    assert field(page, "1.2").input_value() == "Gregory Lindqvist"
    assert re.search(r"Result of \d+ \w+ \d{4}", item(page, "2.1").inner_text())
    assert "The record has nothing" in item(page, "2.2").inner_text()
    assert page.get_by_role("combobox", name="Unit of Oxygen saturation").is_visible()
    assert page.locator("#count").inner_text() == "6 of 8 questions answered"
    assert page.locator("#todo li").all_inner_texts() == [AT_REST]
    assert page.locator("#complete").is_disabled()
    picture(page, "dtr-1-filled")


def two_answers_are_corrected_and_saved(page):
    field(page, "1.2").fill("Gregory A. Lindqvist")
    field(page, "2.1").fill("86")
    field(page, "2.1").press("Tab")
    item(page, "2.1").locator(".mark.changed").wait_for()
    page.get_by_role("button", name="Save to the EHR").click()
    page.get_by_text("Saved in the EHR").wait_for()
    picture(page, "dtr-2-corrected")


def what_was_corrected_stands(page):
    assert page.get_by_text("You go on with what was begun earlier.").is_visible()
    assert field(page, "1.2").input_value() == "Gregory A. Lindqvist"
    assert field(page, "2.1").input_value() == "86"
    picture(page, "dtr-3-continued")


def the_rest_is_added_and_sent(page):
    item(page, "2.4").get_by_text("Yes", exact=True).click()
    page.keyboard.press("Tab")
    page.get_by_text("Nothing is missing.").wait_for()
    page.get_by_label("I have checked the answers").check()
    picture(page, "dtr-4-complete")
    page.get_by_role("button", name="Send", exact=True).click()


def the_payer_has_answered(page):
    page.get_by_role("heading", name="Certified in total").wait_for()
    assert page.get_by_text(re.compile("^PA[0-9A-Z]{12}$")).is_visible()
    picture(page, "dtr-5-answered")


def item(page, link):
    return page.locator(f"[id='item-{link}/1/1']")


def field(page, link):
    return page.locator(f"[id='{link}/1/1']")


def only(found):
    (one,) = found
    return one
