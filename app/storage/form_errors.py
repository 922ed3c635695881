"""What did clients say went wrong with our forms?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from app.storage.tables import form_errors
from questionnaires.reported import Reported

A_DAY = timedelta(days=1)
MOST_IN_A_DAY = 1_000
"""Of one client: a loop on the other side fills no disk."""


@dataclass(frozen=True, slots=True)
class Grievance:
    """The same words about the same form, however often they came."""

    questionnaire: str
    severity: str
    code: str
    words: str
    place: str
    times: int
    clients: int
    last_at: datetime


def keep(connection: Connection, client_id: str, reported: Iterable[Reported], now: datetime) -> int:
    """Keep what a client said, up to a number a day; return how much was kept."""
    held = form_errors.c
    today = select(func.count()).where(held.client_id == client_id, held.received_at > now - A_DAY)
    room = MOST_IN_A_DAY - connection.execute(today).scalar_one()
    rows = [
        {
            "client_id": client_id,
            "received_at": now,
            "questionnaire": one.questionnaire,
            "severity": one.severity,
            "code": one.code,
            "words": one.words,
            "place": one.where,
        }
        for one in reported
    ][: max(room, 0)]
    if rows:
        connection.execute(insert(form_errors), rows)
    return len(rows)


def grievances(connection: Connection, most: int = 100) -> list[Grievance]:
    """Return what was said, alike words together, the latest first."""
    held = form_errors.c
    same = (held.questionnaire, held.severity, held.code, held.words, held.place)
    times, clients = func.count(), func.count(held.client_id.distinct())
    last = func.max(held.received_at).label("last_at")
    query = select(*same, times.label("times"), clients.label("clients"), last).group_by(*same)
    rows = connection.execute(query.order_by(last.desc()).limit(most))
    return [Grievance(**row._mapping) for row in rows]  # noqa: SLF001 SQLAlchemy's public name
