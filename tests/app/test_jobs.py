"""Jobs are done once they are due, by one at a time, again where they failed, and given up in the open."""

import threading
from datetime import timedelta

import pytest
from kombu.exceptions import OperationalError

from app.jobs.handlers import HANDLERS
from app.jobs.notify import DELIVER, HANDSHAKE, changed
from app.jobs.runner import ATTEMPTS, BACK_OFF, LEASE, LEFT_ALONE, ThreadRunner
from app.jobs.worker import CeleryRunner, do
from app.storage import authorizations, notices, outbox, tables
from prior_auth.decision import ReviewAction
from prior_auth.review import Reviewer, Verdict, record
from tests.app.subscribers import Endpoint, a_pended_case, decide, plainly, run_all, status, subscribe
from tests.given import a_submission_bundle
from tests.prior_auth.test_subscription import a_subscription

pytestmark = pytest.mark.usefixtures("subscribing")


def test_a_handshake_makes_a_subscription_active(house, endpoint):
    identity = subscribe(house, endpoint)
    assert status(house, identity) == "requested"
    run_all(house)
    assert status(house, identity) == "active"
    assert endpoint.taken() == [("handshake", 0)]
    assert endpoint.received[0][2]["Authorization"] == "Bearer secret"


def test_the_secret_of_a_header_is_not_shown_again(house, endpoint):
    identity = subscribe(house, endpoint)
    token = house.token("system/Subscription.rs")
    shown = house.web.get(f"/fhir/2.0/Subscription/{identity}", headers={"Authorization": f"Bearer {token}"})
    assert shown.json["channel"]["header"] == ["Authorization: ***"]
    other = house.token("system/Subscription.rs", "other-ehr")
    hidden = house.web.get(f"/fhir/2.0/Subscription/{identity}", headers={"Authorization": f"Bearer {other}"})
    assert hidden.status_code == 404


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "https://169.254.169.254/x", "http://a.example/"])
def test_an_endpoint_that_leads_inward_is_refused(house, url):
    token = house.token("system/Subscription.cruds")
    answer = house.post("2.0/Subscription", a_subscription("2.0", endpoint=url), token=token)
    assert answer.status_code == 400


@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.requirement("pas-2.0.1@152", "pas-2.2.1@spec-60", "pas-2.2.1@spec-51")
def test_a_verdict_reaches_the_subscriber(house, endpoint, version):
    subscribe(house, endpoint, version)
    identity = a_pended_case(house)
    run_all(house)
    decide(house, identity)
    run_all(house)
    assert endpoint.taken() == [("handshake", 0), ("event-notification", 1)]


def test_the_answer_to_a_submission_is_not_told_twice(house, endpoint):
    subscribe(house, endpoint)
    house.submit(a_submission_bundle())
    run_all(house)
    assert endpoint.taken() == [("handshake", 0)]


def test_events_arrive_in_order_each_at_least_once_whatever_the_endpoint_answers(house, endpoint):
    subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [500, 404, 503]
    for _ in range(3):
        decide(house, a_pended_case(house))
        run_all(house)
    for _ in range(6):
        house.clock.now += timedelta(hours=2)
        run_all(house)
    assert endpoint.taken() == [("handshake", 0), *(("event-notification", number) for number in (1, 2, 3))]


def test_a_job_done_twice_makes_no_second_event(house, endpoint):
    subscribe(house, endpoint)
    run_all(house)
    decide(house, a_pended_case(house))
    run_all(house)
    with house.service.database.writing() as connection:  # as if "done" had never been written
        connection.execute(tables.outbox.update().values(done_at=None))
    run_all(house)
    assert [number for kind, number in endpoint.taken() if kind == "event-notification"] == [1]


