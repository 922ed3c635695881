"""What a monitoring system reads: every process's counts in one sum, the outbox as it is, and no patient."""

import os
import re
import shutil
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from app import current
from app.demo.parties import loopback_door, parties, running
from app.metrics import ROOM, Roomy
from app.storage import outbox, tables
from tests.app.fixtures import ROOT
from tests.given import a_hook, a_submission_bundle
from tests.journeys.servers import two_free_ports
from tests.test_house import CANARIES

SUBMIT = 'endpoint="/fhir/<generation:generation>/Claim/$submit"'


def value(text, sample):
    """Return a sample's value, 0 where it is not there."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0


def scraped(house):
    answer = house.web.get("/metrics")
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    return answer.text


def test_answers_are_counted_and_timed_by_route_and_class_of_status(house):
    before = scraped(house)
    house.submit(a_submission_bundle())
    house.submit(b"{")
    after = scraped(house)
    for status in ("2xx", "4xx"):
        for sample in ("priorauth_requests_total", "priorauth_request_seconds_count"):
            name = f'{sample}{{{SUBMIT},status="{status}"}}'
            assert value(after, name) - value(before, name) == 1


def test_what_is_no_route_is_one_label(house):
    before = scraped(house)
    for path in ("/Baxter", "/fhir/9.9/Amy"):
        house.web.get(path)
    after = scraped(house)
    name = 'priorauth_requests_total{endpoint="none",status="4xx"}'
    assert value(after, name) - value(before, name) == 2


def test_refusals_are_counted_by_kind(house):
    before = scraped(house)
    house.submit(a_submission_bundle(), token="unknown")
    house.submit(b"[]")
    after = scraped(house)
    for kind in ("login", "structure"):
        name = f'priorauth_refusals_total{{kind="{kind}"}}'
        assert value(after, name) - value(before, name) == 1


def test_the_outbox_is_told_as_it_is(house):
    with house.service.database.writing() as connection:
        first, _ = (outbox.put(connection, "some.job", subject, house.clock.now) for subject in "ab")
    house.clock.now += timedelta(seconds=90)
    with house.service.database.writing() as connection:
        dead = update(tables.outbox).where(tables.outbox.c.id == first).values(dead_at=house.clock.now)
        connection.execute(dead)
    text = scraped(house)
    assert value(text, 'priorauth_outbox_rows{state="waiting"}') == 1
    assert value(text, 'priorauth_outbox_rows{state="dead"}') == 1
    assert value(text, "priorauth_outbox_oldest_seconds") == 90


def test_what_is_planned_for_later_or_tried_again_later_is_not_late(house):
    with house.service.database.writing() as connection:
        outbox.put_once(connection, "daily", "everybody", house.clock.now, house.clock.now + timedelta(days=1))
    house.clock.now += timedelta(hours=23)
    assert value(scraped(house), "priorauth_outbox_oldest_seconds") == 0
    house.clock.now += timedelta(hours=1, seconds=5)
    assert value(scraped(house), "priorauth_outbox_oldest_seconds") == 5


def test_an_empty_outbox_has_no_age(house):
    assert value(scraped(house), "priorauth_outbox_oldest_seconds") == 0


def test_without_a_database_the_rest_is_told(house):
    with house.service.database.writing() as connection:
        tables.outbox.drop(connection)
    text = scraped(house)
    assert "priorauth_outbox_rows" not in text
    assert "priorauth_requests_total" in text


def test_nothing_that_was_sent_is_a_label(house):
    """A client's name may be one, where its EHR is left alone: the operator gave it."""
    house.call(a_hook())
    house.web.get("/fhir/2.0/Patient/Baxter?name=Amy")
    house.web.open("/cds-services/order-sign-crd", method="BAXTER")
    house.submit(a_submission_bundle(), token="Baxter")
    text = scraped(house)
    for canary in (*CANARIES, "BAXTER"):
        assert canary not in text


@pytest.mark.journey
def test_all_web_processes_are_one_sum_and_a_dead_one_s_counts_stay(tmp_path):
    port = two_free_ports()
    here = parties(port, tmp_path / "data", {})
    shutil.copytree(ROOT / "fixtures" / "payer", here.data)
    here.operate("migrate")
    door, live = loopback_door(), 'priorauth_requests_total{endpoint="/health/live",status="2xx"}'

    def get(path):
        return door.send("GET", f"{here.service}{path}", allowed=[here.service]).body.decode()

    folders = here.environment | {"TMPDIR": str(tmp_path)}
    with running(["serve", "--port", str(port)], f"{here.service}/health/ready", tmp_path / "log", folders) as service:
        for _ in range(20):
            get("/health/live")
        assert value(get("/metrics"), live) == 20
        (counts,) = tmp_path.glob("priorauth-counted-*")
        workers = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        os.kill(int(workers[0]), signal.SIGKILL)
        time.sleep(1.5)
        get("/health/live")
        assert value(get("/metrics"), live) == 21
        service.terminate()
        service.wait(timeout=20)
        assert not counts.exists()


def test_the_operator_may_ask_for_a_token(house):
    """Without the setting nobody is asked; with it, who has another token learns nothing."""
    guarded = replace(house.service, config=replace(house.config, metrics_token="scraper's"))
    current.init_app(house.web.application, guarded)
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "scraper's"}):
        answer = house.web.get("/metrics", headers=headers)
        assert answer.status_code == 401
        assert b"priorauth_requests" not in answer.data
    assert house.web.get("/metrics", headers={"Authorization": "Bearer scraper's"}).status_code == 200
    assert "scraper" not in repr(guarded.config)


def test_refusals_of_nobody_fill_no_disk_and_are_counted(house):
    """Who has a token is always recorded: the ration is for callers that nobody knows."""
    most = house.config.anonymous_refusals_per_minute
    before = value(scraped(house), "priorauth_refusals_unrecorded_total")
    token = house.token()
    for _ in range(most + 5):
        house.submit(a_submission_bundle(), token="unknown")
    assert len(house.refusals()) == most
    assert value(scraped(house), "priorauth_refusals_unrecorded_total") - before == 5
    house.submit(b"[]", token=token)
    assert len(house.refusals()) == most + 1


def test_room_for_what_a_process_counts_is_taken_before_it_counts(tmp_path):
    """A process that writes where none is left is killed, and would be as often as it is started again."""
    counts = Roomy(str(tmp_path / "counter_1.db"))
    counts.write_value("a", 1.0, 0.0)
    assert (tmp_path / "counter_1.db").stat().st_blocks * 512 >= ROOM


def test_where_there_is_no_room_for_counts_the_service_counts_for_itself_and_goes_on(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.metrics.os.posix_fallocate", full)
    counts = Roomy(str(tmp_path / "counter_1.db"))
    counts.write_value("a", 1.0, 0.0)
    assert counts.read_value("a") == (1.0, 0.0)
    assert list(tmp_path.iterdir()) == []
