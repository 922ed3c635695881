"""What could not be delivered, and how is it tried anew? For staff, on the page and at the command line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.jobs import notify
from app.storage import events, notices, outbox, subscriptions
from app.storage.database import Database
from app.storage.outbox import DeadLetter
from app.storage.subscriptions import Subscription
from fhir_r4.problems import Unknown

MOST = 200


@dataclass(frozen=True, slots=True)
class Lagging:
    """A subscription whose endpoint fails, or that has not been told all: how many events wait, and since when."""

    subscription: Subscription
    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Jobs that were given up, and subscriptions that lag behind."""

    dead: tuple[DeadLetter, ...]
    lagging: tuple[Lagging, ...]


def deliveries(database: Database) -> Deliveries:
    """Return what staff have to know of."""
    with database.reading() as connection:
        dead = outbox.dead_letters(connection, MOST)
        backlog = notices.backlog(connection)
        every = subscriptions.everyone(connection)
    lagging = (Lagging(one, *backlog.get(one.id, (0, None))) for one in every if one.status != "off")
    return Deliveries(tuple(dead), tuple(one for one in lagging if one.waiting or one.subscription.error))


def retry(database: Database, job_id: int, actor: str, now: datetime) -> list[int]:
    """Take a dead letter up anew and return the jobs to be done; a subscription begins with a handshake.

    Raises:
        Unknown: there is no such dead letter (any more).
    """
    with database.writing() as connection:
        dead = outbox.revive(connection, job_id, now)
        if dead is None:
            raise Unknown("there is no such dead letter; somebody else may have taken it up")
        jobs = [dead.id]
        if dead.kind in notify.KINDS and subscriptions.find(connection, dead.subject):
            subscriptions.set_status(connection, dead.subject, "requested")
            jobs = [*jobs, outbox.put_once(connection, notify.HANDSHAKE, dead.subject, now)]
        events.record(connection, "job.retried", actor=actor, at=now, job=dead.id, job_kind=dead.kind)
    return _each_once(jobs)


def _each_once(jobs: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(jobs))
