"""The stories, as a stranger watches them: over HTTP between processes that know nothing of each other's code."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.servers import two_free_ports
from tests.test_house import CANARIES

pytestmark = pytest.mark.journey
ROOT = Path(__file__).resolve().parents[2]
OTHER_CANARIES = ("Okoye", "1947-09-12", "ACME0005678", "Mill Street", "riverside-hook-secret")


def demo(port):
    command = [sys.executable, "-m", "app.cli", "demo", "--once", "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=ROOT)


def test_the_demo_ends_with_a_summary_and_exit_code_0():
    done = demo(two_free_ports())
    assert done.returncode == 0, done.stdout[-3000:]
    assert done.stdout.strip().endswith("steps went as told")
    assert "✗" not in done.stdout


def test_a_demo_that_cannot_start_says_so_with_exit_code_1():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = demo(taken.getsockname()[1])
    assert done.returncode == 1
    assert "✗" in done.stdout


def test_the_demo_takes_its_servers_along_when_it_is_ended():
    """Stopped by SIGTERM while it stays open; what it started does not outlive it."""
    port = two_free_ports()
    command = [sys.executable, "-m", "app.cli", "demo", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as told:
        assert any("the database is at" in line for line in told.stdout)
        assert any("client add" in line for line in told.stdout), "service and sandbox are up"
        told.send_signal(signal.SIGTERM)
        told.stdout.read()
        assert told.wait(timeout=600) == 128 + signal.SIGTERM
    for own in (port, port + 1):
        with socket.socket() as ours:
            assert ours.connect_ex(("127.0.0.1", own)) != 0, "nobody listens there any more"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("runner", ["threads", "celery"])
def test_all_stories_are_told_on_both_runners_and_both_databases(build_town, request, runner, database):
    settings = {}
    if runner == "celery":
        settings["PRIORAUTH_BROKER_URL"] = request.getfixturevalue("redis_server").url
    if database == "postgresql":
        settings["PRIORAUTH_DATABASE_URL"] = request.getfixturevalue("postgres_server").new_database()
    town = build_town(**settings)
    for chapter in town.chapters():
        town.tell(chapter)
    assert town.out.wrong == [], town.log("service")[-2000:]
    assert town.out.steps >= 45
    written = town.log("service") + (town.log("worker") if runner == "celery" else "")
    assert '"endpoint":"claims.submit"' in written
    for canary in (*CANARIES, *OTHER_CANARIES):
        assert canary not in written


def test_the_service_ends_by_itself_on_sigterm(build_town):
    town = build_town()
    town.here.service_process.send_signal(signal.SIGTERM)
    assert town.here.service_process.wait(timeout=20) == 0
    assert "Traceback" not in town.log("service")
