"""What has been kept for long enough, and how does it go? In batches, each with a row in ``purges`` that says so.

``decisions`` and ``events`` only grow: their triggers let a row go only where ``purged_cases`` or ``purges`` has said
before, in the same transaction, that it goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, not_, or_, select, update

from app.storage import holds
from app.storage.tables import (
    MEASURED_OR_NOT,
    attachments,
    authorizations,
    coverage_assertions,
    decisions,
    events,
    hook_feedback,
    hook_invocations,
    hook_orders,
    items,
    metadata,
    outbox,
    purged_cases,
    purges,
    submissions,
)

BATCH = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step has taken away, and how far a further step has to look (None: there is no more)."""

    count: int
    further: tuple[datetime, str] | None = None


def purge_hooks(connection: Connection, before: datetime, today: date, actor: str, now: datetime) -> Batch:
    """Take the payloads of hook calls received before; calls whose promises have all run out go as a whole."""
    old = or_(*(and_(hook_invocations.c.received_at < before, state) for state in MEASURED_OR_NOT))
    full = func.length(hook_invocations.c.request) > 0
    promised = select(coverage_assertions.c.invocation_id)
    held = promised.where(holds.member_is_held(coverage_assertions.c.payer, coverage_assertions.c.member_id))
    member = holds.member_is_held(hook_invocations.c.payer, hook_invocations.c.member_id)
    free = and_(old, not_(member), hook_invocations.c.id.not_in(held))
    empty = update(hook_invocations).where(
        hook_invocations.c.id.in_(select(hook_invocations.c.id).where(free, full).limit(BATCH))
    )
    count = connection.execute(empty.values(request=b"", response=b"")).rowcount
    alive = promised.where(coverage_assertions.c.expires_on >= today)
    over = select(hook_invocations.c.id).where(free, hook_invocations.c.id.not_in(alive)).limit(BATCH)
    ids = list(connection.execute(over).scalars())
    connection.execute(delete(coverage_assertions).where(coverage_assertions.c.invocation_id.in_(ids)))
    connection.execute(delete(hook_orders).where(hook_orders.c.invocation_id.in_(ids)))
    connection.execute(delete(hook_feedback).where(hook_feedback.c.received_at < before))
    gone = connection.execute(delete(hook_invocations).where(hook_invocations.c.id.in_(ids))).rowcount
    _note(connection, "hooks", before, max(count, gone), actor, now)
    return Batch(max(count, gone))


def purge_cases(
    connection: Connection, before: datetime, actor: str, now: datetime, since: tuple[datetime, str] | None
) -> Batch:
    """Take settled cases that nothing has happened to since ``before`` and whose services ended before that day.

    Everything that belongs to a case goes with it, but for its audit.
    """
    waiting = and_(authorizations.c.open.is_(False), authorizations.c.changed_at < before)
    further = _after(since) if since else waiting
    order = (authorizations.c.changed_at, authorizations.c.id)
    seen = connection.execute(select(*order).where(waiting, further).order_by(*order).limit(BATCH)).all()
    if not seen:
        return Batch(0)
    last = (seen[-1].changed_at, seen[-1].id)
    ids = _over(connection, [row.id for row in seen], before.date())
    if ids:
        purge = _note(connection, "cases", before, len(ids), actor, now)
        connection.execute(insert(purged_cases), [{"authorization_id": one, "purge_id": purge} for one in ids])
        for table in reversed(metadata.sorted_tables):
            if "authorization_id" in table.c and table not in (events, purged_cases):
                connection.execute(delete(table).where(table.c.authorization_id.in_(ids)))
        connection.execute(delete(authorizations).where(authorizations.c.id.in_(ids)))
    return Batch(len(ids), last)


def purge_refused(connection: Connection, before: datetime, actor: str, now: datetime) -> Batch:
    """Take submissions that were answered with a business error, and attachments that fitted no case, from before."""
    count = 0
    for table in (submissions, attachments):
        nothing = and_(table.c.authorization_id.is_(None), table.c.received_at < before)
        ids = list(connection.execute(select(table.c.id).where(nothing).limit(BATCH)).scalars())
        connection.execute(delete(table).where(table.c.id.in_(ids)))
        count += len(ids)
    _note(connection, "submissions", before, count, actor, now)
    return Batch(count)


def forget_jobs(connection: Connection, before: datetime) -> Batch:
    """Take jobs that were done before; they hold our own identifiers only, so that nothing is noted."""
    old = select(outbox.c.id).where(outbox.c.done_at < before).limit(BATCH)
    return Batch(
        connection.execute(delete(outbox).where(outbox.c.id.in_(list(connection.execute(old).scalars())))).rowcount
    )


def purge_audit(connection: Connection, before: datetime, actor: str, now: datetime) -> Batch:
    """Take events from before, but for those of held cases."""
    free = or_(events.c.authorization_id.is_(None), not_(holds.case_is_held(events.c.authorization_id)))
    ids = list(connection.execute(select(events.c.id).where(events.c.at < before, free).limit(BATCH)).scalars())
    if ids:
        _note(connection, "audit", before, len(ids), actor, now)
        connection.execute(delete(events).where(events.c.id.in_(ids)))
    return Batch(len(ids))


def _after(since: tuple[datetime, str]) -> ColumnElement[bool]:
    at, identity = since
    later = authorizations.c.changed_at > at
    return or_(later, and_(authorizations.c.changed_at == at, authorizations.c.id > identity))


def _over(connection: Connection, ids: Sequence[str], before: date) -> list[str]:
    """Return those whose last service, asked for or granted, ended before that day and that nobody holds."""
    asked = select(items.c.authorization_id).where(
        items.c.authorization_id.in_(ids), func.coalesce(items.c.ends, items.c.starts) >= before
    )
    granted = select(decisions.c.authorization_id).where(
        decisions.c.authorization_id.in_(ids), decisions.c.ends >= before
    )
    held = select(authorizations.c.id).where(authorizations.c.id.in_(ids), holds.case_is_held(authorizations.c.id))
    running = set(connection.execute(asked.union(granted, held)).scalars())
    return [one for one in ids if one not in running]


def _note(connection: Connection, kind: str, before: datetime, count: int, actor: str, now: datetime) -> int:
    if not count:
        return 0
    row = {"kind": kind, "before": before, "count": count, "actor": actor, "at": now}
    done = connection.execute(insert(purges).values(row))
    (identity,) = done.inserted_primary_key or (0,)
    return int(identity)
