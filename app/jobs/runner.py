"""How is a job taken, done, tried again, given up? One way for threads and for Celery workers."""

import random
import threading
import time
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from app.jobs.attempts import GiveUp, TryLater
from app.jobs.handlers import HANDLERS, PATIENCE, WHEN_GIVEN_UP
from app.logging import get_logger
from app.storage import clients, outbox
from app.storage.outbox import Job
from app.wiring import Service

LEASE = timedelta(seconds=60)
BACK_OFF = (1, 5, 10, 30, 120, 600, 1800, 3600)
"""Seconds until the next attempt; the last one repeats."""
ATTEMPTS = 80
"""Three days, by the waits above."""
LEFT_ALONE = timedelta(seconds=15)
"""How long a job of another version is left before it is looked at again."""
FORGETTING_SECONDS = 300
"""How often tokens that have expired and JWTs that cannot come again are forgotten."""
log = get_logger()


def work(service: Service, job_id: int | None = None) -> tuple[bool, list[int]]:
    """Take one due job (this one if it is named) and do it; return whether there was one, and the jobs it made."""
    with service.database.writing() as connection:
        job = outbox.take(connection, service.now(), LEASE, job_id)
    if job is None:
        return False, []
    handler = HANDLERS.get((job.kind, job.contract))
    if handler is None:
        _leave(service, job)
        return True, []
    try:
        more = handler(service, job)
    except TryLater as reason:
        _again(service, job, str(reason), reason.wait)
        return True, []
    except GiveUp as reason:
        _bury(service, job, str(reason))
        return True, []
    except SQLAlchemyError:
        raise  # the database is away: the lease runs out by itself
    except Exception as error:
        log.exception("job.fault", job=job.kind, attempt=job.attempts, exc_info=error)
        _again(service, job, type(error).__name__)
        return True, []
    with service.database.writing() as connection:
        outbox.done(connection, job, service.now())
    return True, more


def _leave(service: Service, job: Job) -> None:
    """Leave a job that this version does not know to one that does; it is never given up for that.

    Another version's process wrote it: while they are exchanged, both are at work.
    """
    fault = f"this version knows no job {job.kind}, contract {job.contract}"
    log.warning("job.left", job=job.kind, version=job.contract)
    with service.database.writing() as connection:
        outbox.leave(connection, job, service.now() + LEFT_ALONE, fault)


def _again(service: Service, job: Job, fault: str, asked: timedelta | None = None) -> None:
    if job.attempts >= PATIENCE.get(job.kind, ATTEMPTS):
        _bury(service, job, fault)
        return
    log.warning("job.later", job=job.kind, attempt=job.attempts, reason=fault)
    wait = timedelta(seconds=BACK_OFF[min(job.attempts, len(BACK_OFF)) - 1])
    jitter = random.uniform(0.9, 1.1)  # noqa: S311 spreads retries, guards nothing
    with service.database.writing() as connection:
        outbox.later(connection, job, service.now() + max(wait * jitter, asked or wait * 0), fault)


def _bury(service: Service, job: Job, fault: str) -> None:
    log.error("job.dead", job=job.kind, attempt=job.attempts, reason=fault)
    if tell := WHEN_GIVEN_UP.get(job.kind):
        tell(service, job, fault)
    with service.database.writing() as connection:
        outbox.bury(connection, job, service.now(), fault)


class ThreadRunner:
    """Does jobs on threads of this process: at once when woken, and whatever is overdue every so often.

    Every web process has one where no broker is set, every Celery worker has one as its sweep: leases that ran out
    and messages that were lost are found here.
    """

    def __init__(self, service: Service, *, threads: int, poll_seconds: float) -> None:
        self._service = service
        self._poll = poll_seconds
        self._woken = threading.Semaphore(0)
        self._ending = threading.Event()
        self._forgotten = time.monotonic()
        self._threads = [threading.Thread(target=self._run, name=f"jobs-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self, job_ids: Iterable[int]) -> None:
        for _ in job_ids:
            self._woken.release()

    def stop(self, timeout: float = 10.0) -> None:
        """Let what is being done end."""
        self._ending.set()
        for _ in self._threads:
            self._woken.release()
        for thread in self._threads:
            thread.join(timeout)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._woken.acquire(timeout=self._poll)
            try:
                busy = not self._ending.is_set()
                while busy:
                    busy, more = work(self._service)
                    self.wake(more[1:])
                self._forget()
            except SQLAlchemyError as error:
                log.warning("database.away", exc_info=error)
                self._ending.wait(self._poll)
            except Exception as error:
                log.critical("job.fault", exc_info=error)

    def _forget(self) -> None:
        """Forget now and then what has expired; who asks for a token does not wait for that."""
        if time.monotonic() - self._forgotten >= FORGETTING_SECONDS:
            self._forgotten = time.monotonic()
            with self._service.database.writing() as connection:
                clients.forget(connection, self._service.now())
