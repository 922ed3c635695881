"""How long after a request has come in is the job done that follows from it? On threads, and on Celery workers.

Read from the rows themselves: from the moment the submission arrived (``created_at``) to the moment its job was done
(``done_at``). One request at a time, so that what is measured is the way and not a queue.
"""

import http.client
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from app.storage.database import Database
from app.storage.tables import outbox
from bench.load import NotAnswered, Request

PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from each submission's arrival to its job's end; None where there was no Redis to measure with."""

    name: str
    target_ms: float
    milliseconds: Sequence[float] | None


def latency(name: str, target_ms: float, port: int, data: Path, requests: Sequence[Request]) -> Latency:
    """Send the requests one after another and return how long their jobs took.

    Raises:
        NotAnswered: a submission is not accepted, or its job is not done in time.
    """
    database = Database(f"sqlite:///{(data / 'priorauth.db').absolute()}")
    try:
        with database.reading() as connection:
            before = connection.execute(select(func.coalesce(func.max(outbox.c.id), 0))).scalar_one()
        http_connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        for one in requests:
            http_connection.request("POST", one.path, one.body, one.headers)
            answer = http_connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise NotAnswered(f"{one.path}: {answer.status}")
            time.sleep(PAUSE_SECONDS)
        http_connection.close()
        return Latency(name, target_ms, _ended(database, before, len(requests)))
    finally:
        database.engine.dispose()


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