def test_a_subscriber_that_never_takes_anything_is_tried_for_days_then_given_up_in_the_open(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [500] * 1000
    decide(house, a_pended_case(house))
    for _ in range(ATTEMPTS + 2):
        run_all(house)
        house.clock.now += timedelta(hours=2)
    assert status(house, identity) == "error"
    with house.service.database.reading() as connection:
        (dead,) = outbox.dead_letters(connection, 10)
        assert (dead.kind, dead.subject, dead.attempts, dead.fault) == (DELIVER, identity, ATTEMPTS, "status 500")
        assert [one.number for one in notices.undelivered(connection, identity, 10)] == [1]


def test_one_job_that_always_fails_blocks_no_other(house, endpoint):
    broken = Endpoint()
    broken.answers = [500] * 1000
    subscribe(house, broken)
    subscribe(house, endpoint)
    run_all(house)
    decide(house, a_pended_case(house))
    run_all(house)
    assert ("event-notification", 1) in endpoint.taken()
    broken.server.shutdown()


def test_a_kind_of_job_that_this_version_does_not_know_is_left_to_one_that_does(house):
    with house.service.database.writing() as connection:
        outbox.put(connection, "from.the-future", "x", house.clock.now)
    assert run_all(house) == 1
    (row,) = house.rows(tables.outbox)
    assert row["done_at"] is None
    assert row["dead_at"] is None
    assert row["fault"] == "this version knows no job from.the-future, contract 1"


def test_a_worker_of_another_version_leaves_a_job_whose_contract_it_does_not_know(house, endpoint, monkeypatch):
    """It is looked at every quarter of a minute, never given up, told to the operator, and done by who knows it."""
    subscribe(house, endpoint)
    run_all(house)
    monkeypatch.setattr("app.storage.outbox.CONTRACTS", {authorizations.CHANGED: 2})  # the web process is newer
    decide(house, a_pended_case(house))
    for _ in range(2 * ATTEMPTS):
        assert run_all(house) == 1
        house.clock.now += LEFT_ALONE
    row = [one for one in house.rows(tables.outbox) if one["kind"] == authorizations.CHANGED][-1]
    assert (row["contract"], row["attempts"], row["done_at"], row["dead_at"]) == (2, 0, None, None)
    assert row["fault"] == "this version knows no job authorization.changed, contract 2"
    with house.service.database.reading() as connection:
        depth = outbox.depth(connection, HANDLERS.keys())
    assert (depth.waiting, depth.left, depth.dead) == (2, 1, 0)  # the other waits for the form that is asked for
    knows_both = HANDLERS | {(authorizations.CHANGED, 2): changed}
    monkeypatch.setattr("app.jobs.runner.HANDLERS", knows_both)
    run_all(house)
    assert endpoint.taken() == [("handshake", 0), ("event-notification", 1)]


def test_a_handler_that_breaks_is_tried_again_and_its_words_are_not_kept(house, monkeypatch):
    monkeypatch.setattr("app.jobs.notify.subscriptions.find", lambda *_: int("Baxter"))
    with house.service.database.writing() as connection:
        outbox.put(connection, HANDSHAKE, "x", house.clock.now)
    run_all(house)
    (row,) = house.rows(tables.outbox)
    assert row["fault"] == "ValueError"


def test_back_off_grows(house, monkeypatch):
    assert list(BACK_OFF) == sorted(BACK_OFF)
    monkeypatch.setattr("app.jobs.runner.HANDLERS", {("unlucky", 1): lambda *_: 1 / 0})
    with house.service.database.writing() as connection:
        outbox.put(connection, "unlucky", "x", house.clock.now)
    waits = []
    for _ in range(4):
        run_all(house)
        (row,) = house.rows(tables.outbox)
        waits.append((row["not_before"] - house.clock.now).total_seconds())
        house.clock.now = row["not_before"]
    assert waits == sorted(waits)
    assert 0.9 <= waits[0] <= 1.1


# Leases


def test_a_job_is_taken_by_one_at_a_time_and_by_another_when_the_lease_runs_out(house):
    database, now = house.service.database, house.clock.now
    with database.writing() as connection:
        outbox.put(connection, "x", "y", now)
        first = outbox.take(connection, now, LEASE)
        assert outbox.take(connection, now, LEASE) is None
        second = outbox.take(connection, now + LEASE, LEASE)
        assert (first.attempts, second.attempts) == (1, 2)
        assert outbox.done(connection, first, now) is False
        assert outbox.done(connection, second, now) is True
        assert outbox.take(connection, now + 10 * LEASE, LEASE) is None


def test_many_threads_do_each_job_once(house, monkeypatch):
    done = []
    monkeypatch.setattr("app.jobs.runner.HANDLERS", {("count", 1): lambda _, job: done.append(job.subject) or []})
    runner = ThreadRunner(house.service, threads=4, deliveries=0, poll_seconds=0.05)
    runner.start()
    with house.service.database.writing() as connection:
        jobs = [outbox.put(connection, "count", str(number), house.clock.now) for number in range(40)]
    runner.wake(jobs)
    assert eventually(lambda: len(done) >= 40)
    runner.stop()
    assert sorted(done, key=int) == [str(number) for number in range(40)]


def eventually(holds):
    for _ in range(200):
        if holds():
            return True
        threading.Event().wait(0.05)
    return False


@pytest.fixture
def slow():
    """Return subscribers' endpoint that answers nobody before it is let."""
    held, let = Endpoint(), threading.Event()

    def when_let(handler, status):
        let.wait(20)
        plainly(handler, status)

    held.manner, held.let = when_let, let
    yield held
    let.set()
    held.server.shutdown()


@pytest.fixture
def runner(house):
    made = ThreadRunner(house.service, threads=1, deliveries=2, poll_seconds=0.05)
    made.start()
    yield made
    made.stop()


def test_subscribers_that_take_their_time_keep_no_other_job_waiting(house, slow, runner, monkeypatch):
    done = []
    monkeypatch.setattr("app.jobs.runner.HANDLERS", HANDLERS | {("count", 1): lambda _, job: done.append(job) or []})
    for _ in range(3):
        subscribe(house, slow)
    assert eventually(lambda: len(slow.received) == 2)  # as many as there are threads for it
    with house.service.database.writing() as connection:
        outbox.put(connection, "count", "x", house.clock.now)
    assert eventually(lambda: done)
    slow.let.set()
    assert eventually(lambda: len(slow.taken()) == 3)


def test_a_celery_worker_leaves_a_delivery_to_its_threads_and_is_free_for_the_next_job(house, slow, runner):
    identity = subscribe(house, slow)
    (handshake,) = house.rows(tables.outbox)
    do(house.service, runner, handshake["id"])
    assert status(house, identity) == "requested"
    slow.let.set()
    assert eventually(lambda: status(house, identity) == "active")


def test_a_broker_that_does_not_answer_keeps_no_request_waiting(
    monkeypatch,
):
    broker, sent, let = CeleryRunner("redis://127.0.0.1:1/0"), [], threading.Event()

    def send(_, args, **__):
        if not let.is_set():
            let.wait(20)
            raise OperationalError
        sent.extend(args)

    monkeypatch.setattr(broker._app, "send_task", send)
    broker.wake([1])
    assert eventually(broker._untold.empty)  # it is being told
    broker.wake([2, 3])
    assert sent == []
    let.set()
    assert eventually(broker._untold.empty)
    broker.wake([4])
    assert eventually(lambda: sent == [4])


# Two decide at once


def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(house):
    from fhir_r4.problems import Conflict  # noqa: PLC0415

    identity = a_pended_case(house)
    with house.service.database.reading() as connection:
        seen = authorizations.find(connection, identity)
    days = {"starts": house.clock.now.date(), "ends": house.clock.now.date()}
    outcomes = []

    def reach_for_it(action, more):
        after = record(
            seen, Verdict(1, action, "A reason.", 1, **more), Reviewer("x", "NY/1"), f"PA{action}", house.clock.now
        )
        try:
            with house.service.database.writing() as connection:
                authorizations.save(connection, seen, after, house.clock.now)
            outcomes.append("won")
        except Conflict:
            outcomes.append("told")

    racers = [
        threading.Thread(target=reach_for_it, args=(ReviewAction.CERTIFIED, days)),
        threading.Thread(target=reach_for_it, args=(ReviewAction.NOT_CERTIFIED, {})),
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == ["told", "won"]
    assert len(house.rows(tables.decisions)) == 2
