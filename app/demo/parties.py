"""Who takes part in the demo? Two servers in processes of their own, and an operator with the command line."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.clients.outbound import Door, OutboundFailed

HOUSE = Path(__file__).resolve().parents[2]
START_SECONDS = 30
Process = subprocess.Popen[bytes]


class DidNotStart(Exception):
    """A server is not up in time; the message names it and quotes the end of its log."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Where everybody is.

    Attributes:
        service, ehr: base URLs.
        data: the service's folder, made for this demo and removed with it.
        environment: of every ``priorauth`` command.
        service_process: the service's parent process, once it runs.
    """

    service: str
    ehr: str
    data: Path
    environment: dict[str, str]
    service_process: "Process | None" = None

    def operate(self, *words: str) -> str:
        """Run ``priorauth …`` as the operator and return what it printed."""
        command = [sys.executable, "-m", "app.cli", *words]
        done = subprocess.run(  # noqa: S603 our own command
            command, env=dict(self.environment), capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.strip()


def loopback_door() -> Door:
    """Return a way out that talks http to this machine and to nowhere else."""
    return Door(allow_loopback_http=True, timeout_seconds=10, limit_bytes=20_000_000)


def parties(port: int, data: Path, settings: Mapping[str, str]) -> Parties:
    """Return where everybody will be; ``settings`` are the service's beside the demo's own."""
    service = f"http://127.0.0.1:{port}"
    ours = {
        "PRIORAUTH_DATA": str(data),
        "PRIORAUTH_BASE_URL": service,
        "PRIORAUTH_ALLOW_LOOPBACK_HTTP": "1",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PRIORAUTH_")}  # noqa: TID251 passed on
    return Parties(service, f"http://127.0.0.1:{port + 1}", data, kept | ours | dict(settings))


def end_on_sigterm() -> None:
    """Let SIGTERM end this program as Ctrl-C does, so that the servers that it runs and its folders end with it."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


@contextmanager
def running(
    command: list[str], ready: str | None, log: Path, environment: Mapping[str, str], *, module: str = "app.cli"
) -> Iterator[Process]:
    """Run ``priorauth command…`` in a process of its own, from when ``ready`` answers 200 until the end."""
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603 our own command
            [sys.executable, "-m", module, *command], env=dict(environment), stdout=sink, stderr=sink
        )
        try:
            if ready:
                _wait(process, command[0], ready, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: Process, name: str, ready: str, log: Path) -> None:
    door, ends = loopback_door(), time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            if door.send("GET", ready, allowed=[ready]).status == 200:
                return
        except OutboundFailed:
            pass
        time.sleep(0.1)
    raise DidNotStart(f"{name} is not up: {log.read_text(errors='replace')[-500:]}")
