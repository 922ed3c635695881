"""An EHR may show the app in a frame of its own page: a registered one alone, with a cookie that works there."""

import shutil
from urllib.parse import urlsplit

import pytest
from flask import Response

from app.dtr.browser import Browser, place_of
from app.dtr.registered import load_registered
from rules.yaml_lines import FaultyFile
from tests.app.town import Browser as Visitor
from tests.app.town import Context, Town

EHR = "https://ehr.example.org"


def cookie(browser):
    return browser.with_key(Response(), "secret").headers["Set-Cookie"]


def test_only_the_registered_origins_may_show_the_app_in_a_frame():
    policy = Browser(True, (EHR, "https://other.example")).headers(inline_styles=False)["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {EHR} https://other.example")


def test_without_registered_origins_nobody_frames_the_app():
    assert Browser(True, ()).headers(inline_styles=False)["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_in_a_frame_the_cookie_is_kept_apart_for_each_ehr_and_goes_over_tls_alone():
    said, path = cookie(Browser(True, (EHR,))), f"Path=/dtr/desk/{place_of('secret')}/"
    assert {"SameSite=None", "Secure", "Partitioned", "HttpOnly", path} <= set(said.split("; "))


@pytest.mark.parametrize(("is_secure", "frames"), [(True, ()), (False, (EHR,))])
def test_where_no_frame_is_wanted_or_can_be_the_cookie_stays_at_home(is_secure, frames):
    said = cookie(Browser(is_secure, frames))
    assert "SameSite=Lax" in said
    assert "Partitioned" not in said


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example", "ehr.example.org", "https://ehr.example.org/page", "'self'"]
)
def test_a_frame_is_allowed_to_an_origin_and_to_nothing_wider(opened, tmp_path, origin):
    file = tmp_path / "dtr.yaml"
    text = (opened / "dtr.yaml").read_text().replace("client: priorauth-dtr", f'client: x\n    frames: ["{origin}"]')
    file.write_text(text)
    with pytest.raises(FaultyFile):
        load_registered(file)


@pytest.fixture
def town(opened, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    made = Town(data, lambda said: said | {"ehrs": [one | {"frames": [EHR]} for one in said["ehrs"]]})
    yield made
    made.close()


def test_every_page_of_the_app_and_no_other_says_who_may_frame_it(town):
    visitor = Visitor(town)
    for page in (visitor.get(""), visitor.launch(), visitor.get("callback")):
        assert f"frame-ancestors {EHR}" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in visitor.get(f"{town.payer}/login").headers["Content-Security-Policy"]


def test_a_token_of_another_desk_changes_nothing(town):
    mine, theirs = Visitor(town), Visitor(town)
    page, other = mine.launch(), theirs.launch()
    assert mine.post("draft", {}, page).status_code == 200
    assert mine.post("draft", {}, other).status_code == 400


def test_two_patients_forms_are_open_in_two_windows_and_neither_shows_or_takes_the_other_s(town):
    """One browser, two launches: reading again, answering and closing stay with the patient of the window."""
    visitor = Visitor(town)
    first = visitor.launch()
    okoye = ("Coverage/bernard-okoye-acme", "DeviceRequest/home-oxygen-okoye")
    second = visitor.launch(Context("bernard-okoye", "Practitioner/lindqvist", okoye))
    assert first.url != second.url
    answered = {"item": [{"linkId": "1", "item": [{"linkId": "1.2", "answer": [{"valueString": "A. Colleague"}]}]}]}
    assert visitor.post("save", answered, first).status_code == 200
    (kept,) = town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    assert "A. Colleague" in str(kept)
    assert "A. Colleague" in visitor.get(f"{first.url}form.json").text
    assert "A. Colleague" not in visitor.get(f"{second.url}form.json").text
    visitor.press("close", second)
    assert visitor.get(f"{second.url}form.json").status_code == 409
    assert "A. Colleague" in visitor.get(f"{first.url}form.json").text


def test_the_address_of_a_desk_opens_nothing_without_its_key_nor_with_another_s(town):
    mine, theirs = Visitor(town), Visitor(town)
    page, other = mine.launch(), theirs.launch()
    assert mine.get(f"{other.url}form.json").status_code == 409
    (key,) = [one for one in mine.session.cookies if one.path == urlsplit(page.url).path]
    mine.session.cookies.set(key.name, key.value, path=urlsplit(other.url).path)
    assert mine.get(f"{other.url}form.json").status_code == 409
