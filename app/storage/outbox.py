"""Which jobs are to be done, by whom are they being done, and which have failed for good?

A job is written in the transaction of the change that it follows from. Whoever takes one holds a lease; a lease
that runs out is taken up by someone else. The count of attempts fences: only the last taker may end a job.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from app.storage.prepared import Prepared
from app.storage.tables import outbox

CONTRACTS: Mapping[str, int] = {}
"""What each kind of job asks for, as a number to raise when it asks for something else; 1 where it is not named.

Keep the handler of the number before (``app/jobs/handlers.py``) until no row of it can be left.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One row, as taken: ``subject`` is the id of what it is about, ``attempts`` counts this one as well."""

    id: int
    kind: str
    contract: int
    subject: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Lane:
    """Which kinds of job somebody does: ``only`` these, or all ``but`` these."""

    only: frozenset[str] = frozenset()
    but: frozenset[str] = frozenset()

    @property
    def clause(self) -> ColumnElement[bool]:
        return outbox.c.kind.in_(self.only) if self.only else outbox.c.kind.not_in(self.but)


EVERYTHING = Lane()


@dataclass(frozen=True, slots=True)
class Depth:
    """How much is waiting, how much is dead, and since when the first of it is due (None where none waits).

    ``left`` of the waiting are of a kind or contract that this version does not know.
    """

    waiting: int
    left: int
    dead: int
    due: datetime | None


def put(connection: Connection, kind: str, subject: str, now: datetime, not_before: datetime | None = None) -> int:
    """Write a job on the caller's transaction and return its id."""
    done = connection.execute(insert(outbox).values(_row(kind, subject, now, not_before or now)))
    (identity,) = done.inserted_primary_key or (0,)
    return int(identity)


def schedule(connection: Connection, kind: str, subject: str, now: datetime, not_before: datetime) -> None:
    """Write a job that is found when it is due; nobody is woken for it."""
    _SCHEDULE.run(connection, _row(kind, subject, now, not_before))


_SCHEDULE = Prepared(insert(outbox))


def _row(kind: str, subject: str, now: datetime, not_before: datetime) -> dict[str, Any]:
    return {
        "kind": kind,
        "contract": CONTRACTS.get(kind, 1),
        "subject": subject,
        "created_at": now,
        "not_before": not_before,
        "attempts": 0,
    }


def put_once(connection: Connection, kind: str, subject: str, now: datetime, not_before: datetime | None = None) -> int:
    """Write a job unless one of this kind and subject waits already; return the id of either.

    One that is being done does not count: it may have looked before what is to be done was there. The waiting row
    is locked, so that nobody takes it and looks before our transaction ends.
    """
    waits = and_(
        outbox.c.kind == kind,
        outbox.c.subject == subject,
        outbox.c.done_at.is_(None),
        outbox.c.dead_at.is_(None),
        outbox.c.lease_until.is_(None),
    )
    found = connection.execute(select(outbox.c.id).where(waits).limit(1).with_for_update()).scalar_one_or_none()
    return int(found) if found is not None else put(connection, kind, subject, now, not_before)


def forget_done(connection: Connection, kind: str) -> None:
    """Delete the done jobs of a kind that is done again and again."""
    connection.execute(delete(outbox).where(outbox.c.kind == kind, outbox.c.done_at.is_not(None)))


def take(
    connection: Connection, now: datetime, lease: timedelta, job_id: int | None = None, lane: Lane = EVERYTHING
) -> Job | None:
    """Take one job of the lane that is due, this one if it is named, and hold it until the lease runs out."""
    due = and_(
        outbox.c.done_at.is_(None),
        outbox.c.dead_at.is_(None),
        outbox.c.not_before <= now,
        or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now),
    )
    query = select(outbox).where(due, lane.clause, *([outbox.c.id == job_id] if job_id is not None else []))
    query = query.order_by(outbox.c.not_before, outbox.c.id).limit(1).with_for_update(skip_locked=True)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    attempts = row.attempts + 1
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(lease_until=now + lease, attempts=attempts))
    return Job(row.id, row.kind, row.contract, row.subject, attempts)


