"""How is the service served? gunicorn with threads, settings from ``Config`` alone; drains on SIGTERM."""

import gc

from flask import Flask
from gunicorn.app.base import BaseApplication

from app.config import Config
from app.web import create_app

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
            "post_worker_init": _settle,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._config)


def _settle(_: object) -> None:
    """Spare what was built at start (policies, forms, compiled paths) from every later search for garbage."""
    gc.collect()
    gc.freeze()
