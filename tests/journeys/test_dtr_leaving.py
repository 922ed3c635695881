"""Who leaves a form finds it as it was left: by a link, by closing or reloading the page, right after the last key."""

import pytest

from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import a_town, paid_by
from tests.journeys.browser import a_browser, picture
from tests.journeys.test_dtr_plain import opened_form

pytestmark = [pytest.mark.journey, pytest.mark.slow]

FORM = a_form({"linkId": "why", "type": "string", "text": "Why?"}, {"linkId": "how", "type": "string", "text": "How?"})


@pytest.fixture(params=["plain", "lhc-forms"])
def town(request, opened, tmp_path):
    payer = OtherPayer()
    payer.packages = [(FORM, None, [])]
    with a_town(opened, tmp_path, lambda one: paid_by(payer)(one) | {"renderer": request.param}) as made:
        yield made
    payer.close()


def again(context, url):
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#form[data-ready]")
    return page


def field(page, words):
    return page.get_by_label(words, exact=False).first


def test_what_was_typed_last_is_on_the_page_that_a_link_leads_to(town):
    with a_browser() as context:
        page = opened_form(context, town)
        field(page, "Why?").press_sequentially("Because of the pain")
        page.get_by_role("link", name="Read it as it stands").click()
        page.get_by_text("Because of the pain").wait_for()
        page.get_by_role("link", name="Back to the form").click()
        page.wait_for_selector("#form[data-ready]")
        assert field(page, "Why?").input_value() == "Because of the pain"


def test_what_was_typed_last_is_on_the_form_that_is_drawn_in_the_other_way(town):
    with a_browser() as context:
        page = opened_form(context, town)
        field(page, "Why?").press_sequentially("Because of the pain")
        page.get_by_role("button", name="Show").click()
        page.wait_for_load_state()
        page.wait_for_selector("#form[data-ready]")
        assert field(page, "Why?").input_value() == "Because of the pain"


def test_what_was_typed_last_is_kept_when_the_page_is_closed(town):
    with a_browser() as context:
        page = opened_form(context, town)
        field(page, "Why?").press_sequentially("Because of the pain")
        page.close(run_before_unload=True)
        assert field(again(context, page.url), "Why?").input_value() == "Because of the pain"


def test_what_was_typed_last_is_on_the_page_when_it_is_loaded_again(town):
    with a_browser() as context:
        page = opened_form(context, town, lambda asked: (asked.page.wait_for_timeout(500), asked.accept()))
        field(page, "Why?").press_sequentially("Because of the pain")
        page.reload()
        page.wait_for_selector("#form[data-ready]")
        assert field(page, "Why?").input_value() == "Because of the pain"


def test_the_browser_asks_before_a_form_is_left_that_the_ehr_does_not_have(town):
    """A new launch does not come back to it."""
    asked = []
    with a_browser() as context:
        page = opened_form(context, town)
        page.on("dialog", lambda dialog: asked.append(dialog.type))

        def reloaded():
            page.reload()
            page.wait_for_selector("#form[data-ready]")
            return asked.count("beforeunload")

        assert reloaded() == 0
        field(page, "Why?").press_sequentially("Because of the pain")
        page.get_by_text("Not saved in the EHR yet").wait_for()
        assert reloaded() == 1
        page.get_by_role("button", name="Save to the EHR").click()
        page.get_by_text("Saved in the EHR at").wait_for()
        assert reloaded() == 1
        field(page, "How?").press_sequentially("So")
        page.get_by_text("what you entered since is not").wait_for()
        page.get_by_role("link", name="Read it as it stands").click()
        page.get_by_role("link", name="Back to the form").click()
        page.wait_for_selector("#form[data-ready]")
        assert len(asked) == 1


def test_who_closes_a_form_that_the_ehr_does_not_have_is_asked_what_becomes_of_it(town):
    records = town.sandbox.extensions["ehr"].records
    with a_browser() as context:
        page = opened_form(context, town)
        field(page, "Why?").press_sequentially("Because of the pain")
        page.get_by_role("button", name="Close without sending").click()
        page.get_by_role("alert").get_by_text("What you entered is not in the EHR.").wait_for()
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        picture(page, "dtr-close")
        page.get_by_role("link", name="Back to the form").click()
        page.wait_for_selector("#form[data-ready]")
        page.get_by_role("button", name="Close without sending").click()
        page.get_by_role("button", name="Save to the EHR and close").click()
        page.get_by_role("heading", name="Open this from a patient's chart").wait_for()
    (kept,) = records.search("QuestionnaireResponse", "patient=amy-baxter")
    assert kept["item"][0]["answer"][0]["valueString"] == "Because of the pain"


def test_what_was_typed_last_is_kept_when_another_window_covers_the_page(town):
    """A phone may end a page in the background without a word."""
    with a_browser() as context:
        page = opened_form(context, town)
        field(page, "Why?").press_sequentially("Because of the pain")
        with page.expect_request("**/draft", timeout=300):
            page.evaluate("""() => {
                Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
                document.dispatchEvent(new Event('visibilitychange'));
            }""")


def test_of_two_windows_with_one_form_the_later_goes_on_and_the_earlier_is_told(town):
    """The earlier one sent all of its page, and with it took away what was entered in the later."""
    with a_browser(expected="409") as context:
        earlier = opened_form(context, town)
        later = again(context, earlier.url)
        field(later, "Why?").press_sequentially("Because of the pain")
        later.get_by_text("1 of 2 questions answered").wait_for()
        field(earlier, "How?").press_sequentially("So")
        earlier.get_by_role("alert").get_by_text("open in another window").wait_for()
        assert field(again(context, earlier.url), "Why?").input_value() == "Because of the pain"


def test_what_could_not_be_sent_is_sent_when_the_network_is_back(town):
    """And whoever types at the top of a long form on a phone sees that something is wrong."""
    with a_browser(expected="ERR_INTERNET_DISCONNECTED") as context:
        page = opened_form(context, town)
        page.set_viewport_size({"width": 360, "height": 300})
        context.set_offline(True)
        field(page, "Why?").press_sequentially("Because of the pain")
        told = page.get_by_role("alert").get_by_text("kept as soon as it answers")
        told.wait_for()
        field(page, "Why?").scroll_into_view_if_needed()
        box = told.bounding_box()
        assert 0 <= box["y"] <= 300 - box["height"]
        context.set_offline(False)
        told.wait_for(state="hidden")
        assert field(again(context, page.url), "Why?").input_value() == "Because of the pain"


@pytest.mark.parametrize("status", [None, 503])
def test_a_form_that_did_not_come_to_the_page_is_neither_blamed_nor_saved(town, status):
    """What was not drawn would be saved as not answered."""
    with a_browser(expected="Failed to load resource") as context:
        page = opened_form(context, town)
        saved = []
        page.on("request", lambda asked: saved.append(asked.url) if asked.method == "POST" else None)
        page.route("**/form.json", lambda route: route.fulfill(status=status) if status else route.abort())
        page.reload()
        page.get_by_role("alert").get_by_text("The app does not answer. Load the page again.").wait_for()
        page.get_by_role("button", name="Save to the EHR").click()
        page.wait_for_timeout(300)
        assert saved == []
        page.unroute("**/form.json")
        page.reload()
        page.wait_for_selector("#form[data-ready]")
