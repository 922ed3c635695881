"""What may be logged? Names of events and our own identifiers, never patient data.

Allowed names beat masking, since masking fails open: what is not on the list is dropped. Of an exception its
type and the lines it passed are kept, not its message, since messages quote data.
"""

import logging
import sys
import traceback
from typing import Any

import orjson

from app.clock import now

LOGGABLE = frozenset(
    {"event", "level", "timestamp", "request_id", "endpoint", "method", "status", "ms", "client", "hook", "service"}
    | {"generation", "policy", "version", "row", "authorization", "assertion", "job", "attempt", "issue", "reason"}
    | {"host", "count", "pid", "fault", "frames", "database", "address", "logger", "digest", "of"}
)


class Log:
    """Writes an event as one line of JSON, with those of the named values that are loggable.

    ``exc_info`` is an exception, or True for the one that is being handled.
    """

    stream: Any = None
    """Where the lines go; None is standard error as it is then."""

    def info(self, event: str, **said: Any) -> None:
        self._write("info", event, said)

    def warning(self, event: str, **said: Any) -> None:
        self._write("warning", event, said)

    def error(self, event: str, **said: Any) -> None:
        self._write("error", event, said)

    def critical(self, event: str, **said: Any) -> None:
        self._write("critical", event, said)

    def exception(self, event: str, **said: Any) -> None:
        """Write an error with the exception that is being handled."""
        self._write("error", event, {"exc_info": True} | said)

    def _write(self, level: str, event: str, said: dict[str, Any]) -> None:
        stream = self.stream or sys.stderr
        stream.write(_line({"event": event, "level": level, "timestamp": now()} | said) + "\n")
        stream.flush()


_LOG = Log()


def configure(stream: Any = None) -> None:
    """Send our lines and those of the standard library's logging to one stream."""
    _LOG.stream = stream or sys.stderr
    handler = logging.StreamHandler(_LOG.stream)
    handler.setFormatter(_PhiFree())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def get_logger() -> Log:
    return _LOG


class _PhiFree(logging.Formatter):
    """Write other people's log records as their logger's name and level; their words may quote anything."""

    def format(self, record: logging.LogRecord) -> str:
        event = {"event": "library", "logger": record.name, "level": record.levelname.lower()}
        return _line(event | {"exc_info": record.exc_info})


def _line(said: dict[str, Any]) -> str:
    kept = {name: value for name, value in said.items() if name in LOGGABLE} | _fault(said.get("exc_info"))
    return orjson.dumps(kept, default=repr, option=orjson.OPT_UTC_Z).decode()


def _fault(info: Any) -> dict[str, Any]:
    """Return type and lines of an exception, or of what ``sys.exc_info`` says of it; nothing where there is none."""
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if not isinstance(error, BaseException):
        return {}
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return {
        "fault": type(error).__name__,
        "frames": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames],
    }
