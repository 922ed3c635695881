"""The DTR app's doors: who may launch it, what a browser may send, and what the payer cannot see."""

import re
import shutil
import threading
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from joserfc import jwt
from sqlalchemy.exc import OperationalError
from werkzeug.serving import make_server

from app.registration import Registration, register
from app.sandbox.ehr import CLIENT_ID, SCOPES
from app.sandbox.grants import Grant
from app.sandbox.keys import Keys
from app.sandbox.smart import Context
from app.storage import tables
from app.storage.dtr_desks import StoredDesks
from tests.app.town import ORDER, Browser, Town


@pytest.fixture(scope="module")
def town(opened, tmp_path_factory):
    data = tmp_path_factory.mktemp("town") / "data"
    shutil.copytree(opened, data)
    made = Town(data)
    yield made
    made.close()


@pytest.fixture
def browser(town):
    town.closed = frozenset()
    return Browser(town)


def answers(link, value, above):
    return {"resourceType": "QuestionnaireResponse", "item": [{"linkId": above, "item": [
        {"linkId": link, "answer": [{"valueString": value}]}]}]}  # fmt: skip


@pytest.mark.requirement("dtr-2.0.1@118", "dtr-2.2.0@spec-111")
def test_a_launch_from_the_ehr_opens_the_form(browser):
    page = browser.launch()
    assert page.status_code == 200
    assert page.url.startswith(f"{browser.town.payer}/dtr/desk/")
    assert "Home oxygen" in page.text
    state = browser.get("form.json").json()["state"]
    assert (state["asked"], state["answered"]) == (8, 6)
    assert state["marks"]["1.3"] == {"kind": "record", "words": "Practitioner's entry"}


def test_while_the_database_is_away_a_clinician_is_told_so_on_a_page_and_goes_on_afterwards(browser, monkeypatch):
    page = browser.launch()

    def away(*_):
        raise OperationalError("SELECT", {}, Exception("Amy Baxter"))

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(StoredDesks, "get", away)
        told = browser.get(page.url)
        assert (told.status_code, "try again in a moment" in told.text, "Amy" in told.text) == (503, True, False)
        assert "error" in browser.get("form.json", headers={"Content-Type": "application/json"}).json()
    assert browser.get(page.url).status_code == 200


@pytest.mark.requirement("dtr-2.0.1@202", "dtr-2.2.0@spec-82")
def test_a_search_that_finds_nothing_leaves_its_question_empty_and_is_no_failure(browser):
    page = browser.launch()
    mark = browser.get("form.json").json()["state"]["marks"]["2.2"]
    assert mark["kind"] == "empty"
    assert "did not let this app read" not in page.text


@pytest.mark.requirement("dtr-2.0.1@121", "dtr-2.2.0@spec-112")
def test_a_launch_asks_who_launches_and_for_whose_record(browser):
    iss = f"{browser.town.ehr}/fhir"
    started = browser.get("launch", params={"iss": iss, "launch": "x"}, allow_redirects=False)
    asked = parse_qs(urlsplit(started.headers["Location"]).query)
    assert {"openid", "fhirUser", "launch", "launch/patient"} <= set(asked["scope"][0].split())
    assert (asked["aud"], asked["launch"], asked["code_challenge_method"]) == ([iss], ["x"], ["S256"])


def test_the_page_runs_no_script_but_ours_and_is_framed_by_nobody(browser):
    policy = browser.launch().headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


def test_an_ehr_that_is_not_registered_is_not_contacted(browser):
    seen = []
    elsewhere = make_server("127.0.0.1", 0, lambda environ, _: seen.append(environ) or [])
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    answer = browser.get("launch", params={"iss": f"http://127.0.0.1:{elsewhere.server_port}/fhir", "launch": "x"})
    elsewhere.shutdown()
    assert (answer.status_code, seen) == (409, [])
    assert "not registered" in answer.text


@pytest.mark.parametrize("query", ["code=x&state=forged", "code=x", "state=x", "error=access_denied"])
@pytest.mark.requirement("dtr-2.0.1@336")
def test_a_callback_that_was_not_asked_for_opens_nothing(browser, query):
    browser.get("launch", params={"iss": f"{browser.town.ehr}/fhir"}, allow_redirects=False)
    assert browser.get(f"callback?{query}").status_code == 409
    assert browser.get("form.json").status_code == 409


@pytest.mark.requirement("dtr-2.0.1@336")
def test_another_browser_cannot_finish_a_launch(browser):
    started = browser.get("launch", params={"iss": f"{browser.town.ehr}/fhir"}, allow_redirects=False)
    state = parse_qs(urlsplit(started.headers["Location"]).query)["state"][0]
    assert Browser(browser.town).get(f"callback?code=x&state={state}").status_code == 409


