"""A real browser for journeys: the system's Chromium, driven by Playwright; what it showed is kept as pictures."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@contextmanager
def a_browser(*, expected=None, **options):
    """Give a browser context; a script error or a blocked script fails the test, unless it says `expected`."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        if os.environ.get("CI"):  # noqa: TID251 the test run's own environment
            pytest.fail("chromium is not installed, and in CI nothing is skipped")
        pytest.skip("chromium is not installed")
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 1000}, **options)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        context.set_default_timeout(20_000)
        try:
            yield context
        finally:
            browser.close()
    assert [said for said in complaints if not (expected and expected in said)] == []


def picture(page, name):
    """Keep what the page shows now as build/screenshots/NAME.png."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
