"""What does gunicorn say in the log? JSON lines as all do: of processes and addresses its words, of requests none.

gunicorn quotes request lines and headers where it cannot read them, and those may name a patient.
"""

import logging
from typing import Any

from gunicorn.glogging import Logger

from app.logging import PhiFree

_WHOLE = (
    "Worker (pid:",
    "WORKER TIMEOUT",
    "connection to ",
    "Connection in use",
    "Invalid address",
    "Can't connect to",
)
"""How gunicorn's sentences begin that speak of our own processes and addresses."""
_BEGUN = (
    "Invalid request",
    "Error handling request",
    "Socket error processing request",
    "Exception in worker process",
    "Exception during worker exit",
)
"""How those begin of which no more than this is told."""


class ServerLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger, with lines of ours."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(_Lines())


class _Lines(PhiFree):
    def event(self, record: logging.LogRecord) -> dict[str, Any]:
        return super().event(record) | {"event": "server", "reason": _said(record.getMessage())}


def _said(words: str) -> str | None:
    return words if words.startswith(_WHOLE) else next((begun for begun in _BEGUN if words.startswith(begun)), None)
