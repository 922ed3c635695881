"""Who leaves a form finds it as it was left: by a link, by closing or reloading the page, right after the last key."""

import shutil

import pytest

from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import Town, paid_by
from tests.journeys.browser import a_browser
from tests.journeys.test_dtr_plain import opened_form

pytestmark = [pytest.mark.journey, pytest.mark.slow]

FORM = a_form({"linkId": "why", "type": "string", "text": "Why?"}, {"linkId": "how", "type": "string", "text": "How?"})


@pytest.fixture(params=["plain", "lhc-forms"])
def town(request, opened, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    payer = OtherPayer()
    payer.packages = [(FORM, None, [])]
    made = Town(data, lambda registered: paid_by(payer)(registered) | {"renderer": request.param})
    yield made
    made.close()
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
        page.on("dialog", lambda asked: asked.accept())
        field(page, "Why?").press_sequentially("Because of the pain")
        page.close(run_before_unload=True)
        assert field(again(context, page.url), "Why?").input_value() == "Because of the pain"


def test_who_reloads_right_after_the_last_key_is_asked_first_and_loses_nothing(town):
    asked = []
    with a_browser() as context:
        page = opened_form(context, town)
        page.on("dialog", lambda dialog: (asked.append(dialog.type), page.wait_for_timeout(300), dialog.accept()))
        field(page, "Why?").press_sequentially("Because of the pain")
        page.reload()
        page.wait_for_selector("#form[data-ready]")
        assert field(page, "Why?").input_value() == "Because of the pain"
        page.reload()
        page.wait_for_selector("#form[data-ready]")
    assert asked == ["beforeunload"]


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
