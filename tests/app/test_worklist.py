"""The worklist and the home page: what waits and what is decided, with filters, page by page."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.pages import paging
from app.policies import ActivePolicies
from app.storage import authorizations, tables
from app.wiring import new_number
from prior_auth.decision import Basis, Decision, ReviewAction
from tests.app.fixtures import ROOT
from tests.app.test_policies import add_version, look
from tests.given import a_certification, a_form_response, a_submission_bundle, an_authorization, entry

PENDS = {"2.1": None}


def has(house, *, decided=False, due_in=timedelta(days=3), **changes):
    """Put a case into the database as $submit would."""
    now = house.clock.now
    case = an_authorization(
        a_certification(number=new_number()) if decided else None, due_at=now + due_in, received_at=now, **changes
    )
    with house.service.database.writing() as connection:
        authorizations.add(connection, case)
    return case


def references(page):
    return re.findall(r'href="/authorizations/[^"]+">(PA\w+)</a>', page)


def test_the_worklist_shows_what_waits_with_its_due_date(silva, house):
    house.submit(a_submission_bundle(form=a_form_response(PENDS)))
    page = silva.browser.get("/worklist").text
    assert "1 case waits for a person" in page
    assert house.rows(tables.authorizations)[0]["id"] in page
    assert "Sun 8 Mar, 13:00 EDT" in page


def test_what_a_policy_certified_at_once_is_among_the_decided(silva, house):
    house.submit(a_submission_bundle())
    assert "0 cases wait for a person" in silva.browser.get("/worklist").text
    page = silva.browser.get("/worklist?show=decided").text
    assert "1 decided case" in page
    assert "policy home-oxygen 2026.1" in page


def test_a_service_is_said_in_the_clinics_words_else_by_the_policy_for_its_code(silva, house):
    said = a_submission_bundle(form=a_form_response(PENDS))
    entry(said, "Claim")["item"][0]["productOrService"]["coding"][0].pop("display", None)
    house.submit(said)
    title = "Home oxygen, stationary system"
    pages = [silva.browser.get(f"/authorizations/{house.rows(tables.authorizations)[0]['id']}").text]
    pages.append(silva.browser.get("/worklist").text)
    assert all(f"E0424 {title}" in re.sub("</?code>", "", page) for page in pages)

    own = a_submission_bundle(form=a_form_response(PENDS))
    entry(own, "Claim")["item"][0]["productOrService"]["coding"][0]["display"] = "Concentrator, at home"
    house.submit(own)
    assert "<code>E0424</code> Concentrator, at home" in silva.browser.get("/worklist").text


def test_a_verdict_moves_a_case_to_the_decided(silva, house):
    house.submit(a_submission_bundle(form=a_form_response(PENDS)))
    row = house.rows(tables.authorizations)[0]
    silva.decides(f"/authorizations/{row['id']}", action="A3", reason="Not shown.")
    assert references(silva.browser.get("/worklist").text) == []
    page = silva.browser.get("/worklist?show=decided").text
    assert references(page) == [row["reference"]]
    assert "by dr-silva" in page


def test_a_case_that_is_reopened_waits_on_a_persons_word_and_no_policys(silva, house):
    house.submit(a_submission_bundle(form=a_form_response(PENDS)))
    case = f"/authorizations/{house.rows(tables.authorizations)[0]['id']}"
    silva.decides(case, action="A3", reason="Not shown.")
    silva.decides(case, move="reopened", action="A4", reason="An appeal.")
    assert "An appeal. <small>pended by no policy</small>" in silva.browser.get("/worklist").text


def test_the_most_pressing_is_first_and_the_late_is_said_to_be(silva, house):
    later, late = has(house), has(house, due_in=-timedelta(hours=1))
    page = silva.browser.get("/worklist").text
    assert references(page) == [late.reference, later.reference]
    assert page.count("overdue</span>") == 1


@pytest.mark.parametrize(
    ("query", "seen"),
    [("", 4), ("due=late", 1), ("due=today", 2), ("due=soon", 3), ("urgent=1", 1), ("due=later&urgent=2", 4)],
)
def test_filters_leave_what_they_say(silva, house, query, seen):
    for days in (-1, 0, 2, 6):
        has(house, due_in=timedelta(days=days, hours=1), urgent=days == 2)
    assert len(references(silva.browser.get(f"/worklist?{query}").text)) == seen


def test_a_plan_can_be_looked_at_alone(silva, house):
    one = has(house, plan="ACME-EXCHANGE-SILVER-2026")
    has(house)
    assert references(silva.browser.get("/worklist?plan=ACME-EXCHANGE-SILVER-2026").text) == [one.reference]


def test_a_long_list_is_turned_page_by_page_and_keeps_its_filter(silva, house, monkeypatch):
    monkeypatch.setattr(paging, "EACH", 2)
    cases = [has(house, decided=True) for _ in range(5)]
    seen, address = [], "/worklist?show=decided"
    while address:
        page = silva.browser.get(address).text
        seen += references(page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        address = found and found[1].replace("&amp;", "&")
    assert sorted(seen) == sorted(one.reference for one in cases)
    assert "Page 3 of 3" in page


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=9999999999999999999", "page=%D9%A1", "page=7", "show=<script>", "plan='--"],
)
def test_an_address_that_makes_no_sense_is_a_page_all_the_same(silva, house, query):
    has(house)
    answer = silva.browser.get(f"/worklist?{query}")
    assert answer.status_code == 200
    assert "<script>" not in answer.text


def test_a_case_is_found_by_its_number_which_stays_out_of_the_address(silva, house):
    case = has(house)
    answer = silva.post("/worklist/find", {"reference": f" {case.reference.lower()} "}, page="/worklist")
    assert (answer.status_code, answer.location) == (303, f"/authorizations/{case.id}")
    assert silva.post("/worklist/find", {"reference": "PA0"}, page="/worklist").status_code == 404


def test_home_shows_staff_how_much_is_due_when(silva, house):
    for hours in (-1, 2, 3, 30, 60, 200):
        has(house, due_in=timedelta(hours=hours))
    page = silva.browser.get("/").text
    assert "no policy: 1 overdue, 2 today, 1 tomorrow, 1 in 2 or 3 days, 1 later" in page
    assert page.count("<rect class=") == 5 + 5


def test_cases_wait_in_the_queue_that_their_decision_row_names(silva, house, tmp_path):
    """A row of a later version sends what it pends to nurses; what was pended before has no queue."""
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "rules" / "policies", folder)
    changed = replace(house.config, policies=folder)
    object.__setattr__(house.service, "policies", ActivePolicies(changed, house.service.database))
    look(house.service.policies)
    house.submit(a_submission_bundle(form=a_form_response(PENDS)))
    say = "say:  A nurse reviews this request; the values are outside Groups I and II."
    add_version(folder, **{say: f"to:   nurses\n    {say}"})
    look(house.service.policies)
    assert house.service.policies.refusal is None
    house.submit(a_submission_bundle(form=a_form_response(PENDS)))
    first, second = (row["reference"] for row in house.rows(tables.authorizations))
    home = silva.browser.get("/").text
    assert "nurses: 1 later" in home
    assert "no queue named: 1 later" in home
    assert references(silva.browser.get("/worklist?queue=nurses").text) == [second]
    assert references(silva.browser.get("/worklist?queue=no+queue+named").text) == [first]
    nobody = silva.browser.get("/worklist?queue=<script>")
    assert references(nobody.text) == []
    assert "<script" not in nobody.text


def test_home_lists_the_pages_for_who_is_here_and_not_for_a_stranger(silva, house):
    for path in ("/policies", "/lookup", "/forms", "/inbox", "/hooks", "/deliveries"):
        assert f'<dt><a href="{path}">' in silva.browser.get("/").text
        assert f'<dt><a href="{path}">' not in house.web.get("/").text


def test_home_says_when_nothing_waits(silva):
    assert "No case waits" in silva.browser.get("/").text


def test_home_tells_a_stranger_nothing_of_cases(house):
    has(house)
    page = house.web.get("/")
    assert page.status_code == 200
    assert "Open cases" not in page.text
    assert "Log in" in page.text


def test_the_schema_that_was_there_before_learns_which_cases_are_open(house):
    """The migration fills the new columns from the decisions; here its statement runs again over wrong values."""
    from app.storage.migrations.versions import m0003_open_cases as added  # noqa: PLC0415

    waits, done = has(house), has(house, decided=True)
    with house.service.database.writing() as connection:
        connection.execute(
            update(tables.authorizations).values(open=False, changed_at=house.clock.now.replace(year=1999))
        )
        connection.exec_driver_sql(added._FILL)
    rows = {row["id"]: row for row in house.rows(tables.authorizations)}
    assert (rows[waits.id]["open"], rows[done.id]["open"]) == (True, False)
    assert rows[done.id]["changed_at"] == done.items[0].decision.decided_at
    assert done.items[0].decision.action is ReviewAction.CERTIFIED


def test_a_mixed_case_says_how_many_of_its_items_were_decided_in_which_way(silva, house):
    (one,) = an_authorization().items
    refused = Decision(
        action=ReviewAction.NOT_CERTIFIED,
        basis=Basis.CLINICIAN,
        decided_by="dr-silva",
        decided_at=house.clock.now,
        licence="NY/123456",
        reason="Not shown.",
    )
    decisions = (*(a_certification(number=new_number()) for _ in range(2)), refused)
    has(house, items=tuple(replace(one, sequence=n, decision=said) for n, said in enumerate(decisions, 1)))
    page = re.sub("<[^>]+>", "", silva.browser.get("/worklist?show=decided").text)
    assert "2 certified 1 not certified by policy home-oxygen 2026.1, row 3, dr-silva" in page
