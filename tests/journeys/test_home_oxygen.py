"""The whole story of an order that becomes a decision, as a stranger watches it."""

import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.clients.outbound import Door
from app.demo.parties import parties as demo_parties
from app.demo.parties import running
from app.demo.run import _open
from app.demo.story import CHAPTERS, Teller
from app.demo.transcript import Transcript
from app.dtr.credentials import Credentials
from tests.test_house import CANARIES

pytestmark = pytest.mark.journey
ROOT = Path(__file__).resolve().parents[2]


def two_free_ports():
    """Return a port whose next one is free as well."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with socket.socket() as second:
                try:
                    second.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
                return port


def test_the_demo_ends_with_a_summary_and_exit_code_0():
    command = [sys.executable, "-m", "app.cli", "demo", "--once", "--port", str(two_free_ports())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:]
    assert done.stdout.strip().endswith("steps went as told")
    assert "✗" not in done.stdout


def test_a_demo_that_cannot_start_ends_with_exit_code_1():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "app.cli", "demo", "--once", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "✗" in done.stdout


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda one: f"/fhir/{one.generation}")
def test_an_order_becomes_a_decision(chapter, tmp_path):
    """Hook, form, submission, answer, inquiry, and the hook again; and no patient in the service's log."""
    out = Transcript()
    with ExitStack() as stack:
        here = _open(stack, tmp_path, two_free_ports(), out)
        credentials = Credentials.in_folder(tmp_path / "dtr", "dtr-app")
        door = Door(allow_loopback_http=True, timeout_seconds=10, limit_bytes=20_000_000)
        Teller(chapter, here.ehr, here.service, credentials, door, out).tell()
    assert out.wrong == []
    assert out.steps >= 11
    log = (tmp_path / "service.log").read_text()
    assert '"endpoint": "claims.submit"' in log
    for canary in (*CANARIES, "Okoye", "1947-09-12", "ACME0005678", "Mill Street"):
        assert canary not in log


def test_the_service_ends_by_itself_on_sigterm(tmp_path):
    port = two_free_ports()
    here = demo_parties(port, tmp_path / "data")
    shutil.copytree(ROOT / "fixtures" / "payer", here.data)
    here.operate("migrate")
    log = tmp_path / "service.log"
    with running(["serve", "--port", str(port)], f"{here.service}/health/ready", log, here.environment) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert "Traceback" not in log.read_text()
