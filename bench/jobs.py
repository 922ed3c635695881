"""How long after a case has changed is the job done that follows from it? On threads, and on Celery workers.

The change is a reviewer's verdict: what is decided at once has no job, for its answer tells of it. Read from the rows
themselves: from the moment the verdict arrived (``created_at``) to the moment its job was done (``done_at``). One
verdict at a time, so that what is measured is the way and not a queue.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from sqlalchemy import func, select

from app.demo.parties import Parties
from app.demo.reviewer import Browser
from app.demo.transcript import Transcript
from app.storage.database import Database
from app.storage.tables import outbox
from bench.load import NotAnswered, Request, answers
from fhir_r4.wire import read_own

PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.02
_PASSWORD = "a password of the bench"  # noqa: S105 of a house that is torn down
_VERDICT = {"action": "A3", "reason": "The saturation was not given."}


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from each verdict's arrival to its job's end; None where there was no Redis to measure with."""

    name: str
    target_ms: float
    milliseconds: Sequence[float] | None


def a_reviewer(here: Parties) -> Browser:
    """Return the browser of a reviewer who has logged in."""
    link = here.operate("staff", "add", "bench-reviewer", "--role", "reviewer", "--licence", "NY/123456")
    browser = Browser(here.service, "reviewer", Transcript(Console(quiet=True)))
    browser.set_password(link, _PASSWORD)
    browser.log_in("bench-reviewer", _PASSWORD)
    return browser


def latency(name: str, target_ms: float, here: Parties, requests: Sequence[Request]) -> Latency:
    """Submit cases that pend, decide them one after another, and return how long the jobs took that follow.

    Raises:
        NotAnswered: a submission does not pend, or a job is not done in time.
    """
    reviewer, cases = a_reviewer(here), _submitted(here, requests)
    database = Database(f"sqlite:///{(here.data / 'priorauth.db').absolute()}")
    try:
        with database.reading() as connection:
            before = connection.execute(select(func.coalesce(func.max(outbox.c.id), 0))).scalar_one()
        for case in cases:
            reviewer.decide(f"{here.service}/authorizations/{case}", _VERDICT)
            time.sleep(PAUSE_SECONDS)
        return Latency(name, target_ms, _ended(database, before, len(cases)))
    finally:
        database.engine.dispose()


def _submitted(here: Parties, requests: Sequence[Request]) -> list[str]:
    """Return the cases that the requests make, each by its opaque id."""
    port = urlsplit(here.service).port or 0
    return [read_own(body)["entry"][0]["resource"]["id"] for body in answers(port, requests, b'"A4"')]


def _ended(database: Database, before: int, wanted: int) -> list[float]:
    rows = select(outbox.c.created_at, outbox.c.done_at).where(outbox.c.id > before, outbox.c.done_at.is_not(None))
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        with database.reading() as connection:
            found = connection.execute(rows).all()
        if len(found) >= wanted:
            return [(row.done_at - row.created_at).total_seconds() * 1000 for row in found]
        time.sleep(0.1)
    raise NotAnswered(f"{len(found)} of {wanted} jobs were done in {PATIENCE_SECONDS} s")


@contextmanager
def a_redis(port: int, folder: Path) -> Iterator[str | None]:
    """Run a Redis that keeps nothing and yield its URL; None where it is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)  # noqa: S603 what is installed
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=10)
