"""What were subscribers told, and what are they still to be told?

Event numbers count from 1 without a gap, each (subscription, authorization, version) once: telling twice that
somebody is to be told makes no second event.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from app.storage.tables import subscription_events, subscriptions
from prior_auth.authorization import Authorization


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of one subscription."""

    number: int
    authorization_id: str
    version: int
    at: datetime
    delivered_at: datetime | None


def tell(connection: Connection, authorization: Authorization, now: datetime) -> list[str]:
    """Write an event for every subscription that watches the authorization; return their ids.

    A subscription in error keeps counting: what happens meanwhile is not lost.
    """
    names = authorization.requestors | {one.rpartition("|")[2] for one in authorization.requestors}
    return [one for one in _watching(connection, names, now) if _number(connection, one, authorization, now)]


def _watching(connection: Connection, names: Iterable[str], now: datetime) -> list[str]:
    held = subscriptions.c
    open_ended = or_(held.ends_at.is_(None), held.ends_at > now)
    query = select(held.id, held.organizations).where(held.status != "off", open_ended).order_by(held.id)
    return [row.id for row in connection.execute(query) if not set(names).isdisjoint(row.organizations)]


def _number(connection: Connection, subscription: str, authorization: Authorization, now: datetime) -> bool:
    """Give the event the subscription's next number, unless it has one; False where the subscription is gone."""
    held = subscription_events.c
    locked = select(subscriptions.c.told).where(subscriptions.c.id == subscription).with_for_update()
    told = connection.execute(locked).scalar_one_or_none()
    if told is None:
        return False
    event = {
        "subscription_id": subscription,
        "authorization_id": authorization.id,
        "version": authorization.version,
    }
    same = and_(*(held[name] == value for name, value in event.items()))
    if connection.execute(select(held.number).where(same)).one_or_none() is None:
        connection.execute(insert(subscription_events).values(event | {"number": told + 1, "at": now}))
        connection.execute(update(subscriptions).where(subscriptions.c.id == subscription).values(told=told + 1))
    return True  # one that was told before may still have to be delivered


def undelivered(connection: Connection, subscription: str, limit: int) -> list[Notice]:
    """Return the first events that are still to be delivered, in order."""
    return _notices(connection, subscription, limit, delivered=False)


def between(connection: Connection, subscription: str, since: int, until: int, limit: int) -> list[Notice]:
    """Return events by number, both ends included, whether delivered or not."""
    return _notices(connection, subscription, limit, since=since, until=until)


def delivered(connection: Connection, subscription: str, numbers: list[int], now: datetime, until: datetime) -> None:
    """Note that events have arrived, and go on delivering until then."""
    said = {"delivering_until": until, "spoken_at": now, "error": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == subscription).values(said))
    connection.execute(
        update(subscription_events)
        .where(subscription_events.c.subscription_id == subscription, subscription_events.c.number.in_(numbers))
        .values(delivered_at=now)
    )


def backlog(connection: Connection) -> Mapping[str, tuple[int, datetime]]:
    """Return for each subscription how many events wait, and since when the oldest does."""
    held = subscription_events.c
    query = select(held.subscription_id, func.count(), func.min(held.at)).where(held.delivered_at.is_(None))
    return {row[0]: (row[1], row[2]) for row in connection.execute(query.group_by(held.subscription_id))}


def _notices(
    connection: Connection,
    subscription: str,
    limit: int,
    *,
    delivered: bool = True,
    since: int = 0,
    until: int | None = None,
) -> list[Notice]:
    held = subscription_events.c
    query = select(subscription_events).where(held.subscription_id == subscription, held.number >= since)
    if not delivered:
        query = query.where(held.delivered_at.is_(None))
    if until is not None:
        query = query.where(held.number <= until)
    rows = connection.execute(query.order_by(held.number).limit(limit))
    return [Notice(row.number, row.authorization_id, row.version, row.at, row.delivered_at) for row in rows]
