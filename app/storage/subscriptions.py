"""Who is subscribed, and who delivers to them?

What they were told and are still to be told is in ``app/storage/notices.py``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from app.storage.sealing import Keyring
from app.storage.tables import subscription_events, subscriptions
from fhir_r4.generations import Generation
from prior_auth.subscription import Subscriber


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscriber as kept.

    Attributes:
        headers: sealed; ``subscriber`` holds none.
        told: events since the start.
        spoken_at: when the endpoint last took something.
    """

    id: str
    client_id: str
    status: str
    error: str | None
    told: int
    spoken_at: datetime | None
    resource: bytes
    headers: bytes | None
    subscriber: Subscriber

    def over(self, now: datetime) -> bool:
        """Tell whether its end has come."""
        return self.subscriber.ends_at is not None and self.subscriber.ends_at <= now


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a Subscription is kept beside the subscriber: the resource as it is shown, and its sealed headers."""

    resource: bytes
    headers: bytes | None


def place(identity: str) -> str:
    """Return to which place a subscription's headers are sealed."""
    return f"subscriptions.headers/{identity}"


def add(
    connection: Connection, identity: str, client_id: str, subscriber: Subscriber, kept: Kept, now: datetime
) -> None:
    """Keep a new subscription; it is requested until its endpoint has answered the handshake."""
    row = {"id": identity, "client_id": client_id, "generation": subscriber.generation, "told": 0, "created_at": now}
    connection.execute(insert(subscriptions).values(row | _said(subscriber, kept)))


def replace(connection: Connection, identity: str, subscriber: Subscriber, kept: Kept) -> None:
    """Keep what a client now says of its subscription; events and their numbers go on."""
    said = _said(subscriber, kept) | {"error": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == identity).values(said))


def remove(connection: Connection, identity: str) -> int:
    """Forget a subscription with its secrets and its events; return how many were not delivered."""
    events = subscription_events.c
    undelivered = delete(subscription_events).where(events.subscription_id == identity, events.delivered_at.is_(None))
    count = connection.execute(undelivered).rowcount
    connection.execute(delete(subscription_events).where(events.subscription_id == identity))
    connection.execute(delete(subscriptions).where(subscriptions.c.id == identity))
    return count


def find(connection: Connection, identity: str) -> Subscription | None:
    row = connection.execute(select(subscriptions).where(subscriptions.c.id == identity)).one_or_none()
    return _subscription(row) if row else None


def of_client(
    connection: Connection,
    client_id: str,
    generation: Generation,
    *,
    ids: Iterable[str] = (),
    statuses: Iterable[str] = (),
    endpoint: str | None = None,
) -> list[Subscription]:
    """Return the client's own, oldest first, narrowed by whatever is given."""
    query = select(subscriptions).where(
        subscriptions.c.client_id == client_id, subscriptions.c.generation == generation
    )
    if wanted := list(ids):
        query = query.where(subscriptions.c.id.in_(wanted))
    if wanted := list(statuses):
        query = query.where(subscriptions.c.status.in_(wanted))
    if endpoint is not None:
        query = query.where(subscriptions.c.endpoint == endpoint)
    rows = connection.execute(query.order_by(subscriptions.c.created_at, subscriptions.c.id))
    return [_subscription(row) for row in rows]


def count_of(connection: Connection, client_id: str) -> int:
    """Return how many a client has, on both bases and in any state."""
    mine = select(func.count()).select_from(subscriptions).where(subscriptions.c.client_id == client_id)
    return int(connection.execute(mine).scalar_one())


def everyone(connection: Connection) -> list[Subscription]:
    """Return all subscriptions, for staff."""
    return [_subscription(row) for row in connection.execute(select(subscriptions).order_by(subscriptions.c.id))]


def set_status(connection: Connection, identity: str, status: str, error: str | None = None) -> None:
    connection.execute(update(subscriptions).where(subscriptions.c.id == identity).values(status=status, error=error))


def activate(connection: Connection, subscription: Subscription, now: datetime) -> bool:
    """Note that the endpoint has taken its handshake; False where the client has said something else meanwhile."""
    held, told = subscriptions.c, subscription.subscriber
    unchanged = (held.id == subscription.id, held.status == "requested", held.endpoint == told.endpoint)
    said = {"status": "active", "error": None, "spoken_at": now}
    return connection.execute(update(subscriptions).where(*unchanged).values(said)).rowcount == 1


def fails(connection: Connection, identity: str, fault: str) -> None:
    """Note why the endpoint was not told just now; it is tried again."""
    said = {"error": f"the endpoint fails: {fault}"}
    connection.execute(update(subscriptions).where(subscriptions.c.id == identity).values(said))


def seal_anew(connection: Connection, keyring: Keyring) -> int:
    """Seal with the first key all headers that another key has sealed; return how many there were."""
    query = select(subscriptions.c.id, subscriptions.c.headers).where(subscriptions.c.headers.is_not(None))
    old = [row for row in connection.execute(query.with_for_update()) if not keyring.is_current(row.headers)]
    for row in old:
        sealed = keyring.seal(keyring.open(row.headers, place(row.id)), place(row.id))
        connection.execute(update(subscriptions).where(subscriptions.c.id == row.id).values(headers=sealed))
    return len(old)


def spoken(connection: Connection, identity: str, now: datetime) -> None:
    """Note that the endpoint has taken something: nothing is wrong with it."""
    said = {"spoken_at": now, "error": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == identity).values(said))


def claim(connection: Connection, identity: str, now: datetime, until: datetime) -> bool:
    """Become the one who delivers to this subscription; False while somebody else does."""
    free = or_(subscriptions.c.delivering_until.is_(None), subscriptions.c.delivering_until <= now)
    taken = connection.execute(
        update(subscriptions).where(subscriptions.c.id == identity, free).values(delivering_until=until)
    )
    return taken.rowcount == 1


def release(connection: Connection, identity: str) -> None:
    connection.execute(update(subscriptions).where(subscriptions.c.id == identity).values(delivering_until=None))


def _said(subscriber: Subscriber, kept: Kept) -> dict[str, Any]:
    return {
        "status": "requested" if subscriber.wanted else "off",
        "endpoint": subscriber.endpoint,
        "headers": kept.headers,
        "mime_type": subscriber.mime_type,
        "organizations": sorted(subscriber.organizations),
        "heartbeat_seconds": subscriber.heartbeat_seconds,
        "timeout_seconds": subscriber.timeout_seconds,
        "most_events": subscriber.most_events,
        "ends_at": subscriber.ends_at,
        "resource": kept.resource,
    }


def _subscription(row: Row[Any]) -> Subscription:
    subscriber = Subscriber(
        generation=Generation(row.generation),
        endpoint=row.endpoint,
        headers=(),
        mime_type=row.mime_type,
        organizations=frozenset(row.organizations),
        heartbeat_seconds=row.heartbeat_seconds,
        timeout_seconds=row.timeout_seconds,
        most_events=row.most_events,
        ends_at=row.ends_at,
        wanted=row.status != "off",
    )
    return Subscription(
        row.id, row.client_id, row.status, row.error, row.told, row.spoken_at, row.resource, row.headers, subscriber
    )
