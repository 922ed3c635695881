"""How is a job taken, done, tried again, given up? One way for threads and for Celery workers."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from app.jobs.attempts import GiveUp, TryLater
from app.jobs.handlers import HANDLERS, PATIENCE, WHEN_GIVEN_UP
from app.jobs.notify import DELIVERIES
from app.logging import get_logger
from app.storage import clients, outbox
from app.storage.outbox import EVERYTHING, Job, Lane
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
TELLING, ALL_ELSE = Lane(only=DELIVERIES), Lane(but=DELIVERIES)
"""Deliveries have threads of their own: subscribers that take their time keep nothing else waiting."""
log = get_logger()


def work(service: Service, job_id: int | None = None, lane: Lane = EVERYTHING) -> tuple[bool, list[int]]:
    """Take one due job of the lane (this one if it is named) and do it.

    Return whether there was one, and the jobs that it made.
    """
    with service.database.writing() as connection:
        job = outbox.take(connection, service.now(), LEASE, job_id, lane)
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

    Args:
        threads: for all jobs but deliveries.
        deliveries: threads for those.
        poll_seconds: how often one thread of each kind looks for jobs that it was not woken for.
    """

    def __init__(self, service: Service, *, threads: int, deliveries: int, poll_seconds: float) -> None:
        self._service = service
        self._forgotten = time.monotonic()
        self._crews = [
            _Crew("jobs", threads, poll_seconds, partial(self._work, ALL_ELSE)),
            _Crew("deliveries", deliveries, poll_seconds, partial(self._work, TELLING)),
        ]

    def start(self) -> None:
        for crew in self._crews:
            crew.start()

    def wake(self, job_ids: Iterable[int]) -> None:
        for _ in job_ids:
            for crew in self._crews:
                crew.wake()

    def stop(self, timeout: float = 10.0) -> None:
        """Let what is being done end."""
        for crew in self._crews:
            crew.end()
        ends = time.monotonic() + timeout
        for crew in self._crews:
            crew.join(ends)

    def _work(self, lane: Lane) -> bool:
        busy, more = work(self._service, lane=lane)
        self.wake(more)
        if not busy:
            self._forget()
        return busy

    def _forget(self) -> None:
        """Forget now and then what has expired; who asks for a token does not wait for that."""
        if time.monotonic() - self._forgotten >= FORGETTING_SECONDS:
            self._forgotten = time.monotonic()
            with self._service.database.writing() as connection:
                clients.forget(connection, self._service.now())


class _Crew:
    """Threads that do ``work`` as long as it says that there was some; one at a time is on the look-out for more."""

    def __init__(self, name: str, threads: int, poll_seconds: float, work: Callable[[], bool]) -> None:
        self._work, self._poll = work, poll_seconds
        self._woken, self._looking_out = threading.Semaphore(0), threading.Lock()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        self._woken.release()

    def end(self) -> None:
        self._ending.set()
        for _ in self._threads:
            self._woken.release()

    def join(self, ends: float) -> None:
        for thread in filter(threading.Thread.is_alive, self._threads):  # a start that failed begins none
            thread.join(max(0.0, ends - time.monotonic()))

    def _run(self) -> None:
        while not self._ending.is_set():
            with self._looking_out:
                self._woken.acquire(timeout=self._poll)
            try:
                while not self._ending.is_set() and self._work():
                    pass
            except SQLAlchemyError as error:
                log.warning("database.away", exc_info=error)
                self._ending.wait(self._poll)
            except Exception as error:
                log.critical("job.fault", exc_info=error)
