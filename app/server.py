"""How is the service served? gunicorn with threads, settings from ``Config`` alone; drains on SIGTERM."""

from dataclasses import replace
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from app.config import Config
from app.current import service_of
from app.jobs.runner import ThreadRunner
from app.web import create_app
from app.wiring import Service, build

DRAIN_SECONDS = 30


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One address, ``config.workers`` processes of ``config.threads`` threads."""

    def __init__(self, config: Config, host: str, port: int) -> None:
        self._config, self._address = config, f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._address,
            "workers": self._config.workers,
            "threads": self._config.threads,
            "worker_class": "gthread",
            "graceful_timeout": DRAIN_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            "errorlog": "-",
            "loglevel": "warning",
            "limit_request_line": 4094,
            "limit_request_fields": 64,
            "control_socket_disable": True,
            "post_worker_init": _begin_jobs,
            "worker_exit": _end_jobs,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._config, with_runner(build(self._config)))


def with_runner(service: Service) -> Service:
    """Return the service with whoever does its jobs: Celery workers where a broker is set, else threads."""
    config = service.config
    if config.broker_url:
        from app.jobs.worker import CeleryRunner  # noqa: PLC0415 costs 15 MB where it is not needed

        return replace(service, runner=CeleryRunner(config.broker_url))
    runner = ThreadRunner(service, threads=config.job_threads, poll_seconds=config.job_poll_seconds)
    return replace(service, runner=runner)


def _begin_jobs(worker: Any) -> None:
    runner = service_of(worker.app.callable).runner
    if isinstance(runner, ThreadRunner):
        runner.start()


def _end_jobs(_: Any, worker: Any) -> None:
    runner = service_of(worker.app.callable).runner if worker.app.callable else None
    if isinstance(runner, ThreadRunner):
        runner.stop()
