"""What was kept for long enough goes with all that belongs to it; what is held, open or running stays."""

from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, update
from sqlalchemy.exc import DatabaseError

from app.cli import main
from app.config import BadSettings, Config
from app.jobs import standing
from app.retention import Purged, purge
from app.storage import holds, tables
from app.storage.holds import NoSuchCase
from tests.app.subscribers import Endpoint, a_pended_case, decide, may_subscribe, run_all, subscribe
from tests.given import a_hook, a_submission_bundle, an_inquiry_bundle

YEARS = timedelta(days=3653)


def purged(house, **settings):
    config = Config(data=house.config.data, **settings)
    return purge(house.service.database, config, "operator", house.clock.now)


def a_certified_case(house, ends=date(2026, 3, 1)):
    """Return the id of a case that is certified until that day."""
    house.submit(a_submission_bundle())
    identity = house.rows(tables.authorizations)[-1]["id"]
    with house.service.database.writing() as connection:
        for trigger in ("decisions_no_update",):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.execute(update(tables.decisions).values(ends=ends))
    return identity


@pytest.mark.requirement("pas-2.0.1@183", "pas-2.2.1@spec-73")
def test_a_case_that_was_pended_can_be_asked_about_for_six_months_after_its_services_end(house):
    """With the shortest retention that the settings take."""
    case = a_pended_case(house)
    house.clock.now += timedelta(days=3)
    decide(house, case)
    with house.service.database.writing() as connection:
        connection.execute(update(tables.items).values(starts=date(2026, 3, 9), ends=date(2026, 12, 31)))
    house.clock.now = datetime(2027, 7, 1, 12, 0, tzinfo=UTC)
    assert purged(house, authorization_retention_days=184) == Purged(audit=0)
    assert b"ClaimResponse" in house.inquire(an_inquiry_bundle()).data
    house.clock.now = datetime(2027, 7, 5, 12, 0, tzinfo=UTC)
    assert purged(house, authorization_retention_days=184).cases == 1
    assert b'"ClaimResponse"' not in house.inquire(an_inquiry_bundle()).data


@pytest.mark.parametrize("days", ["1", "183", "-1"])
def test_a_shorter_retention_stops_the_start(days):
    with pytest.raises(BadSettings, match="at least 184"):
        Config.from_env({"PRIORAUTH_AUTHORIZATION_RETENTION_DAYS": days})


def test_nothing_is_left_of_a_purged_case_but_its_opaque_id_and_the_audit(house):
    may_subscribe(house)
    endpoint = Endpoint()
    subscribe(house, endpoint)
    run_all(house)
    case = a_pended_case(house)
    decide(house, case)
    run_all(house)
    house.clock.now += YEARS
    assert purged(house).cases == 1
    for table in (
        tables.authorizations,
        tables.items,
        tables.decisions,
        tables.submissions,
        tables.subscription_events,
    ):
        assert house.rows(table) == [], table
    (note,) = [row for row in house.rows(tables.purges) if row["kind"] == "cases"]
    assert (note["count"], note["actor"]) == (1, "operator")
    assert [row["authorization_id"] for row in house.rows(tables.purged_cases)] == [case]
    (event,) = [row for row in house.rows(tables.events) if row["kind"] == "retention.purged"]
    assert event["detail"]["cases"] == 1
    endpoint.server.shutdown()


def test_services_that_go_on_keep_their_case(house):
    a_certified_case(house, ends=date(2030, 1, 1))
    house.clock.now += YEARS
    assert purged(house).cases == 0
    house.clock.now += YEARS
    assert purged(house).cases == 1


def test_an_open_case_is_never_purged(house):
    a_pended_case(house)
    house.clock.now += 3 * YEARS
    assert purged(house).cases == 0


def test_more_cases_than_a_batch_go_and_those_between_that_run_on_stay(house, monkeypatch):
    monkeypatch.setattr("app.storage.retention.BATCH", 2)
    for _ in range(5):
        a_certified_case_of_many(house)
    kept = house.rows(tables.authorizations)[2]["id"]
    with house.service.database.writing() as connection:
        row = tables.items.c.authorization_id == kept
        connection.execute(update(tables.items).where(row).values(ends=date(2099, 1, 1)))
    house.clock.now += 2 * YEARS
    assert purged(house).cases == 4
    assert [row["id"] for row in house.rows(tables.authorizations)] == [kept]


def a_certified_case_of_many(house):
    case = a_pended_case(house)
    newest = max(house.rows(tables.authorizations), key=lambda row: (row["open"], row["changed_at"]))["id"]
    house.clock.now += timedelta(minutes=1)
    decide(house, newest)
    return case


def test_zero_keeps_for_ever(house):
    a_certified_case(house)
    house.call(a_hook())
    house.clock.now += 9 * YEARS
    settings = {"hook_retention_days": 0, "authorization_retention_days": 0, "audit_retention_days": 0}
    assert purged(house, **settings) == Purged()


# Hooks and audit


def test_a_hook_s_payloads_go_first_and_its_promise_stays_while_it_stands(house):
    house.call(a_hook())
    house.clock.now += timedelta(days=31)
    assert purged(house, hook_retention_days=30).hooks == 1
    (call,) = house.rows(tables.hook_invocations)
    assert call["request"] == call["response"] == b""
    assert len(house.rows(tables.coverage_assertions)) == 1
    house.clock.now += timedelta(days=90)
    assert purged(house, hook_retention_days=30).hooks == 1
    assert house.rows(tables.hook_invocations) == house.rows(tables.coverage_assertions) == []


