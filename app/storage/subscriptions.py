"""Who is subscribed, what were they told, and what are they still to be told?

Event numbers count from 1 without a gap, each (subscription, authorization, version) once: telling twice that
somebody is to be told makes no second event.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.storage.tables import subscription_events, subscriptions
from fhir_r4.generations import Generation
from prior_auth.authorization import Authorization
from prior_auth.subscription import Subscriber


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscriber as kept. ``told`` counts the events since the start."""

    id: str
    client_id: str
    status: str
    error: str | None
    told: int
    resource: bytes
    subscriber: Subscriber


@dataclass(frozen=True, slots=True)
class Pending:
    """One event that is still to be delivered."""

    number: int
    authorization_id: str
    version: int
    at: datetime


def add(
    connection: Connection, identity: str, client_id: str, subscriber: Subscriber, resource: bytes, now: datetime
) -> None:
    """Keep a new subscription; it is requested until its endpoint has answered the handshake."""
    connection.execute(
        insert(subscriptions).values(
            id=identity,
            client_id=client_id,
            generation=subscriber.generation,
            status="requested",
            endpoint=subscriber.endpoint,
            headers=[list(one) for one in subscriber.headers],
            mime_type=subscriber.mime_type,
            organizations=sorted(subscriber.organizations),
            resource=resource,
            told=0,
            created_at=now,
        )
    )


def find(connection: Connection, identity: str) -> Subscription | None:
    row = connection.execute(select(subscriptions).where(subscriptions.c.id == identity)).one_or_none()
    return _subscription(row) if row else None


def set_status(connection: Connection, identity: str, status: str, error: str | None = None) -> None:
    connection.execute(update(subscriptions).where(subscriptions.c.id == identity).values(status=status, error=error))


def tell(connection: Connection, authorization: Authorization, now: datetime) -> list[str]:
    """Write an event for every subscription that watches the authorization; return their ids.

    A subscription in error keeps counting: what happens meanwhile is not lost.
    """
    names = authorization.requestors | {one.rpartition("|")[2] for one in authorization.requestors}
    watching = select(subscriptions).where(subscriptions.c.status.in_(("requested", "active", "error")))
    told = []
    for row in connection.execute(watching.order_by(subscriptions.c.id).with_for_update()).all():
        if names.isdisjoint(row.organizations):
            continue
        event = {
            "subscription_id": row.id,
            "number": row.told + 1,
            "authorization_id": authorization.id,
            "version": authorization.version,
            "at": now,
        }
        try:
            with connection.begin_nested():
                connection.execute(insert(subscription_events).values(event))
        except IntegrityError:
            told.append(row.id)  # told before; it may still have to be delivered
            continue
        connection.execute(update(subscriptions).where(subscriptions.c.id == row.id).values(told=row.told + 1))
        told.append(row.id)
    return told


def first_undelivered(connection: Connection, identity: str) -> Pending | None:
    query = (
        select(subscription_events)
        .where(subscription_events.c.subscription_id == identity, subscription_events.c.delivered_at.is_(None))
        .order_by(subscription_events.c.number)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return Pending(row.number, row.authorization_id, row.version, row.at) if row else None


def delivered(connection: Connection, identity: str, number: int, now: datetime) -> None:
    connection.execute(
        update(subscription_events)
        .where(subscription_events.c.subscription_id == identity, subscription_events.c.number == number)
        .values(delivered_at=now)
    )


def _subscription(row: Row[Any]) -> Subscription:
    subscriber = Subscriber(
        generation=Generation(row.generation),
        endpoint=row.endpoint,
        headers=tuple((name, value) for name, value in row.headers),
        mime_type=row.mime_type,
        organizations=frozenset(row.organizations),
    )
    return Subscription(row.id, row.client_id, row.status, row.error, row.told, row.resource, subscriber)
