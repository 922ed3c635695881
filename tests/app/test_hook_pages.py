"""Who settles a dispute finds a call, and sees what was asked, read, answered and promised; each look is recorded."""

import pytest

from app.clients.breaker import FAILURES
from app.jobs import hook_measures
from app.storage import tables
from app.storage.outbox import Job
from fhir_r4.wire import read_json
from tests.app.browsing import Person
from tests.app.test_hook_ehr import a_call, ehr, house_with  # noqa: F401 fixtures
from tests.app.test_hook_records import feedback_of, tell
from tests.given import a_hook, a_patient, an_order


@pytest.fixture
def auditor(house):
    return Person(house, "ms-auer", "auditor", None).is_in()


@pytest.fixture
def called(house):
    """One call and its answer; what it was about is known once its measures are taken."""
    body = a_hook()
    body["extension"]["davinci-crd.configuration"] = {"max-cards": 3}
    answer = read_json(house.call(body).data)
    hook_measures.measure(house.service, Job(0, hook_measures.MEASURE, 1, "everybody", 1))
    return body, answer


def looked(house):
    return [row for row in house.rows(tables.events) if row["kind"].startswith("hooks.")]


def find(person, **words):
    return person.post("/hooks", words)


def assertion(house):
    return house.rows(tables.coverage_assertions)[0]["id"]


@pytest.mark.parametrize("by", ["hook_instance", "assertion", "order", "member"])
@pytest.mark.requirement("crd-2.2.1@found-38")
def test_a_call_is_found_by_what_a_clinic_can_tell(auditor, house, called, by):
    wanted = {
        "hook_instance": called[0]["hookInstance"], "assertion": assertion(house),
        "order": "DeviceRequest/home-oxygen", "member": "ACME0001234",
    }  # fmt: skip
    page = find(auditor, **{by: wanted[by]}).text
    (identity,) = [row["id"] for row in house.rows(tables.hook_invocations)]
    assert f"/hooks/{identity}" in page
    assert "Times are those of America/New_York." in page
    (event,) = looked(house)
    assert (event["kind"], event["actor"]) == ("hooks.searched", "ms-auer")
    assert event["detail"] == {"by": [by], "calls": [identity]}
    assert wanted[by] not in str(event["detail"])


def test_what_is_given_has_to_match_all_together(auditor, called, house):
    page = find(auditor, member="ACME0001234", assertion="another").text
    assert "No call that is kept matches" in page
    assert looked(house)[-1]["detail"]["calls"] == []


def test_a_call_shows_what_was_asked_read_answered_and_promised(auditor, house, called):
    _, answer = called
    (card,) = answer["cards"]
    tell(house, feedback_of(card["uuid"], "overridden"))
    (row,) = house.rows(tables.hook_invocations)
    page = auditor.browser.get(f"/hooks/{row['id']}").text
    for words in (
        row["hook_instance"], "riverside-ehr", "Practitioner/lindqvist", "max-cards: 3", "Patient", "auth-needed",
        card["summary"], "overridden", assertion(house), "home-oxygen 2026.1", "not-used", "DeviceRequest/home-oxygen",
    ):  # fmt: skip
        assert words in page
    assert "ehr-secret" not in page
    assert looked(house)[-1]["kind"] == "hooks.read"
    assert looked(house)[-1]["detail"] == {"calls": [row["id"]]}


def test_a_refused_call_shows_why(auditor, house):
    house.call(a_hook(hook="order-select"))
    (row,) = house.rows(tables.hook_invocations)
    page = auditor.browser.get(f"/hooks/{row['id']}").text
    assert "this service is called by the hook order-sign" in page


def test_what_came_by_prefetch_is_told_in_words(auditor, house):
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    prefetch = {
        "patient": a_patient(),
        "coverage": a_hook()["prefetch"]["coverage"],
        "encounter": None,
        "user": outcome,
    }
    house.call(a_hook(prefetch=prefetch))
    (row,) = house.rows(tables.hook_invocations)
    page = auditor.browser.get(f"/hooks/{row['id']}").text
    assert "there is none, the EHR says" in page
    assert "could not be had, the EHR says" in page


def test_what_was_read_is_told_by_kind_and_without_the_patient(auditor, house_with, ehr):  # noqa: F811
    house_with.call(a_call(ehr))
    (row,) = house_with.rows(tables.hook_invocations)
    page = auditor.browser.get(f"/hooks/{row['id']}").text
    assert "<td>asked of the EHR</td><td>Coverage</td><td>2 resources</td>" in page


def test_a_hostile_call_is_shown_as_text(auditor, house):
    house.call(a_hook(order=an_order(note=[{"text": "<script>alert(1)</script>"}]), hookInstance="<b>x</b>"))
    (row,) = house.rows(tables.hook_invocations)
    page = auditor.browser.get(f"/hooks/{row['id']}").text
    assert "<script>" not in page
    assert "<b>x" not in page


@pytest.mark.parametrize("role", ["admin"])
def test_who_does_not_settle_disputes_finds_nothing(house, called, role):
    person = Person(house, "mr-op", role, None).is_in()
    page = person.browser.get("/hooks").text
    assert 'name="member"' not in page
    token = person.form("/hooks")
    assert person.browser.post("/hooks", data=token | {"member": "ACME0001234"}).status_code == 403
    (row,) = house.rows(tables.hook_invocations)
    assert person.browser.get(f"/hooks/{row['id']}").status_code == 403
    assert looked(house) == []


def test_who_is_not_logged_in_is_sent_to_log_in(house, called):
    assert house.web.get("/hooks").status_code == 302
    assert house.web.get(f"/hooks/{house.rows(tables.hook_invocations)[0]['id']}").status_code == 302


def test_a_search_that_did_not_come_from_the_page_is_refused(auditor, called):
    assert auditor.browser.post("/hooks", data={"member": "ACME0001234"}).status_code == 400


def test_what_is_not_there_is_404_and_an_empty_search_finds_nothing(auditor, called, house):
    assert auditor.browser.get("/hooks/nothing").status_code == 404
    assert "Open</a>" not in find(auditor).text
    assert looked(house) == []


def test_an_ehr_that_is_left_alone_is_shown(auditor, house_with, ehr):  # noqa: F811
    ehr.behave(lambda *_: (503, {}))
    for _ in range(FAILURES):
        house_with.call(a_call(ehr))
    page = auditor.browser.get("/hooks").text
    assert "EHRs that are left alone" in page
    assert ehr.base in page
