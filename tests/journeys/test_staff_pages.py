"""The staff pages in a browser: each of them fits a telephone, takes no script, and is reached by its links."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.journeys.browser import a_browser, picture
from tests.journeys.test_killed import PASSWORD, a_pended_case

pytestmark = [pytest.mark.journey, pytest.mark.slow]
NARROW = {"width": 360, "height": 740}
MACHINES = ("/cds-services", "/fhir/", "/health/", "/static/", "/logout")


def links_of(page):
    """Return the paths of our pages that a page leads to."""
    found = page.eval_on_selector_all("a[href]", "all => all.map(one => one.href)")
    here = urlsplit(page.url).netloc
    paths = [f"{at.path}?{at.query}" if at.query else at.path for at in map(urlsplit, found) if at.netloc == here]
    return [one for one in paths if not one.startswith(MACHINES)]


def sent(page):
    with page.expect_navigation():
        page.keyboard.press("Enter")


def wider(page):
    """Return how much wider than the window the page is."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_every_page_of_the_staff_fits_a_telephone(build_town):
    town = build_town()
    _, reference = a_pended_case(town)
    link = town.here.operate("staff", "add", "everybody", "--role", "reviewer", "--licence", "NY/123456")
    with a_browser(java_script_enabled=False) as context:
        page = context.new_page()
        page.set_viewport_size(NARROW)
        page.goto(link.split()[-1])
        page.locator("input[type=password]").fill(PASSWORD)
        sent(page)
        page.goto(f"{town.here.service}/login")
        page.get_by_label("Name").fill("everybody")
        page.get_by_label("Password").fill(PASSWORD)
        sent(page)
        expect(page.get_by_role("link", name="Worklist").first).to_be_visible()
        seen, waiting = {}, ["/"]
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            answer = page.goto(f"{town.here.service}{path}")
            assert answer.status == 200, path
            seen[path] = wider(page)
            waiting += links_of(page)
        assert {path: wide for path, wide in seen.items() if wide} == {}
        assert {"/", "/worklist", "/policies", "/forms", "/hooks", "/inbox", "/lookup"} <= seen.keys()
        (case,) = [path for path in seen if path.startswith("/authorizations/")]
        page.goto(f"{town.here.service}{case}")
        expect(page.get_by_text(reference).first).to_be_visible()
        picture(page, "staff-narrow")
