"""When does what is kept go? By three settings, never under a legal hold, and each time it is written down.

A case is kept from the end of its services or from the last thing that happened to it, whichever is later; an open
one is kept in any case. PAS asks for six months after the services end at the least (2.0.1 requirement 183, 2.2.1
spec-73); a shorter setting stops the start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.config import Config
from app.storage import events, holds, retention
from app.storage.database import Database
from app.storage.retention import Batch

JOBS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many went of each kind; ``held`` where a hold on everything has stopped it all."""

    hooks: int = 0
    cases: int = 0
    submissions: int = 0
    audit: int = 0
    held: bool = False


def purge(database: Database, config: Config, actor: str, now: datetime) -> Purged:
    """Take away all that has been kept for long enough, a transaction for each batch.

    Args:
        actor: who is written down as having had it done.
        now: aware.
    """
    with database.reading() as connection:
        if holds.all_is_held(connection):
            return Purged(held=True)
    hooks = _before(config.hook_retention_days, now)
    cases = _before(config.authorization_retention_days, now)
    audit = _before(config.audit_retention_days, now)
    purged = Purged(
        hooks=_all(database, lambda c: retention.purge_hooks(c, hooks, now.date(), actor, now)) if hooks else 0,
        cases=_cases(database, cases, actor, now) if cases else 0,
        submissions=_all(database, lambda c: retention.purge_refused(c, cases, actor, now)) if cases else 0,
        audit=_all(database, lambda c: retention.purge_audit(c, audit, actor, now)) if audit else 0,
    )
    _all(database, lambda c: retention.forget_jobs(c, now - JOBS_KEPT))
    if purged != Purged():
        with database.writing() as connection:
            events.record(
                connection,
                "retention.purged",
                actor=actor,
                at=now,
                hooks=purged.hooks,
                cases=purged.cases,
                submissions=purged.submissions,
                audit=purged.audit,
            )
    return purged


def _before(days: int, now: datetime) -> datetime | None:
    return now - timedelta(days=days) if days else None


def _all(database: Database, step: Callable[[Connection], Batch]) -> int:
    total = 0
    while True:
        with database.writing() as connection:
            batch = step(connection)
        if not batch.count:
            return total
        total += batch.count


def _cases(database: Database, before: datetime, actor: str, now: datetime) -> int:
    total, since = 0, None
    while True:
        with database.writing() as connection:
            batch = retention.purge_cases(connection, before, actor, now, since)
        total += batch.count
        if batch.further is None:
            return total
        since = batch.further