def done(connection: Connection, job: Job, now: datetime) -> bool:
    """End a job; False where its lease ran out and somebody else has it."""
    ended = connection.execute(update(outbox).where(_held(job)).values(done_at=now, lease_until=None, fault=None))
    return ended.rowcount == 1


def later(connection: Connection, job: Job, when: datetime, fault: str) -> None:
    """Give a job back, to be tried again at ``when``."""
    connection.execute(update(outbox).where(_held(job)).values(not_before=when, lease_until=None, fault=fault))


def leave(connection: Connection, job: Job, when: datetime, fault: str) -> None:
    """Give a job back that was not attempted: at ``when`` somebody of another version may take it."""
    before = {"not_before": when, "lease_until": None, "fault": fault, "attempts": job.attempts - 1}
    connection.execute(update(outbox).where(_held(job)).values(before))


def bury(connection: Connection, job: Job, now: datetime, fault: str) -> None:
    """Give a job up: it stays as a dead letter that an operator sees."""
    connection.execute(update(outbox).where(_held(job)).values(dead_at=now, lease_until=None, fault=fault))


def depth(connection: Connection, known: Collection[tuple[str, int]]) -> Depth:
    """Count what waits and what is dead; ``known`` are the kinds with their contracts that somebody here does."""
    alive = and_(outbox.c.done_at.is_(None), outbox.c.dead_at.is_(None))
    kind = (outbox.c.kind, outbox.c.contract)
    each = select(*kind, func.count().label("rows"), func.min(outbox.c.not_before).label("due"))
    waiting = connection.execute(each.where(alive).group_by(*kind)).all()
    dead = connection.execute(select(func.count()).where(outbox.c.dead_at.is_not(None))).scalar_one()
    return Depth(
        waiting=sum(one.rows for one in waiting),
        left=sum(one.rows for one in waiting if (one.kind, one.contract) not in known),
        dead=dead,
        due=min((one.due for one in waiting), default=None),
    )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A job that was given up: how often it was tried, why the last attempt failed, and when that was."""

    id: int
    kind: str
    subject: str
    attempts: int
    fault: str
    dead_at: datetime


def dead_letters(connection: Connection, limit: int) -> list[DeadLetter]:
    """Return the newest dead letters."""
    columns = (outbox.c.id, outbox.c.kind, outbox.c.subject, outbox.c.attempts, outbox.c.fault, outbox.c.dead_at)
    query = select(*columns).where(outbox.c.dead_at.is_not(None)).order_by(outbox.c.dead_at.desc()).limit(limit)
    return [DeadLetter(*row) for row in connection.execute(query)]


def revive(connection: Connection, job_id: int, now: datetime) -> DeadLetter | None:
    """Let a dead letter be tried anew, from its first attempt; None where it is not dead (any more)."""
    columns = (outbox.c.id, outbox.c.kind, outbox.c.subject, outbox.c.attempts, outbox.c.fault, outbox.c.dead_at)
    dead = and_(outbox.c.id == job_id, outbox.c.dead_at.is_not(None))
    row = connection.execute(select(*columns).where(dead).with_for_update()).one_or_none()
    if row is not None:
        anew = {"dead_at": None, "attempts": 0, "not_before": now, "lease_until": None}
        connection.execute(update(outbox).where(outbox.c.id == job_id).values(anew))
    return DeadLetter(*row) if row else None


def end_dead(connection: Connection, kinds: Iterable[str], subject: str, now: datetime) -> int:
    """Close the dead letters of a subject whose work is taken up anew; return how many there were."""
    dead = and_(outbox.c.kind.in_(list(kinds)), outbox.c.subject == subject, outbox.c.dead_at.is_not(None))
    return connection.execute(update(outbox).where(dead).values(dead_at=None, done_at=now)).rowcount


def _held(job: Job) -> ColumnElement[bool]:
    return and_(
        outbox.c.id == job.id,
        outbox.c.attempts == job.attempts,
        outbox.c.done_at.is_(None),
        outbox.c.dead_at.is_(None),
    )
