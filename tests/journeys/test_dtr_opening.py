"""Who launches the app sees at once that the form is on its way, however slow EHR and payer are."""

import json
import time

import pytest

from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import a_town, paid_by
from tests.journeys.browser import a_browser

pytestmark = [pytest.mark.journey, pytest.mark.slow]
SLOW_SECONDS = 2


@pytest.fixture
def payer():
    made = OtherPayer()
    made.packages = [(a_form({"linkId": "why", "type": "string", "text": "Why?"}), None, [])]
    yield made
    made.close()


@pytest.fixture
def town(opened, tmp_path, payer):
    with a_town(opened, tmp_path, paid_by(payer)) as made:
        yield made


def launches(page, town):
    page.goto(town.launch(), wait_until="commit")


def slow(town, path):
    """Let the EHR take its time for what is at this path."""
    quick = town.ehr_server.app

    def app(environ, start):
        if environ["PATH_INFO"] == path:
            time.sleep(SLOW_SECONDS)
        return quick(environ, start)

    town.ehr_server.app = app


LEFT = """{
    const begun = performance.now();
    addEventListener("pagehide", () => sessionStorage.setItem("left", JSON.stringify([
        ...JSON.parse(sessionStorage.getItem("left") ?? "[]"),
        [document.querySelector("h1")?.checkVisibility() && document.title, performance.now() - begun]])));
}"""
"""Each page adds, when another takes its place, what it was and for how long it was there."""


CONFIGURATION = "/fhir/.well-known/smart-configuration"


@pytest.mark.parametrize("path", [CONFIGURATION, "/auth/token", "/fhir/Patient/amy-baxter"])
def test_while_the_ehr_takes_its_time_the_page_says_what_is_under_way(town, path):
    slow(town, path)
    with a_browser() as context:
        context.add_init_script(LEFT)
        page = context.new_page()
        launches(page, town)
        page.wait_for_selector("#form[data-ready]")
        left = json.loads(page.evaluate("sessionStorage.getItem('left')"))
        assert [title for title, milliseconds in left if milliseconds >= SLOW_SECONDS * 900] == ["Opening the form"]
        page.go_back()  # to what was there before the launch, and not to a page that opens it again
        assert page.url == "about:blank"


def test_without_scripts_the_page_goes_on_by_itself_too(town):
    with a_browser(java_script_enabled=False) as context:
        page = context.new_page()
        launches(page, town)
        page.get_by_role("heading", name="Another's form").wait_for()


def test_who_waited_in_vain_is_told_why_and_tries_again(town):
    town.closed = frozenset({"/fhir/Patient/amy-baxter"})
    with a_browser(expected="409") as context:
        page = context.new_page()
        launches(page, town)
        page.get_by_role("alert").get_by_text("The EHR did not give what the form is about.").wait_for()
        town.closed = frozenset()
        page.get_by_role("link", name="Try again").click()
        page.wait_for_selector("#form[data-ready]")
