"""An EHR's page shows the app in a frame of its own, in a real browser: where it is registered, and nowhere else."""

import shutil

import pytest
from flask import Response

from tests.app.town import Town
from tests.journeys.browser import a_browser, picture

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def framed(town):
    """Give the EHR a page that launches the app in a frame; return its address."""
    source = town.launch().replace("&", "&amp;")
    head = '<!doctype html><link rel="icon" href="data:,"><title>Chart</title>'
    page = f'{head}<iframe title="Form" width="1200" height="900" src="{source}"></iframe>'
    town.sandbox.add_url_rule("/framed", "framed", lambda: Response(page, content_type="text/html"))
    return f"{town.ehr}/framed"


def a_town(opened, tmp_path, is_registered):
    data = tmp_path / "data"
    shutil.copytree(opened, data)

    def said(registered):
        frames = [one | {"frames": [one["iss"].removesuffix("/fhir")]} for one in registered["ehrs"]]
        return registered | {"renderer": "plain"} | ({"ehrs": frames} if is_registered else {})

    return Town(data, said)


def test_the_form_opens_and_keeps_answers_in_a_registered_ehr_s_frame(opened, tmp_path):
    town = a_town(opened, tmp_path, is_registered=True)
    with a_browser() as context:
        page = context.new_page()
        page.goto(framed(town))
        form = page.frame_locator("iframe")
        form.locator("#form[data-ready]").wait_for()
        form.get_by_role("button", name="Save to the EHR").click()
        form.get_by_text("Saved in the EHR").wait_for()
        picture(page, "dtr-framed")
    town.close()


def test_nobody_else_shows_the_app_in_a_frame(opened, tmp_path):
    town = a_town(opened, tmp_path, is_registered=False)
    refused = "frame-ancestors"  # what the browser complains of
    with a_browser(expected=refused) as context:
        page = context.new_page()
        with page.expect_console_message(lambda said: refused in said.text):
            page.goto(framed(town))
        assert page.frame_locator("iframe").locator("#form").count() == 0
    town.close()
