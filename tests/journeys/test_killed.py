"""What is killed in the middle loses nothing: one outcome for each request, every event told, in order."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from app.clients.outbound import OutboundFailed
from app.demo import reading
from app.demo.lumbar_mri import ANSWERS
from app.demo.parties import loopback_door
from app.demo.reviewer import Browser
from app.demo.run import start_service
from app.demo.scenes import Scenes
from app.dtr.credentials import Credentials
from fhir_r4 import payer_answer
from fhir_r4.generations import Generation
from fhir_r4.wire import read_object, write_json
from tests.journeys.servers import Redis
from tests.waiting import until

pytestmark = pytest.mark.journey
PASSWORD = "a-password-of-the-test"


def scenes(town, order, generation=Generation.V2_0):
    credentials = Credentials.in_folder(town.here.data / "dtr", "dtr-app")
    return Scenes(town.here.ehr, town.here.service, credentials, loopback_door(), town.out, generation, order)


def a_pended_case(town, order="ServiceRequest/lumbar-mri"):
    stage = scenes(town, order)
    stage.sign()
    stage.fill(ANSWERS)
    response = reading.first(stage.submit())
    return stage, payer_answer.reference_number(response)


def a_reviewer(town):
    link = town.here.operate("staff", "add", "dr-silva", "--role", "reviewer", "--licence", "NY/123456")
    browser = Browser(town.here.service, "Reviewer", town.out)
    browser.set_password(link, PASSWORD)
    browser.log_in("dr-silva", PASSWORD)
    return browser


def refuse(browser, reference):
    browser.decide(browser.find(reference), {"action": "A3", "reason": "Four weeks; the policy asks for six."})


def family(pid):
    """Return a process and all that it has started, the youngest last."""
    found = [pid]
    for one in found:
        found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found


def kill_web(town):
    """Kill the parent and every web process as a power cut would."""
    parent = town.here.service_process
    for pid in family(parent.pid):
        os.kill(pid, signal.SIGKILL)
    parent.wait()


def start_again(town):
    town.stack.enter_context(start_service(town.here, town.folder))


def events_told(stage, count):
    """Return the numbers of the events that arrived, in the order of arrival."""
    arrived = stage.await_notifications(count)
    numbers = []
    for bundle in arrived:
        said = {one["name"]: one for one in reading.first(bundle)["parameter"]}
        if said["type"]["valueCode"] == "event-notification":
            numbers.append(int(said["events-since-subscription-start"]["valueString"]))
    return numbers


def test_web_processes_killed_under_load_leave_one_outcome_for_each_request(build_town):
    """Posts run while the service is killed and started; each is sent again until it is answered."""
    town = build_town()
    stage = scenes(town, "DeviceRequest/bath-chair")
    answer = stage.press("clerk/submit", {})  # once, to have a bundle and a token to copy
    assert payer_answer.review(reading.first(answer))[0] == "A3"
    door, base = loopback_door(), town.here.service
    token = town.here.operate("client", "token", "riverside-ehr")
    reply = door.send("POST", f"{town.here.ehr}/clerk/bundle", allowed=[town.here.ehr],
                      body=write_json({"order": "DeviceRequest/bath-chair"}))  # fmt: skip
    template = read_object(reply.body)
    answers = {}

    def post(number):
        body = write_json(template | {"identifier": {"system": "urn:test", "value": f"load-{number}"}})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        url = f"{base}/fhir/2.0/Claim/$submit"
        for _ in range(200):
            try:
                got = door.send("POST", url, allowed=[base], headers=headers, body=body)
            except OutboundFailed:
                time.sleep(0.1)
                continue
            if got.status == 200:
                answers.setdefault(number, []).append(got.body)
                return
            time.sleep(0.1)

    def pour(numbers):
        for number in numbers:
            post(number)

    pourers = [threading.Thread(target=pour, args=(range(start, 60, 3),)) for start in range(3)]
    for one in pourers:
        one.start()
    time.sleep(0.3)
    kill_web(town)
    start_again(town)
    for one in pourers:
        one.join()
    assert sorted(answers) == list(range(60))
    for number in range(60):  # sent again, each gets the bytes it got before
        post(number)
    assert all(len(set(given)) == 1 for given in answers.values())
    ids = {reading.first(read_object(given[0]))["id"] for given in answers.values()}
    assert len(ids) == 60


def test_a_web_process_killed_after_the_verdict_and_before_the_telling(build_town):
    """The job is in the database; whoever starts next tells the subscriber."""
    town = build_town(PRIORAUTH_JOB_THREADS="0")  # nobody does jobs: the kill comes before the telling
    stage, reference = a_pended_case(town)
    stage.subscribe()
    refuse(a_reviewer(town), reference)
    kill_web(town)
    town.here.environment["PRIORAUTH_JOB_THREADS"] = "2"
    start_again(town)
    assert events_told(stage, 2) == [1]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_worker_killed_in_mid_job(build_town, redis_server, request, database):
    settings = {"PRIORAUTH_BROKER_URL": redis_server.url}
    if database == "postgresql":
        settings["PRIORAUTH_DATABASE_URL"] = request.getfixturevalue("postgres_server").new_database()
    town = build_town(**settings)
    stage, reference = a_pended_case(town)
    stage.subscribe()
    assert len(stage.await_notifications(1)) == 1
    stage.press_slow(3.0)  # the endpoint takes its time, so that the kill falls into the delivery
    refuse(a_reviewer(town), reference)
    time.sleep(1.0)
    for pid in family(town.worker.pid):
        os.kill(pid, signal.SIGKILL)
    stage.press_slow(0.0)
    town.start("worker", log="worker-2")
    numbers = events_told(stage, 2)
    assert set(numbers) == {1}


def test_redis_killed_costs_time_and_no_job(build_town, request):
    from tests.journeys.servers import a_redis  # noqa: PLC0415

    with a_redis() as own:
        town = build_town(PRIORAUTH_BROKER_URL=own.url)
        stage, reference = a_pended_case(town)
        stage.subscribe()
        assert len(stage.await_notifications(1)) == 1
        own.kill()
        refuse(a_reviewer(town), reference)
        assert events_told(stage, 2) == [1]
        ready = loopback_door().send("GET", f"{town.here.service}/health/ready", allowed=[town.here.service])
        assert ready.status == 200
        assert read_object(ready.body)["broker"] == "degraded"
        Redis(own.port, None).start().kill()


def test_postgresql_killed_is_503_and_the_work_goes_on(build_town, tmp_path_factory, request):
    import tempfile  # noqa: PLC0415

    from tests.journeys.servers import a_postgres  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="priorauth-pg-") as folder, a_postgres(Path(folder) / "pg") as own:
        town = build_town(PRIORAUTH_DATABASE_URL=own.new_database())
        stage, reference = a_pended_case(town)
        stage.subscribe()
        assert len(stage.await_notifications(1)) == 1
        own.kill()
        door, base = loopback_door(), town.here.service
        headers = {"Authorization": "Bearer x", "Content-Type": "application/fhir+json"}
        away = door.send("POST", f"{base}/fhir/2.0/Claim/$submit", allowed=[base], headers=headers, body=b"{}")
        assert (away.status, away.body) == (503, b"")
        assert door.send("GET", f"{base}/health/ready", allowed=[base]).status == 503
        own.start()
        refuse(a_reviewer(town), reference)
        assert events_told(stage, 2) == [1]


def test_a_web_process_that_is_killed_while_payer_yaml_has_a_fault_takes_no_other_with_it(build_town):
    town = build_town()
    payers, parent = town.here.data / "payer.yaml", town.here.service_process.pid
    right = payers.read_text()

    def web_processes():
        return set(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))

    def is_live():
        url = f"{town.here.service}/health/live"
        with suppress(OutboundFailed):
            return loopback_door().send("GET", url, allowed=[url]).status == 200

    def has_begun():
        return '"policies.read"' in town.log("service").rpartition('"server.again"')[2]

    first, second = web_processes()
    payers.write_text("payers: 5\n")
    os.kill(first, signal.SIGKILL)
    until(lambda: '"server.again"' in town.log("service"))
    assert is_live()
    payers.write_text(right)
    until(has_begun)
    os.kill(second, signal.SIGKILL)
    until(is_live)
