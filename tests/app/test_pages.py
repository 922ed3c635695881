"""The staff's pages: who is here is known, forms come from here, a verdict that cannot stand changes nothing."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import OperationalError
from werkzeug.datastructures import MultiDict

from app import cli
from app.security import staff
from app.security.staff import invite
from app.storage import events, tables
from app.storage.database import Database
from app.storage.staff import Person as Staff
from fhir_r4.problems import NotAuthenticated, Unavailable
from fhir_r4.systems import HCPCS, X12_UNIT
from fhir_r4.wire import read_json
from tests.app.browsing import PASSWORD, Person
from tests.given import (
    a_form_response,
    a_submission_bundle,
    an_inquiry_bundle,
    an_update_bundle,
    entry,
    infos,
    percent,
)


@pytest.fixture
def case(house):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    return f"/authorizations/{house.rows(tables.authorizations)[0]['id']}"


@pytest.fixture
def silva(house):
    """Who came in by the link and a password, as both are tested here."""
    return Person(house).comes_in()


def test_the_case_page_shows_the_form_and_how_the_policy_saw_it(silva, case):
    page = silva.browser.get(case).text
    for words in ("Amy Baxter, born 1950-02-01", "E0424", "J44.9", "recent test", "at_rest", "Decision due"):
        assert words in page


def test_the_case_page_says_who_asks_for_how_much_and_when(silva, house):
    bundle = a_submission_bundle(form=a_form_response({"2.1": None}))
    (item,) = entry(bundle, "Claim")["item"]
    item |= {"servicedPeriod": {"start": "2026-03-02", "end": "2026-05-31"}}
    item["quantity"] = {"value": 3, "unit": "Units", "system": X12_UNIT, "code": "UN"}
    item["modifier"] = [{"coding": [{"system": HCPCS, "code": "RR"}]}]
    item.pop("servicedDate", None)
    house.submit(bundle)
    page = silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text
    assert "<dt>Asked for</dt><dd>3 Units, 2026-03-02 to 2026-05-31, modifier RR</dd>" in page
    assert "<dt>Requested by</dt><dd>Riverside Pulmonary Clinic, NPI 1234567893</dd>" in page


def test_questions_that_came_without_their_words_have_those_of_our_form(silva, house):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": percent(92)})))
    page = silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text
    assert "<h2>The form: Home oxygen</h2>" in page
    assert "<tr><td>Oxygen saturation (%)</td><td>92 %</td></tr>" in page


def test_a_form_is_shown_whatever_came_after_it(silva, house):
    """An update that only says what differs leaves the form where it was."""
    first = a_submission_bundle(form=a_form_response({"2.1": percent(92)}))
    house.submit(first)
    house.clock.now += timedelta(minutes=1)
    update = an_update_bundle(first)
    claim = entry(update, "Claim")
    claim["item"] = [infos(claim["item"][0], "changed") | {"servicedDate": "2026-03-05"}]
    del claim["supportingInfo"], claim["item"][0]["informationSequence"]
    assert house.submit(update).status_code == 200
    page = silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text
    assert "<td>92 %</td>" in page


def test_a_coded_answer_is_shown_in_words_with_the_code_that_others_know_in_small(silva, house):
    ours = {"system": "https://forms.priorauth.example.org/CodeSystem/cpap", "code": "own", "display": "A first device"}
    theirs = {"system": "http://loinc.org", "code": "20564-1", "display": "Oxygen saturation"}
    form = a_form_response({"2.5": {"valueCoding": ours}, "2.6": {"valueCoding": theirs}})
    house.submit(a_submission_bundle(form=form))
    page = silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text
    assert "<td>A first device</td>" in page
    assert "<td>Oxygen saturation <small>20564-1</small></td>" in page


def answered(link, *answers, text=None):
    return {"linkId": link, "text": text or link, "answer": list(answers)}


def test_no_answer_of_a_form_is_missing_on_the_case_page(silva, house):
    """Below an answer, in each entry of a group, files by their names, and a bound as a bound."""
    letter = {"valueAttachment": {"contentType": "application/pdf", "title": "Letter of 3 May"}}
    bare = {"valueAttachment": {"contentType": "image/png", "data": "iVBO"}}
    dose = answered("dose", {"valueString": "5 mg"}, text="Dose")
    visits = [
        {"linkId": "v", "item": [answered("day", {"valueDate": day}, text="Day")]}
        for day in ("2026-01-02", "2026-02-03")
    ]
    items = [
        answered("2.1", percent(5, comparator="<"), text="Saturation"),
        answered("drug", {"valueString": "Steroid", "item": [dose]}, {"valueString": "Ibuprofen", "item": [dose]}),
        *visits,
        answered("file", letter, bare, text="Files"),
        {"linkId": "none", "text": "Not answered"},
    ]
    house.submit(a_submission_bundle(form=a_form_response() | {"item": items}))
    page = silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text
    rows = [
        ("Saturation", "&lt;5 %"), ("drug", "Steroid"), ("Dose (entry 1)", "5 mg"), ("drug", "Ibuprofen"),
        ("Dose (entry 2)", "5 mg"), ("Day (entry 1)", "2026-01-02"), ("Day (entry 2)", "2026-02-03"),
        ("Files", "Letter of 3 May"), ("Files", "image/png"),
    ]  # fmt: skip
    assert re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", page)[: len(rows)] == rows
    assert "None" not in page


def test_a_reviewer_certifies(silva, case, house):
    answer = silva.decides(case, action="A1", starts="2026-03-01", ends="2026-08-31")
    assert (answer.status_code, answer.location) == (303, f"{case}#item-1")
    page = silva.browser.get(case).text
    assert "certified, 2026-03-01 to 2026-08-31" in page
    assert [row["action"] for row in house.rows(tables.decisions)] == ["A4", "A1"]
    assert house.rows(tables.events)[-1]["actor"] == "dr-silva"


def test_a_reviewer_refuses_with_reason_and_licence(silva, case, house):
    assert silva.decides(case, action="A3", reason="Not shown.").status_code == 303
    last = house.rows(tables.decisions)[-1]
    assert (last["action"], last["basis"], last["licence"], last["reason"]) == (
        "A3", "clinician", "NY/123456", "Not shown.",
    )  # fmt: skip


def test_how_the_policy_saw_it_stays_beneath_what_people_decided_and_for_an_appeal(silva, case):
    page = silva.browser.get(case).text
    facts = page[page.index("<h3>Facts") : page.index("<h3>Decision rows")]
    for said in ({"action": "A3"}, {"move": "reopened", "action": "A4"}, {"move": "decided", "action": "A1", **LAST}):
        silva.decides(case, reason="Not shown.", **said)
        page = silva.browser.get(case).text
        assert "Before the verdict above: Home oxygen" in page
        assert facts in page


LAST = {"starts": "2026-03-01", "ends": "2026-08-31"}


def test_a_licensed_reviewer_certifies_less_and_the_provider_is_told_why(silva, case, house):
    silva.decides(case, action="A6", quantity="2", reason="Two to begin with.", **LAST)
    last = house.rows(tables.decisions)[-1]
    assert (last["action"], last["granted"]["quantity"], last["reason_codes"][0]["code"]) == ("A6", "2", "X6")
    assert "modified: 2 Units, 2026-03-01" in silva.browser.get(case).text


def test_a_part_is_certified_and_stays_so_while_an_appeal_is_looked_at(silva, case, house):
    silva.decides(case, action="A2", quantity="0.5", reason="Half of it for now.", **LAST)
    last = house.rows(tables.decisions)[-1]
    assert (last["action"], last["granted"]["quantity"]) == ("A2", "0.5")
    assert "certified in part: 0.5 Units, 2026-03-01" in silva.browser.get(case).text
    silva.decides(case, move="reopened", action="A4", reason="An appeal.")
    page = silva.browser.get(case).text
    assert "pended; certified of it: 0.5 Units, 2026-03-01 to 2026-08-31" in page
    assert "Do not certify" not in page
    refused = silva.decides(case, action="A3", reason="No more of it.", seen="3")
    assert (refused.status_code, "certified already" in refused.text) == (422, True)
    told = read_json(house.inquire(an_inquiry_bundle()).data)["entry"][0]["resource"]
    assert told["preAuthPeriod"] == {"start": "2026-03-01", "end": "2026-08-31"}
    silva.decides(case, action="A2", quantity="0.5", reason="No more of it.", **LAST)
    assert house.rows(tables.decisions)[-1]["number"] == last["number"]


def test_a_settled_case_is_corrected_reopened_extended_and_its_history_is_kept(silva, case, house):
    silva.decides(case, action="A3", reason="Not shown.")
    silva.decides(case, move="reopened", action="A4", reason="Peer-to-peer with the orderer.")
    silva.decides(case, action="A1", **LAST)
    silva.decides(case, move="extended", action="A1", ends="2026-12-31", reason="Still needed.")
    silva.decides(case, move="corrected", action="A3", reason="Entered for another patient.")
    assert [row["action"] for row in house.rows(tables.decisions)] == ["A4", "A3", "A4", "A1", "A1", "A3"]
    assert house.happened() == [
        "authorization.submitted",
        "authorization.decided",
        "authorization.reopened",
        "authorization.decided",
        "authorization.extended",
        "authorization.corrected",
    ]
    page = silva.browser.get(case).text
    assert "Times below are those of America/New_York." in page
    told = re.findall('data-label="What">(.*?)</td>', page)
    assert told == [
        "submitted",
        "decided: not certified",
        "reopened: pended",
        "decided: certified",
        "extended: certified",
        "corrected: not certified",
    ]
    assert [row["kind"] for row in house.rows(tables.outbox)].count("authorization.changed") == 5


def test_what_is_settled_is_taken_up_again_with_a_reason_only(silva, case, house):
    silva.decides(case, action="A1", **LAST)
    answer = silva.decides(case, move="reopened", action="A4", reason="")
    assert answer.status_code == 422
    assert "Give a reason that the provider can act on" in answer.text
    assert silva.decides(case, move="extended", action="A1", ends="2026-05-01", reason="x").status_code == 422
    assert len(house.rows(tables.decisions)) == 2


def test_a_reviewer_asks_for_documents_and_the_form(silva, case, house):
    asked = {"document": "11506-3", "form": "1", "note": "The note of the last visit."}
    assert silva.post(f"{case}/ask", asked, page=case).status_code == 303
    rows = house.rows(tables.information_requests)
    assert {row["kind"] for row in rows if row["asked_by"] == "dr-silva"} == {"documents", "questionnaire"}
    assert house.happened()[-1] == "authorization.information-asked"
    page = silva.browser.get(case).text
    assert "Progress note" in page
    assert "waited for" in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"note": "x"}, "Choose what is asked for"),
        ({"document": "99999-9", "note": "x"}, "Choose what is asked for"),
        ({"document": "11506-3", "note": " "}, "Write what is needed and why"),
        ({"document": "11506-3", "note": "x", "seen": "7"}, "has changed"),
        ({"document": "11506-3", "note": "x", "sequence": "x"}, "not complete"),
    ],
)
def test_a_question_that_is_none_is_shown_again(silva, case, house, form, words):
    answer = silva.post(f"{case}/ask", form, page=case)
    assert answer.status_code in {409, 422}
    assert words in answer.text
    assert [row for row in house.rows(tables.information_requests) if row["asked_by"] == "dr-silva"] == []


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"action": "A3", "reason": ""}, "Give a reason that the provider can act on"),
        ({"action": "A1", "starts": "2026-03-01", "ends": ""}, "Give the first and the last day to certify"),
        ({"action": "A1", "starts": "2026-03-02", "ends": "2026-03-01"}, "The last day must not be before the"),
        ({"action": ""}, "Choose what is decided"),
        ({"action": "A9"}, "Choose what is decided"),
        ({"action": "A2", "reason": "x", "quantity": "2", **LAST}, "What is certified in part must be less"),
        ({"action": "A2", "reason": "x", **LAST}, "Say how much of it is certified"),
        ({"action": "A6", "reason": "x", "quantity": "NaN", **LAST}, "Say how much as a number, such as 12"),
        ({"action": "A6", "reason": "x", "quantity": "twelve", **LAST}, "Say how much as a number, such as 12"),
        ({"action": "A3", "reason": "x", "sequence": "9"}, "The case has no such item"),
    ],
)
def test_a_verdict_that_cannot_stand_is_shown_again_with_what_is_wrong(silva, case, house, form, words):
    answer = silva.decides(case, **form)
    assert answer.status_code == 422
    assert words in answer.text
    assert len(house.rows(tables.decisions)) == 1


def test_what_was_written_into_a_refused_form_stands_in_that_form_again_and_in_no_other(silva, house):
    bundle = a_submission_bundle(form=a_form_response({"2.1": None}))
    items = entry(bundle, "Claim")["item"]
    items.append(deepcopy(items[0]) | {"sequence": 2})
    house.submit(bundle)
    case = f"/authorizations/{house.rows(tables.authorizations)[0]['id']}"
    page = silva.decides(case, action="A1", reason="For the second alone.", sequence="2", starts="2026-03-01").text
    assert (
        page.count("Give the first and the last day to certify.") == 2
    )  # at the top, and in the form that it opens at
    first, second = page.split("Your verdict on item 2")
    assert "Give the first and the last day to certify." in second
    assert "For the second alone." not in first
    assert "For the second alone." in second
    assert 'value="A1" required checked' in second
    page = silva.post(f"{case}/ask", {"move": "information-asked", "note": "Which test?"}, page=case).text
    assert (page.count("Which test?"), page.count("<details open>")) == (1, 1)


def test_while_the_database_is_away_staff_are_told_so_on_a_page(silva, case, house, monkeypatch):
    def away(*_):
        raise OperationalError("SELECT", {}, Exception("Ada Lovelace"))

    monkeypatch.setattr("app.pages.review.authorizations.find", away)
    answer = silva.browser.get(case)
    assert (answer.status_code, answer.headers["Retry-After"], "Try again in a moment" in answer.text) == (
        503,
        "2",
        True,
    )
    assert "Ada" not in answer.text


def test_more_than_a_form_takes_is_said_on_a_page(silva, case):
    answer = silva.decides(case, action="A3", reason="x" * 200_000)
    assert (answer.status_code, "more than fits in here" in answer.text) == (413, True)


def test_without_a_licence_nobody_refuses(house, case):
    nurse = Person(house, "a-nurse", licence=None).comes_in()
    assert "needs a licence" in nurse.browser.get(case).text
    answer = nurse.decides(case, action="A3", reason="Not shown.")
    assert answer.status_code == 422
    assert "Only a licensed clinician" in answer.text


def test_a_stale_page_is_told_and_changes_nothing(silva, case, house):
    form = silva.form(case) | {"action": "A3", "reason": "Not shown."}
    assert silva.browser.post(f"{case}/verdict", data=form).status_code == 303
    answer = silva.browser.post(f"{case}/verdict", data=form)
    assert answer.status_code == 409
    assert "changed since this page was opened" in answer.text
    assert len(house.rows(tables.decisions)) == 2


def test_a_verdict_on_a_settled_case_is_told(silva, case, house):
    form = silva.form(case)
    silva.browser.post(f"{case}/verdict", data=form | {"action": "A3", "reason": "Not shown."})
    again = form | {"action": "A1", "starts": "2026-03-01", "ends": "2026-03-31", "seen": "2"}
    assert silva.browser.post(f"{case}/verdict", data=again).status_code == 409
    assert len(house.rows(tables.decisions)) == 2


def test_an_auditor_looks_and_does_not_decide(house, case):
    auditor = Person(house, "an-auditor", role="auditor").comes_in()
    page = auditor.browser.get(case).text
    assert "Your verdict" not in page
    assert auditor.decides(case, action="A3", reason="x", seen="1", sequence="1").status_code == 403


def test_who_looked_at_a_case_is_recorded_and_is_no_part_of_its_history(silva, case, house):
    for _ in range(2):
        assert silva.browser.get(case).status_code == 200
    with house.service.database.reading() as connection:
        assert [one.what for one in events.history(connection, case.rpartition("/")[2])] == ["submitted"]
    assert silva.browser.get(f"{case}x").status_code == 404
    looks = [row for row in house.rows(tables.events) if row["kind"] == "case.read"]
    assert [(row["actor"], f"/authorizations/{row['authorization_id']}") for row in looks] == [("dr-silva", case)] * 2


@pytest.mark.parametrize("path", ["{case}", "{case}/attachments/x/0", "/inbox"])
def test_who_looks_after_the_service_sees_no_patient(house, case, path):
    admin = Person(house, "ms-op", role="admin", licence=None).comes_in()
    assert admin.browser.get(path.format(case=case)).status_code == 403
    assert not [row for row in house.rows(tables.events) if row["kind"].endswith(".read")]


@pytest.mark.parametrize(
    ("path", "login"), [("/worklist", "/login"), ("/authorizations/x", "/login?case=x"), ("/hooks", "/login")]
)
def test_nobody_is_sent_to_the_login(house, path, login):
    answer = house.web.get(path)
    assert (answer.status_code, answer.location) == (302, login)


def test_a_form_that_did_not_come_from_here_is_refused(silva, case, house):
    form = silva.form(case) | {"action": "A3", "reason": "x", "csrf_token": "forged"}
    assert silva.browser.post(f"{case}/verdict", data=form).status_code == 400
    assert len(house.rows(tables.decisions)) == 1


def test_over_tls_a_form_is_taken_from_our_own_pages_alone(silva, case):
    """As where a proxy tells that it spoke TLS: the check asks for the Referer, which the pages let a browser send."""
    tls, certified = "https://localhost", {"action": "A1", "starts": "2026-03-01", "ends": "2026-08-31"}
    page = silva.browser.get(case, base_url=tls)
    form = silva.form(case) | certified
    assert page.headers["Referrer-Policy"] == "same-origin"
    for elsewhere in ({}, {"Referer": "https://elsewhere.example/"}):
        assert silva.browser.post(f"{case}/verdict", data=form, base_url=tls, headers=elsewhere).status_code == 400
    ours = {"Referer": f"{tls}{case}"}
    assert silva.browser.post(f"{case}/verdict", data=form, base_url=tls, headers=ours).status_code == 303


def test_a_link_is_good_once_and_for_a_day(house):
    person = Person(house)
    assert person.post(person.link, {"password": "short"}).status_code == 422
    assert person.post(person.link, {"password": PASSWORD}).status_code == 303
    assert person.browser.get(person.link).status_code == 404
    late = Person(house, "late")
    house.clock.now += staff.LINK_LIFE
    assert late.browser.get(late.link).status_code == 404


def test_who_is_suspended_is_out_at_once_and_comes_in_again_by_a_new_link_alone(house, silva):
    assert silva.browser.get("/worklist").status_code == 200
    unused = Person(house, "lind")
    assert operate(house, "list").splitlines() == [
        "dr-silva (active)  reviewer  NY/123456",
        "lind (invited)  reviewer  NY/123456",
    ]
    for name in ("dr-silva", "lind"):
        assert operate(house, "suspend", name) == f"{name} is suspended\n"
    assert silva.browser.get("/worklist").status_code == 302
    assert silva.post("/login", {"name": "dr-silva", "password": PASSWORD}).status_code == 401
    assert unused.browser.get(unused.link).status_code == 404
    assert "dr-silva (suspended)" in operate(house, "list")
    assert Person(house).comes_in().browser.get("/worklist").status_code == 200
    assert [row["detail"]["name"] for row in house.rows(tables.events) if row["kind"] == "staff.suspended"] == [
        "dr-silva",
        "lind",
    ]


def test_nobody_who_was_not_added_can_be_suspended(house):
    assert "nobody of this name" in operate(house, "suspend", "nobody")


def operate(house, *words):
    return CliRunner().invoke(cli.main, ["staff", *words, "--data", str(house.config.data)]).output


def test_a_wrong_password_and_a_name_that_nobody_has_look_alike(house, silva):
    person = Person(house, "other").browser
    silva_wrong = silva.post("/login", {"name": "dr-silva", "password": "wrong"})
    nobody = silva.post("/login", {"name": "nobody", "password": "wrong"})
    assert silva_wrong.status_code == nobody.status_code == 401
    words = [re.search(r'role="alert">([^<]+)', one.text)[1] for one in (silva_wrong, nobody)]
    assert words[0] == words[1]
    assert person.get("/worklist").status_code == 302


def test_after_five_wrong_passwords_the_right_one_waits_as_well(silva):
    for _ in range(5):
        silva.post("/login", {"name": "dr-silva", "password": "wrong"})
    assert silva.post("/login", {"name": "dr-silva", "password": PASSWORD}).status_code == 401


def test_passwords_that_are_tried_at_once_are_tried_five_times_in_all(house, silva, monkeypatch):
    weighed = []

    def weigh(hashed, password):
        weighed.append(password)
        time.sleep(0.02)  # as long as the others take to come
        return False

    monkeypatch.setattr(staff, "_matches", weigh)

    def log_in(number):
        with pytest.raises((NotAuthenticated, Unavailable)):
            staff.log_in(house.service, "dr-silva", f"wrong {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log_in, range(40)))
    assert 0 < len(weighed) <= staff.TRIES


def test_a_name_that_can_be_nobody_s_is_not_remembered(house):
    for name in ("x" * 90_000, "dr\0silva", "dr silva"):
        with pytest.raises(NotAuthenticated):
            staff.log_in(house.service, name, "wrong")
    assert [row["name"] for row in house.rows(tables.staff_tries)] == [""]


def test_tries_are_counted_over_all_processes_and_forgiven_in_time(house, silva):
    other = replace(house.service, database=Database(house.config.database))
    for number in range(staff.TRIES):
        with pytest.raises(NotAuthenticated):
            staff.log_in(other if number % 2 else house.service, "dr-silva", "wrong")
    for process in (house.service, other):
        with pytest.raises(NotAuthenticated):
            staff.log_in(process, "dr-silva", PASSWORD)
    house.clock.now += staff.staff.FORGIVEN
    assert staff.log_in(other, "dr-silva", PASSWORD)
    assert house.rows(tables.staff_tries) == []


def test_a_flood_of_passwords_leaves_threads_for_others(house, silva):
    """Each costs 64 MB and both cores: two are weighed at once, and whoever comes meanwhile is asked to try again."""
    with staff._weighing, staff._weighing:
        refused = silva.post("/login", {"name": "dr-silva", "password": PASSWORD})
        assert (refused.status_code, "try again" in refused.text) == (503, True)
    assert silva.post("/login", {"name": "dr-silva", "password": PASSWORD}).status_code == 303


def test_a_session_ends_when_idle_and_on_logging_out(house, silva):
    house.clock.now += staff.staff.IDLE
    assert silva.browser.get("/worklist").status_code == 302
    again = Person(house, "dr-again").comes_in()
    assert again.browser.get("/worklist").status_code == 200
    again.post("/logout", {}, page="/worklist")
    assert again.browser.get("/worklist").status_code == 302


def test_a_verdict_that_finds_the_database_away_is_sent_again_from_the_page_that_says_so(
    silva, case, house, monkeypatch
):
    def away(*_):
        raise OperationalError("SELECT", {}, Exception("Ada Lovelace"))

    form = silva.form(case) | {"action": "A3", "reason": WRITTEN}
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(house.service.database, "writing", away)
        told = silva.browser.post(f"{case}/verdict", data=form)
        assert (told.status_code, "Send it again" in told.text) == (503, True)
        password = silva.browser.post("/login", data=form | {"name": "dr-silva", "password": PASSWORD})
        assert (password.status_code, PASSWORD in password.text) == (503, False)
        assert silva.browser.get("/nowhere", headers={"Accept": "text/html"}).status_code == 404
    assert silva.browser.post(f"{case}/verdict", data=hidden(told.text)).status_code == 303
    assert house.rows(tables.decisions)[-1]["reason"] == WRITTEN


WRITTEN = 'Four weeks of the six.\nAsk for the "rest" & a test.'


def hidden(page):
    """Return the fields of a page's form that go with it unseen."""
    found = re.findall(r'name="([a-z_.]+)" value="([^"]*)"', page)
    return MultiDict([(name, unescape(value)) for name, value in found])