def test_two_launches_that_are_on_their_way_at_once_both_open_their_form(browser):
    """The EHR may take its time to log somebody in; the later launch was the only one that came through."""
    ehr = browser.town.sandbox.extensions["ehr"]
    contexts = [
        Context("amy-baxter", "Practitioner/lindqvist", ("Coverage/amy-baxter-acme", ORDER)),
        Context(
            "bernard-okoye",
            "Practitioner/lindqvist",
            ("Coverage/bernard-okoye-acme", "DeviceRequest/home-oxygen-okoye"),
        ),
    ]
    asked = [{"iss": f"{browser.town.ehr}/fhir", "launch": ehr.authorization.launch(one)} for one in contexts]
    begun = [browser.get("launch", params=one, allow_redirects=False) for one in asked]
    for started, name in zip(begun, ("Amy Baxter", "Bernard Okoye"), strict=True):
        page = browser.get(started.headers["Location"])
        assert page.status_code == 200
        assert name in page.text
    assert [one for one in browser.session.cookies if one.path == "/dtr/callback"] == []


@pytest.mark.requirement("dtr-2.0.1@336")
def test_a_code_is_worth_nothing_the_second_time(browser):
    browser.launch()
    again = [one.url for one in browser.get("").history]
    assert again == []
    assert browser.get("callback?code=x&state=x").status_code == 409


@pytest.mark.parametrize("wrong", ["issuer", "audience", "nonce", "user", "signature"])
@pytest.mark.requirement("dtr-2.0.1@336")
def test_a_word_on_who_launched_that_does_not_hold_ends_the_launch(browser, monkeypatch, wrong):
    ehr = browser.town.sandbox.extensions["ehr"]

    def id_token(issuer, audience, user, nonce, at):
        said = {"issuer": issuer, "audience": audience, "user": user, "nonce": nonce} | {wrong: "https://else.example"}
        keys = Keys() if wrong == "signature" else ehr.keys
        return Keys.id_token(keys, said["issuer"], said["audience"], said["user"], said["nonce"], at)

    monkeypatch.setattr(ehr.keys, "id_token", id_token, raising=False)
    page = browser.launch()
    assert page.status_code == 409
    assert "who launched" in page.text


@pytest.mark.parametrize("lacking", [("jwks_uri",), ("issuer", "jwks_uri")])
def test_keys_are_found_by_openid_discovery_where_the_smart_configuration_has_none(browser, monkeypatch, lacking):
    authorization = browser.town.sandbox.extensions["ehr"].authorization
    said = {name: value for name, value in authorization.configuration().items() if name not in lacking}
    openid = authorization.openid()
    monkeypatch.setattr(authorization, "configuration", lambda: said)
    monkeypatch.setattr(authorization, "openid", lambda: openid)
    assert "Home oxygen" in browser.launch().text


def test_keys_of_another_server_than_the_ehr_s_are_not_believed(browser, monkeypatch):
    authorization = browser.town.sandbox.extensions["ehr"].authorization
    openid = authorization.openid() | {"jwks_uri": "https://evil.example/jwks.json"}
    said = {name: value for name, value in authorization.configuration().items() if name != "jwks_uri"}
    monkeypatch.setattr(authorization, "configuration", lambda: said)
    monkeypatch.setattr(authorization, "openid", lambda: openid)
    assert browser.launch().status_code == 409


def test_an_ehr_that_gives_no_nonce_is_believed_since_pkce_ties_the_code_to_the_launch(browser, monkeypatch):
    ehr = browser.town.sandbox.extensions["ehr"]

    def id_token(issuer, audience, user, _nonce, at):
        return jwt.encode({"alg": "ES384"}, {
            "iss": issuer, "aud": audience, "fhirUser": user, "exp": int(at.timestamp()) + 300}, ehr.keys._hook,
            algorithms=["ES384"])  # fmt: skip

    monkeypatch.setattr(ehr.keys, "id_token", id_token, raising=False)
    monkeypatch.setattr(ehr.keys, "jwks", lambda: {"keys": [ehr.keys._hook.as_dict(private=False)]})
    assert "Home oxygen" in browser.launch().text


@pytest.mark.requirement("dtr-2.0.1@154", "dtr-2.2.0@spec-121")
def test_who_launches_without_an_order_chooses_one(browser):
    page = browser.launch(Context("amy-baxter", "Practitioner/lindqvist"))
    assert "What is to be documented?" in page.text
    chosen = {"order": ORDER, "coverage": "Coverage/amy-baxter-acme"}
    stranger = browser.press("choose", page, **chosen | {"order": "DeviceRequest/home-oxygen-okoye"})
    assert stranger.status_code == 409
    opened = browser.press("choose", page, **chosen)
    assert "Home oxygen" in opened.text