def test_a_refused_submission_goes_like_a_case(house):
    bundle = a_submission_bundle()
    bundle["entry"] = [one for one in bundle["entry"] if one["resource"]["resourceType"] != "Patient"] + [
        one | {"resource": one["resource"] | {"birthDate": "1900-01-01"}}
        for one in bundle["entry"]
        if one["resource"]["resourceType"] == "Patient"
    ]
    assert house.submit(bundle).status_code == 200
    house.clock.now += YEARS
    assert purged(house).submissions == 1
    assert house.rows(tables.submissions) == []


def test_old_events_go_and_what_took_them_is_written_down(house):
    house.submit(a_submission_bundle())
    before = len([row for row in house.rows(tables.events) if row["at"] <= house.clock.now])
    house.clock.now += YEARS
    house.submit(a_submission_bundle())
    assert purged(house, authorization_retention_days=0).audit == before
    kinds = [row["kind"] for row in house.rows(tables.events)]
    assert kinds[-1] == "retention.purged"
    assert [(row["kind"], row["count"]) for row in house.rows(tables.purges)] == [("audit", before)]


def test_the_database_lets_nothing_go_that_no_purge_has_named(house):
    a_certified_case(house)
    house.clock.now += YEARS
    purged(house, authorization_retention_days=0, hook_retention_days=0)
    house.submit(a_submission_bundle())
    for table in (tables.events, tables.decisions):
        with pytest.raises(DatabaseError, match="only grows"), house.service.database.writing() as connection:
            connection.execute(delete(table))
        assert house.rows(table)


# Legal holds


@pytest.mark.parametrize("reach", ["case", "member", "everything"])
def test_what_is_held_stays_until_the_hold_is_lifted(house, reach):
    house.call(a_hook())
    case = a_certified_case(house)
    reference = house.rows(tables.authorizations)[-1]["reference"]
    with house.service.database.writing() as connection:
        number = None if reach == "everything" else reference
        placed, named = holds.place(connection, reach, number, "matter 7", "counsel", house.clock.now)
    assert named == (None if reach == "everything" else case)
    house.clock.now += YEARS
    done = purged(house)
    assert (done.cases, done.held) == (0, reach == "everything")
    assert (done.hooks == 0) is (reach != "case")
    assert {row["kind"] for row in house.rows(tables.events)} >= {"authorization.submitted"}
    with house.service.database.writing() as connection:
        assert holds.lift(connection, placed, "counsel", house.clock.now)
        assert not holds.lift(connection, placed, "counsel", house.clock.now)
    assert purged(house).cases == 1


def test_a_hold_on_one_member_holds_no_other(house):
    a_certified_case(house)
    with house.service.database.writing() as connection:
        reference = house.rows(tables.authorizations)[-1]["reference"]
        holds.place(connection, "member", reference, "matter 7", "counsel", house.clock.now)
        connection.execute(update(tables.authorizations).values(member_id="another"))
    house.clock.now += YEARS
    assert purged(house).cases == 1


def test_a_hold_names_a_case_that_there_is(house):
    with pytest.raises(NoSuchCase), house.service.database.writing() as connection:
        holds.place(connection, "case", "PA-NOBODY", "x", "counsel", house.clock.now)


def test_an_operator_holds_and_purges_at_the_command_line(house):
    a_certified_case(house)
    number = house.rows(tables.authorizations)[-1]["number"]
    data = ["--data", str(house.config.data)]

    def say(*words):
        return CliRunner().invoke(main, [*words, *data])

    assert say("hold", "list").output == "no hold stands\n"
    assert say("hold", "place", "--reason", "x").exit_code == 2
    assert say("hold", "place", "--case", "PA-NOBODY", "--reason", "x").exit_code == 1
    assert say("hold", "place", "--case", number, "--reason", "matter 7").output == "hold 1 stands\n"
    assert "matter 7  by operator" in say("hold", "list").output
    assert say("hold", "place", "--everything", "--reason", "matter 8").exit_code == 0
    assert "nothing was taken away" in say("purge").output
    assert say("hold", "lift", "2").exit_code == say("hold", "lift", "1").exit_code == 0
    assert say("hold", "lift", "1").exit_code == 1
    assert say("purge").output == "0 hook calls, 0 cases, 0 refused submissions, 0 events\n"
    kinds = [row["kind"] for row in house.rows(tables.events)]
    assert (kinds.count("hold.placed"), kinds.count("hold.lifted")) == (2, 2)


# Every day, by itself


STANDING = (standing.RETENTION, standing.MEASURE)


def test_the_service_does_it_once_a_day(house):
    for _ in range(3):
        standing.begin(house.service)
    a_certified_case(house)
    assert run_all(house) == len(STANDING)
    house.clock.now += YEARS
    assert run_all(house) == len(STANDING)
    assert house.rows(tables.authorizations) == []
    assert run_all(house) == 0
    house.clock.now += timedelta(days=1)
    assert run_all(house) == len(STANDING)
    waiting = [row for row in house.rows(tables.outbox) if row["done_at"] is None]
    assert sorted(row["kind"] for row in waiting) == sorted(STANDING)


def test_jobs_that_were_done_are_forgotten_after_a_month(house):
    a_certified_case(house)
    standing.begin(house.service)
    run_all(house)
    assert len(house.rows(tables.outbox)) == 2 * len(STANDING)
    house.clock.now += timedelta(days=40)
    run_all(house)
    assert all(row["done_at"] is None or row["done_at"] > house.clock.now - timedelta(days=30)
               for row in house.rows(tables.outbox))  # fmt: skip
