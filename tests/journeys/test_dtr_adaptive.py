"""An adaptive form in a browser: questions arrive and are gone to, earlier ones are changed; in both renderers."""

import shutil
import time

import pytest
from playwright import sync_api

from tests.app.test_dtr_adaptive import FewAtATime
from tests.app.town import Town
from tests.journeys.browser import a_browser, picture
from tests.journeys.test_dtr_plain import opened_form

pytestmark = [pytest.mark.journey, pytest.mark.slow]


@pytest.fixture
def payer():
    made = FewAtATime()
    yield made
    made.close()


@pytest.fixture(params=["plain", "lhc-forms"])
def town(request, opened, tmp_path, payer):
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    said = {"renderer": request.param}
    made = Town(data, lambda all_: all_ | said | {"payers": [all_["payers"][0] | {"base": payer.base}]})
    yield made
    made.close()


@pytest.mark.requirement("dtr-2.0.1@36", "dtr-2.2.0@spec-16")
def test_questions_come_as_they_are_needed_and_stay_changeable(town):
    with a_browser() as context:
        page = opened_form(context, town)
        following = page.get_by_role("button", name="Next questions")
        assert following.is_disabled()
        page.get_by_text("Yes", exact=True).first.click()
        page.keyboard.press("Tab")
        following.and_(page.locator(":enabled")).wait_for()
        following.click()
        page.get_by_text("Born when?").first.wait_for()
        page.get_by_text("One more question.").wait_for()
        assert page.locator(".mark.record").first.is_visible()
        picture(page, f"dtr-adaptive-{'lhc' if page.locator('.lhc-form-title').count() else 'plain'}")
        page.get_by_text("No", exact=True).first.click()
        page.keyboard.press("Tab")
        following.and_(page.locator(":enabled")).wait_for()
        following.click()
        page.get_by_text("The payer has no more questions").wait_for()
        assert page.get_by_text("Born when?").count() == 0
        page.get_by_label("I have checked the answers").check()
        page.get_by_role("button", name="Send", exact=True).click()
        page.get_by_role("heading", name="The form is in the EHR").wait_for()
    (sent,) = town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "status=completed")
    assert sent["item"][0]["answer"][0]["valueBoolean"] is False


def test_while_the_payer_is_asked_nothing_is_taken_that_would_be_lost(town, payer):
    """What was answered meanwhile was gone when the next questions came, and nobody was told."""
    asks = payer.next
    with a_browser() as context:
        page = opened_form(context, town)
        hurts = page.locator("#form")
        hurts.get_by_text("Yes", exact=True).first.click()
        page.keyboard.press("Tab")
        following = page.get_by_role("button", name="Next questions")
        following.and_(page.locator(":enabled")).wait_for()
        payer.next = lambda response: time.sleep(2) or asks(response)
        following.click()
        page.get_by_role("status").get_by_text("Asking the payer…").wait_for()
        with pytest.raises(sync_api.TimeoutError):
            hurts.get_by_text("No", exact=True).first.click(timeout=500)
        page.get_by_text("Born when?").first.wait_for()
        hurts.get_by_text("No", exact=True).first.click()
        page.keyboard.press("Tab")
        following.and_(page.locator(":enabled")).wait_for()
        following.click()
        page.get_by_text("The payer has no more questions").wait_for()