@pytest.mark.parametrize(
    ("door", "written"),
    [
        ("verdict", {"action": "A3", "reason": WRITTEN}),
        ("ask", {"move": "information-asked", "note": WRITTEN, "document": ["11506-3", "11502-2"]}),
    ],
)
def test_what_was_written_when_the_session_ended_is_there_after_logging_in(silva, case, house, door, written):
    form = silva.form(case) | written
    house.clock.now += staff.staff.IDLE
    ended = silva.browser.post(f"{case}/{door}", data=form)
    assert (ended.status_code, "nothing was recorded" in ended.text, "Amy" in ended.text) == (401, True, False)
    wrong = silva.browser.post("/login", data=hidden(ended.text) | {"name": "dr-silva", "password": "wrong"})
    assert wrong.status_code == 401
    again = silva.browser.post("/login", data=hidden(wrong.text) | {"name": "dr-silva", "password": PASSWORD})
    assert again.status_code == 200
    assert WRITTEN in unescape(again.text)
    assert "is not recorded yet" in again.text
    assert again.text.count(" checked") == (1 if door == "verdict" else 2)
    assert [row["kind"] for row in house.rows(tables.events)][-2:] == ["staff.login", "case.read"]
    assert silva.post(f"{case}/{door}", written, page=case).status_code == 303