MRI = "ServiceRequest/lumbar-mri-baxter"


def test_who_launches_for_two_orders_is_told_and_chooses_one(browser):
    """The first one was taken, and nobody heard of the other."""
    both = ("Coverage/amy-baxter-acme", ORDER, MRI, f"{browser.town.ehr}/fhir/{ORDER}")
    page = browser.launch(Context("amy-baxter", "Practitioner/lindqvist", both))
    assert "launched this app for 2 orders" in page.text
    assert page.text.count('type="radio"') == 2
    assert "Choose an order." in browser.press("choose", page, order="DeviceRequest/bath-chair").text
    assert "MRI" in browser.press("choose", page, order=MRI).text
    assert browser.get("form.json").json()["form"]["title"].startswith("MRI")


def test_of_two_orders_the_one_that_is_chosen_may_want_its_coverage_chosen_too(browser, monkeypatch):
    records = browser.town.sandbox.extensions["ehr"].records
    own = records.get(MRI)
    records.put({name: value for name, value in own.items() if name != "insurance"})
    records.put(records.get("Coverage/amy-baxter-acme") | {"id": "amy-baxter-second"})
    page = browser.launch(Context("amy-baxter", "Practitioner/lindqvist", (ORDER, MRI)))
    page = browser.press("choose", page, order=MRI)
    assert "amy-baxter-second" in page.text
    opened = browser.press("choose", page, order=MRI, coverage="Coverage/amy-baxter-acme")
    records.put(own)
    records.put(own)
    records.put(records.get("Coverage/amy-baxter-second") | {"status": "cancelled"})
    assert browser.get("form.json").json()["form"]["title"].startswith("MRI"), opened.text


def test_an_order_that_is_launched_with_its_visit_is_what_the_form_is_for(browser):
    records = browser.town.sandbox.extensions["ehr"].records
    records.put({"resourceType": "Encounter", "id": "visit", "status": "in-progress",
                 "subject": {"reference": "Patient/amy-baxter"}})  # fmt: skip
    about = ("Encounter/visit", "Coverage/amy-baxter-acme", ORDER)
    assert "Home oxygen" in browser.launch(Context("amy-baxter", "Practitioner/lindqvist", about)).text


def test_a_standalone_launch_asks_the_ehr_for_the_patient(browser):
    welcome = browser.get("launch")
    link = re.search(r'href="(/dtr/launch\?iss=[^"]+)"', welcome.text)[1]
    choice = browser.get(f"{browser.town.payer}{link}")
    assert "For which patient?" in choice.text
    link = re.search(r'href="(/auth/authorize\?[^"]*patient=amy-baxter[^"]*)"', choice.text)[1].replace("&amp;", "&")
    assert "What is to be documented?" in browser.get(f"{browser.town.ehr}{link}").text


@pytest.mark.parametrize("about", ["DeviceRequest/home-oxygen-okoye", "QuestionnaireResponse/strange"])
def test_what_belongs_to_another_patient_is_not_opened(browser, monkeypatch, about):
    """Even where an EHR would give it out."""
    monkeypatch.setattr(Grant, "sees", lambda *_: True)
    records = browser.town.sandbox.extensions["ehr"].records
    records.put({"resourceType": "QuestionnaireResponse", "id": "strange", "status": "in-progress",
                 "subject": {"reference": "Patient/bernard-okoye"}})  # fmt: skip
    page = browser.launch(Context("amy-baxter", "Practitioner/lindqvist", (about,)))
    assert page.status_code == 409
    assert "another patient" in page.text
    assert "okoye" not in page.text.lower()


def test_what_the_ehr_refuses_is_said_and_the_rest_is_filled(browser):
    browser.town.closed = frozenset({"/fhir/Observation"})
    page = browser.launch()
    assert "did not let this app read Observation" in page.text
    state = browser.get("form.json").json()["state"]
    assert state["marks"]["1.2"]["kind"] == "record"
    assert "2.1" in {link for link, mark in state["marks"].items() if mark["kind"] == "empty"}


def test_an_ehr_that_gives_no_coverage_is_told_of_in_words(browser):
    """Whose form it is cannot be known; the page says so, and a later try opens the form."""
    browser.town.closed = frozenset({"/fhir/Coverage/amy-baxter-acme"})
    page = browser.launch()
    assert page.status_code == 409
    assert "The EHR did not give what the form is about" in page.text
    browser.town.closed = frozenset()
    assert browser.get("").status_code == 200


