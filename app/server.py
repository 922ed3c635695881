"""How is the service served? gunicorn with threads, settings from ``Config`` alone; drains on SIGTERM."""

import ctypes
import gc
import mmap
import os
import socket
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError, HaltServer

from app import mendable
from app.config import Config
from app.counts import Counts
from app.jobs import standing
from app.jobs.runner import ThreadRunner
from app.logging import get_logger
from app.patience import Worker
from app.server_log import ServerLog
from app.wiring import Service, build

DRAIN_SECONDS = 30
AGAIN_SECONDS = 2
_M_ARENA_MAX = -8  # mallopt(3)
log = get_logger()
_SELDOM = 10_000, 20, 20  # a request makes thousands of objects, and nearly all go as it ends: no need to look for them


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One address, ``config.workers`` processes of ``config.threads`` threads that count in one folder."""

    def __init__(self, config: Config, host: str, port: int) -> None:
        self._config, self._address = config, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._jobs: ThreadRunner | None = None  # of this web process, once it has loaded
        self._service: Service | None = None
        self._is_up = mmap.mmap(-1, 1)  # shared by all processes: whether a web process has ever begun
        self._counts = Counts()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._counts.folder)  # noqa: TID251 where prometheus-client looks
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._address,
            "workers": self._config.workers,
            "threads": self._config.threads,
            "worker_class": Worker,
            "graceful_timeout": DRAIN_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            "errorlog": "-",
            "loglevel": "warning",
            "logger_class": ServerLog,
            "limit_request_line": 4094,
            "limit_request_fields": 64,
            "control_socket_disable": True,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
            "child_exit": _mark_dead,
            "on_exit": self._forget,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve; what every web process needs alike is made before them, so that they share the memory it takes."""
        _have_one_heap()
        self.prepare()
        gc.collect()
        gc.freeze()
        try:
            super().run()
        except HaltServer as halted:  # a second web process that could not begin, while gunicorn ends for the first
            raise SystemExit(halted.exit_status) from None

    def prepare(self) -> None:
        """Import the application and compile the profiles, neither of which opens anything."""
        from app import admission, web  # noqa: F401, PLC0415 imports prometheus-client, which looks for the folder once

        admission.prepare()

    def load(self) -> Flask:
        """Return the application of a web process; what the operator can mend ends the start with a sentence.

        Where the service is up already, and a web process that takes the place of another cannot begin, those that are
        left go on, and a next one tries.
        """
        try:
            return self._load()
        except Exception as error:
            said = mendable.said(error)
            if self._is_up[0]:
                log.exception("server.again", reason=said, exc_info=error)
                time.sleep(AGAIN_SECONDS)
                raise SystemExit(1) from None
            if said:
                raise AppImportError(f"Error: {said}") from None
            raise

    def _load(self) -> Flask:
        from app.web import create_app  # noqa: PLC0415 as above

        service = with_runner(build(self._config))
        self._service = service
        self._jobs = service.runner if isinstance(service.runner, ThreadRunner) else None
        return create_app(self._config, service)

    def _begin(self, _: Any) -> None:
        """Spare what was built at start from later searches for garbage, watch the policies, begin with the jobs."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_SELDOM)
        self._is_up[0] = 1
        if self._service:
            self._service.policies.start()
            standing.begin(self._service)
        if self._jobs:
            self._jobs.start()

    def _end(self, _: Any, __: Any) -> None:
        if self._service:
            self._service.policies.stop()
        if self._jobs:
            self._jobs.stop()

    def _forget(self, _: Any) -> None:
        self._counts.end()


def try_address(host: str, port: int) -> None:
    """Raise OSError where nobody can listen: gunicorn would try for seconds, and say so in the log alone."""
    socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()


def _have_one_heap() -> None:
    """Have threads share one heap: glibc gives each its own, and keeps what each has ever needed (11 MB here)."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def with_runner(service: Service) -> Service:
    """Return the service with whoever does its jobs: Celery workers where a broker is set, else threads."""
    config = service.config
    if config.broker_url:
        from app.jobs.worker import CeleryRunner  # noqa: PLC0415 costs 15 MB where it is not needed

        return replace(service, runner=CeleryRunner(config.broker_url))
    runner = ThreadRunner(
        service,
        threads=config.job_threads,
        deliveries=config.delivery_threads,
        poll_seconds=config.job_poll_seconds,
    )
    return replace(service, runner=runner)


def _mark_dead(_: Any, worker: Any) -> None:
    """Say that a process is no more; what it counted stays counted, and no client is left to it."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 as above

    worker.place.leave()
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
