"""What is counted? Requests, their time and what was refused; of one process, or of all web processes together.

Labels are our own words: route templates, status classes, kinds of refusal, names of registered clients. Nothing that a
client sent is one.

prometheus-client looks for the folder in which processes share their counts when it is imported; therefore
``app/server.py`` names the folder before it loads this.
"""

import os
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.logging import get_logger

ROOM = 1 << 20
"""Bytes; all routes with all classes of status take less."""
log = get_logger()


class Roomy(MmapedDict):
    """One process's counts in a file whose room is taken when it is made: to write where none is left kills a process.

    Where there is none, they are counted in memory, where no other process finds them.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode and not _takes_room(filename):
            filename = f"/proc/self/fd/{os.memfd_create('counts')}"
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]


def _takes_room(filename: str) -> bool:
    file = os.open(filename, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(file, 0, ROOM)
    except OSError as error:
        log.error("metrics.no-room", exc_info=error)  # noqa: TRY400 structlog's, with the type and lines only
        os.unlink(filename)  # noqa: PTH108 a name, as prometheus-client has it
        return False
    finally:
        os.close(file)
    return True


vars(values)["MmapedDict"] = Roomy  # before anything is counted

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LABELS = ("endpoint", "status")

_own = CollectorRegistry()
_requests = Counter("priorauth_requests", "Requests answered.", _LABELS, registry=_own)
_seconds = Histogram("priorauth_request_seconds", "Time to answer.", _LABELS, registry=_own, buckets=_SECONDS)
_refusals = Counter("priorauth_refusals", "Requests refused, by FHIR's issue type.", ("kind",), registry=_own)
_unrecorded = Counter(
    "priorauth_refusals_unrecorded", "Refusals of unknown callers that were counted and not recorded.", registry=_own
)
_ehr = Counter(
    "priorauth_hook_ehr",
    "Hooks whose EHR was not waited for (crowded, resting), and EHRs that began to be left alone (tripped).",
    ("client", "event"),
    registry=_own,
)


def answered(template: str | None, status: int, seconds: float) -> None:
    """Count an answer; ``template`` is the route's, None where there is no such route."""
    requests, times = _of(template or "none", f"{status // 100}xx")
    requests.inc()
    times.observe(seconds)


@cache
def _of(*labels: str) -> tuple[Counter, Histogram]:
    """Return the two that count under these labels; to find them costs more than to count."""
    return _requests.labels(*labels), _seconds.labels(*labels)


def refused(kind: str) -> None:
    _refusals.labels(kind).inc()


def unrecorded() -> None:
    _unrecorded.inc()


def ehr(client: str, event: str) -> None:
    """Count what happened with the EHR of a hook; ``client`` is as the operator has named it."""
    _ehr.labels(client, event).inc()


def exposition(*others: Collector) -> bytes:
    """Return everything in Prometheus' text format, with what ``others`` find out at this moment."""
    counted, found = _own, CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):  # noqa: TID251 where prometheus-client itself looks
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    for other in others:
        found.register(other)
    return generate_latest(counted) + generate_latest(found)
