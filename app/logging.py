"""What may be logged? Names of events and our own identifiers, never patient data.

Allowed names beat masking, since masking fails open: what is not on the list is dropped. Of an exception its
type and the lines it passed are kept, and the code by which a database names it; not its message, since messages quote
data.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

LOGGABLE = frozenset(
    {"event", "level", "timestamp", "request_id", "endpoint", "method", "status", "ms", "client", "hook", "service"}
    | {"generation", "policy", "version", "row", "authorization", "assertion", "job", "attempt", "issue", "reason"}
    | {"host", "count", "pid", "fault", "frames", "database", "address", "logger", "digest", "of", "code"}
)


def configure(stream: Any = None) -> None:
    """Send structlog and the standard library's logging to one stream, as JSON lines; to standard error without one."""
    _out.stream = stream
    handler = logging.StreamHandler(_out)
    handler.setFormatter(PhiFree())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def get_logger() -> Any:
    return structlog.get_logger()


def _line(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=repr).decode()


_render = structlog.processors.JSONRenderer(serializer=_line)


class _Tolerant:
    """The log's stream, as it is when a line is written. What it does not take is lost; no request fails for that."""

    stream: Any = None

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # its disk is full; its reader has gone; it is closed
            (self.stream or sys.stderr).write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            (self.stream or sys.stderr).flush()


_out: Any = _Tolerant()


class PhiFree(logging.Formatter):
    """Write other people's log records as their logger's name and level; their words may quote anything."""

    def event(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what is told of a record, by names of which those on the list pass."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        return {"event": "library", "logger": record.name, "level": record.levelname.lower(), "timestamp": at}

    def format(self, record: logging.LogRecord) -> str:
        event = self.event(record)
        if record.exc_info:
            event["exc_info"] = record.exc_info
        return str(_render(None, "", _only_loggable(None, "", _fault(None, "", event))))


def _only_loggable(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in LOGGABLE}


def _fault(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["fault"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        if code := _database_code(error):
            event["code"] = code
        event["frames"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    return event


def _database_code(error: BaseException) -> str | None:
    """Return how a database names what went wrong, such as SQLITE_FULL or 53100 (no room on PostgreSQL's disk)."""
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)


structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _fault,
        _only_loggable,
        _render,
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.WriteLoggerFactory(_out),
    cache_logger_on_first_use=True,
)  # at once: a process that is not told where to write names nothing either that it may not
