"""How much is still to be told, and for how long has it waited?"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from app.storage.tables import outbox


@dataclass(frozen=True, slots=True)
class Backlog:
    """Of the outbox: rows neither done nor dead, rows that were given up, and the age of the oldest that waits."""

    waiting: int
    dead: int
    oldest: timedelta


def backlog(connection: Connection, now: datetime) -> Backlog:
    open_ = outbox.c.done_at.is_(None) & outbox.c.dead_at.is_(None)
    waiting, since = connection.execute(select(func.count(), func.min(outbox.c.created_at)).where(open_)).one()
    dead = connection.execute(select(func.count()).where(outbox.c.dead_at.is_not(None))).scalar_one()
    return Backlog(waiting, dead, now - since if since else timedelta())
