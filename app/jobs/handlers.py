"""What is to be done for each kind of job? Every handler may run more than once and has to make no difference then."""

from collections.abc import Callable, Mapping

from app.jobs import back_end, hook_measures, information, notify, standing
from app.storage import attachments, authorizations
from app.storage import information as asked
from app.storage.outbox import Job
from app.wiring import Service


def changed(service: Service, job: Job) -> list[int]:
    """Tell whoever watches an authorization that it has changed, and whoever works on it."""
    return [*notify.changed(service, job), *back_end.changed(service, job)]


HANDLERS: Mapping[tuple[str, int], Callable[[Service, Job], list[int]]] = {
    (authorizations.CHANGED, 1): changed,
    (attachments.ARRIVED, 1): information.weigh_what_arrived,
    (asked.LAPSES, 1): information.give_up_waiting,
    (notify.HANDSHAKE, 1): notify.shake_hands,
    (notify.DELIVER, 1): notify.deliver,
    (notify.HEARTBEAT, 1): notify.beat,
    (standing.RETENTION, 1): standing.retain,
    (hook_measures.MEASURE, 1): hook_measures.measure,
    (back_end.LOOK_UP, 1): back_end.look_up,
    (back_end.HAND_OVER, 1): back_end.hand_over,
}
"""By kind and contract (``app/storage/outbox.py``): while versions are exchanged, rows of the old and the new wait."""
WHEN_GIVEN_UP: Mapping[str, Callable[[Service, Job, str], None]] = dict.fromkeys(notify.KINDS, notify.gave_up)
"""Who is told of a dead letter, beside staff."""
PATIENCE: Mapping[str, int] = {notify.HANDSHAKE: 10}
"""Attempts before a job of this kind is given up, where it is not the usual number."""