@pytest.mark.parametrize(("role", "reaches"), [("reviewer", True), ("auditor", True), ("admin", False)])
def test_who_may_see_no_patient_is_shown_no_way_to_one(house, role, reaches):
    somebody = Person(house, "somebody", role, None).comes_in()
    for page in ("/", "/deliveries", "/policies"):
        shown = somebody.browser.get(page).text
        assert ('href="/inbox"' in shown) is reaches
        assert 'href="/worklist"' in shown


def test_who_logs_in_again_comes_back_to_the_case_and_an_admin_to_none(silva, case, house):
    house.clock.now += staff.staff.IDLE
    sent = silva.browser.get(case)
    page = silva.browser.get(sent.location)
    back = silva.browser.post("/login", data=hidden(page.text) | {"name": "dr-silva", "password": PASSWORD})
    assert (back.status_code, back.location) == (303, case)
    admin = Person(house, "boss", "admin", None).comes_in()
    form = hidden(admin.browser.get("/login").text) | {"case": case.rpartition("/")[2], "kept.reason": "x"}
    refused = admin.browser.post("/login", data=form | {"name": "boss", "password": PASSWORD})
    assert (refused.status_code, "Amy" in refused.text) == (403, False)
    assert admin.browser.get("/worklist").status_code == 200


