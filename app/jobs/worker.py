"""How do Celery workers take part? A message names a row; the worker does that row as a thread would.

Settings, with what they guard against (decisions.md §4): acks_late and reject_on_worker_lost so that a killed
worker's message comes back, prefetch 1 so that none waits behind a long one, a visibility timeout above the longest
job, and for Redis unacked_restore_interval and unacked_restore_throttle of 1 second: with the defaults a killed
worker's tasks stayed lost for about 100 seconds. The sweep beside it finds what no message tells of.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from app.config import Config
from app.jobs import standing
from app.jobs.runner import ALL_ELSE, LEASE, ThreadRunner, work
from app.logging import configure, get_logger
from app.wiring import Service, build

TASK = "priorauth.work"
SWEEP_SECONDS = 2.0
AGAIN_SECONDS = 1.0
DRAIN_SECONDS = 30.0
log = get_logger()


def celery_app(broker_url: str) -> Celery:
    """Return the Celery application on that broker; no results are kept."""
    app = Celery("priorauth", broker=broker_url)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,  # else what our processes log is swallowed
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": int(LEASE.total_seconds() * 10),
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 1,
            "socket_timeout": 5,
        },
    )
    return app


class CeleryRunner:
    """Wakes the workers; a broker that is away is said in the log and costs the time until the sweep.

    A thread of its own tells the broker: one that is away takes seconds to be so, and no request waits for that.
    """

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app(broker_url)
        self._untold: SimpleQueue[int] = SimpleQueue()
        threading.Thread(target=self._tell, name="broker", daemon=True).start()

    def wake(self, job_ids: Iterable[int]) -> None:
        for job_id in job_ids:
            self._untold.put(job_id)

    def _tell(self) -> None:
        while True:
            job_id = self._untold.get()
            try:
                self._app.send_task(TASK, args=[job_id], retry=False)
            except Exception as error:
                log.warning("broker.away", exc_info=error)
                self._leave_to_the_sweep()

    def _leave_to_the_sweep(self) -> None:
        with suppress(Empty):
            while True:
                self._untold.get_nowait()


def run(config: Config, concurrency: int) -> None:
    """Keep Celery working, and sweep beside it, until told to end; SIGTERM lets what is being done end.

    Celery is a process of its own that is started again when it dies: it does not always survive its broker. The
    sweep needs no broker and goes on meanwhile.
    """
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    service = build(config)
    service.policies.start()
    standing.begin(service)
    sweep = ThreadRunner(service, threads=1, deliveries=config.delivery_threads, poll_seconds=SWEEP_SECONDS)
    sweep.start()
    child = _celery(config, concurrency)
    while not ending.wait(AGAIN_SECONDS):
        if child.poll() is not None:
            log.warning("worker.again", status=child.returncode)
            child = _celery(config, concurrency)
    child.terminate()
    try:
        child.wait(timeout=DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
    sweep.stop()


def _celery(config: Config, concurrency: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PRIORAUTH_DATA": str(config.data)}  # noqa: TID251 handed on to the child
    command = [sys.executable, "-m", "app.jobs.worker", str(concurrency)]
    return subprocess.Popen(command, env=environment)  # noqa: S603 our own module


def work_for_celery(config: Config, concurrency: int) -> None:
    """Take messages until told to end; the process that ``run`` keeps alive."""
    app = celery_app(config.broker_url)
    held: dict[str, tuple[Service, ThreadRunner]] = {}

    @worker_process_init.connect(weak=False)
    def begin(**_: Any) -> None:
        configure()
        service = build(config)
        service.policies.start()
        telling = ThreadRunner(service, threads=0, deliveries=config.delivery_threads, poll_seconds=SWEEP_SECONDS)
        telling.start()
        held["here"] = service, telling

    @worker_process_shutdown.connect(weak=False)
    def end(**_: Any) -> None:
        service, telling = held["here"]
        telling.stop()
        service.database.engine.dispose()

    @app.task(name=TASK)
    def _(job_id: int) -> None:
        do(*held["here"], job_id)

    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING"]
    app.worker_main(["worker", "--pool=prefork", f"--concurrency={concurrency}", *quiet])


def do(service: Service, telling: ThreadRunner, job_id: int) -> None:
    """Do the row and, at once, the rows that it made; a delivery is left to the threads that are there for it."""
    done, more = work(service, job_id, ALL_ELSE)
    if not done:
        telling.wake([job_id])
    for one in more:
        do(service, telling, one)


if __name__ == "__main__":
    configure()
    work_for_celery(Config.from_env(), int(sys.argv[1]))