@pytest.mark.requirement("dtr-2.0.1@212", "dtr-2.2.0@spec-142")
def test_what_is_typed_stays_on_the_desk_and_counts(browser):
    page = browser.launch()
    state = browser.post("draft", answers("1.2", "Somebody Else", "1"), page).json()
    assert state["marks"]["1.2"] == {"kind": "changed", "words": "by you; the record says otherwise"}
    assert state["answered"] == 1
    held = browser.get("form.json").json()["response"]
    assert held["item"][0]["item"][0]["answer"][0]["valueString"] == "Somebody Else"


def test_script_in_an_answer_is_text_and_an_unknown_question_is_left_out(browser):
    page = browser.launch()
    hostile = answers("1.2", "<script>alert(1)</script>", "1")
    hostile["item"].append({"linkId": "evil", "answer": [{"valueString": "x"}]})
    browser.post("draft", hostile, page)
    assert "<script>alert" not in browser.get("").text
    assert [one["linkId"] for one in browser.get("form.json").json()["response"]["item"]] == ["1"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"item": 1}', b'{"item": ' * 500 + b"1" + b"}" * 500])
def test_a_body_that_is_no_form_changes_nothing(browser, body):
    page = browser.launch()
    token = re.search(r'name="csrf-token" content="([^"]+)"', page.text)[1]
    headers = {"X-CSRFToken": token, "Content-Type": "application/json", "Referer": page.url}
    answer = browser.session.post(urljoin(page.url, "draft"), data=body, headers=headers, timeout=20)
    assert answer.status_code in {200, 409}


def test_a_form_with_too_much_in_it_is_told_so_in_words(browser):
    page = browser.launch()
    told = browser.post("save", answers("1.2", "x" * 2_000_000, "1"), page)
    assert told.status_code == 413
    assert "its files may have 1.4 MB together" in told.json()["error"]


@pytest.mark.parametrize("action", ["draft", "save", "complete", "close", "choose"])
def test_nothing_is_done_for_a_request_that_another_site_made(browser, action):
    page = browser.launch()
    assert browser.post(action, {}, page, **{"X-CSRFToken": "x"}).status_code == 400


@pytest.mark.requirement("dtr-2.0.1@216", "dtr-2.2.0@spec-145")
def test_a_form_is_not_sent_before_it_is_complete_and_attested(browser):
    page = browser.launch()
    refused = browser.post("complete", answers("1.2", "A", "1") | {"attested": True}, page)
    assert refused.status_code == 422
    assert {one["link_id"] for one in refused.json()["missing"]} == {"1.1", "1.3", "2.3", "2.4"}
    assert not browser.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "status=completed")


def test_an_ehr_that_does_not_take_the_form_loses_nothing(browser):
    page = browser.launch()
    browser.town.closed = frozenset({"/fhir/QuestionnaireResponse"})
    refused = browser.post("save", answers("1.2", "Kept", "1"), page)
    assert refused.status_code == 409
    assert "still here" in refused.json()["error"]
    assert "Kept" in browser.get("form.json").text


def test_the_payer_s_database_holds_nothing_that_it_can_read(browser):
    browser.launch()
    with browser.town.service.database.reading() as connection:
        rows = connection.execute(tables.dtr_desks.select()).all()
    assert rows
    words = (b"amy-baxter", b"Lindqvist", b"access_token", b"linkId")  # none that random bytes spell by chance
    assert not any(word in row.sealed for row in rows for word in words)


def test_who_closes_the_form_leaves_nothing_behind(browser):
    page = browser.launch()
    secret = browser.session.cookies.get("priorauth_dtr", path=urlsplit(page.url).path)
    browser.post("close", {}, page)
    browser.session.cookies.set("priorauth_dtr", secret, path=urlsplit(page.url).path)
    assert browser.get("form.json").status_code == 409


def test_a_page_whose_form_is_closed_meanwhile_says_so_and_what_to_do(browser):
    page = browser.launch()
    browser.press("close", page)
    told = browser.post("draft", answers("1.2", "Too Late", "1"), page)
    assert told.status_code == 400
    assert "no longer open in this browser. Launch it again from the EHR" in told.json()["error"]


def test_the_chart_shows_what_the_payer_answered_to_a_request_of_the_ehr_s_staff(town):
    keys = f"{town.ehr}/jwks.json"
    said = Registration(name=CLIENT_ID, organizations=("1234567893",), scopes=tuple(SCOPES.split()), jwks=keys)
    register(town.service.config, said)
    chart = town.sandbox.test_client()
    asked = chart.post("/clerk/submit", json={"order": ORDER, "version": "2.0"})
    assert asked.status_code == 200
    page = chart.get("/chart/amy-baxter").text.partition("Answers of the payer")[2]
    assert "None yet" not in page
    assert "<td>Pended</td>" in page