def test_the_pages_carry_strict_headers_and_their_cookie_is_not_for_scripts(house, silva):
    page = silva.browser.get("/worklist")
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["Referrer-Policy"] == "same-origin"
    answer = silva.post("/login", {"name": "dr-silva", "password": PASSWORD})
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("priorauth_staff")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_script_in_a_name_or_an_answer_is_words(house, silva):
    form = a_form_response({"2.1": {"valueString": "<script>alert(1)</script>"}})
    bundle = a_submission_bundle(form=form)
    for one in bundle["entry"]:
        if one["resource"]["resourceType"] == "Patient":
            one["resource"]["name"] = [{"family": "<script>alert(2)</script>"}]
    house.submit(bundle)
    page = silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text
    assert "<script" not in page
    assert "&lt;script&gt;alert(2)" in page


@pytest.mark.parametrize(("name", "licence"), [("a b", None), ("", None), ("x", "123"), ("x", "ny/1")])
def test_a_name_or_licence_that_is_none_is_refused(house, name, licence):
    with pytest.raises(ValueError):
        invite(house.config, Staff(name, "reviewer", licence), house.clock.now)


@pytest.mark.parametrize("npi", ["1234567890", "123456789", "x"])
def test_an_npi_that_is_none_is_refused(house, npi):
    with pytest.raises(ValueError, match="no NPI"):
        invite(house.config, Staff("x", "reviewer", "NY/123456", npi), house.clock.now)


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_mistyped_address_is_a_page_to_a_browser_and_knows_who_is_here(silva, house):
    answer = silva.browser.get("/polices", headers=BROWSER)
    assert answer.status_code == 404
    assert "There is no page at this address." in answer.text
    assert "Log out" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Log out" not in house.web.get("/polices", headers=BROWSER).text


@pytest.mark.parametrize(("path", "headers"), [("/polices", {}), ("/fhir/2.2/Nothing", BROWSER)])
def test_a_mistyped_address_is_an_outcome_to_a_program(house, path, headers):
    assert house.web.get(path, headers=headers).json["resourceType"] == "OperationOutcome"


def test_a_page_that_says_what_is_wrong_still_knows_who_is_here(silva):
    answer = silva.browser.get("/authorizations/nope")
    assert (answer.status_code, "Log out" in answer.text) == (404, True)
