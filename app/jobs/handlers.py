"""What is to be done for each kind of job? Every handler may run more than once and has to make no difference then."""

from collections.abc import Callable, Mapping

from app.jobs import notify, standing
from app.storage import authorizations
from app.storage.outbox import Job
from app.wiring import Service

HANDLERS: Mapping[tuple[str, int], Callable[[Service, Job], list[int]]] = {
    (authorizations.CHANGED, 1): notify.changed,
    (notify.HANDSHAKE, 1): notify.shake_hands,
    (notify.DELIVER, 1): notify.deliver,
    (notify.HEARTBEAT, 1): notify.beat,
    (standing.RETENTION, 1): standing.retain,
}
"""By kind and contract (``app/storage/outbox.py``): while versions are exchanged, rows of the old and the new wait."""
WHEN_GIVEN_UP: Mapping[str, Callable[[Service, Job, str], None]] = dict.fromkeys(notify.KINDS, notify.gave_up)
"""Who is told of a dead letter, beside staff."""
PATIENCE: Mapping[str, int] = {notify.HANDSHAKE: 10}
"""Attempts before a job of this kind is given up, where it is not the usual number."""
