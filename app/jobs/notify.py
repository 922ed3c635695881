"""How is a subscriber told? Handshake, events in order, heartbeats; what cannot be told is kept and said so.

A subscription is *requested* until its endpoint has taken a handshake, then *active*. While deliveries fail it stays
active and is tried for days, its error said in ``$status``; given up, it is in *error* until its client or staff
take it up again, which starts with a handshake. Events are numbered all the time.
"""

import time
from datetime import timedelta

from app.clients.outbound import OutboundFailed, OutboundRefused, Reply
from app.jobs.attempts import GiveUp, TryLater
from app.storage import authorizations, clients, notices, outbox, subscriptions
from app.storage.notices import Notice
from app.storage.outbox import Job
from app.storage.sealing import NoKey
from app.storage.subscriptions import Subscription
from app.wiring import Service
from fhir_r4.resource import whole_number_of
from fhir_r4.wire import read_json, write_json
from prior_auth.answer import Writer
from prior_auth.case import Case
from prior_auth.notification import Event, Standing, handshake, heartbeat, notification
from prior_auth.submission import stored_submission
from prior_auth.subscription import LONGEST_TIMEOUT

HANDSHAKE = "subscription.handshake"
DELIVER = "subscription.deliver"
HEARTBEAT = "subscription.heartbeat"
KINDS = (HANDSHAKE, DELIVER)
DELIVERIES = frozenset({HANDSHAKE, DELIVER, HEARTBEAT})
"""What waits for a subscriber's endpoint, up to 30 seconds for each thing that it is told."""
DELIVERY = timedelta(seconds=60)
"""How long one delivery may take, before somebody else may deliver to that subscription."""
TURN_SECONDS = 20
"""How long one subscription is delivered to before others have their turn."""
A_MOMENT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(hours=24)


def changed(service: Service, job: Job) -> list[int]:
    """Tell whoever watches an authorization that it has changed; return the jobs that deliver it.

    Nobody asks for that of a first version that the answer to ``$submit`` tells; a hook does of what it issues.
    """
    now = service.now()
    with service.database.writing() as connection:
        authorization = authorizations.find(connection, job.subject)
        if authorization is None:
            return []
        told = notices.tell(connection, authorization, now)
        return [outbox.put_once(connection, DELIVER, one, now) for one in told]


def shake_hands(service: Service, job: Job) -> list[int]:
    """Ask a new subscription's endpoint whether it listens; then it is active."""
    with service.database.reading() as connection:
        subscription = subscriptions.find(connection, job.subject)
    if subscription is None or subscription.status != "requested":
        return []
    _post(service, subscription, handshake(standing(service, subscription), service.now()))
    with service.database.writing() as connection:
        now = service.now()
        if not subscriptions.activate(connection, subscription, now):
            return []
        jobs = [outbox.put_once(connection, DELIVER, subscription.id, now)]
        if pause := subscription.subscriber.heartbeat_seconds:
            outbox.put_once(connection, HEARTBEAT, subscription.id, now, now + timedelta(seconds=pause))
        return jobs


def deliver(service: Service, job: Job) -> list[int]:
    """Send a subscription all that it has not been sent, in order; an event is delivered at least once.

    One deliverer at a time: where somebody else is at it, a look is taken again a moment later.
    """
    now = service.now()
    with service.database.writing() as connection:
        if not subscriptions.claim(connection, job.subject, now, now + DELIVERY):
            outbox.put_once(connection, DELIVER, job.subject, now, now + A_MOMENT)
            return []
    try:
        return _deliver_all(service, job)
    finally:
        with service.database.writing() as connection:
            subscriptions.release(connection, job.subject)


def beat(service: Service, job: Job) -> list[int]:
    """Send a heartbeat where nothing was sent for the period that was asked for; one that is lost is not repeated."""
    with service.database.reading() as connection:
        subscription = subscriptions.find(connection, job.subject)
    pause = subscription.subscriber.heartbeat_seconds if subscription else None
    if subscription is None or not pause or subscription.status != "active":
        return []  # the next handshake begins anew
    period, now = timedelta(seconds=pause), service.now()
    due = (subscription.spoken_at or now - period) + period
    if due <= now:
        due = now + period
        _beat(service, subscription)
    with service.database.writing() as connection:
        outbox.put_once(connection, HEARTBEAT, subscription.id, now, due)
    return []


def _beat(service: Service, subscription: Subscription) -> None:
    now = service.now()
    try:
        _post(service, subscription, heartbeat(standing(service, subscription), now))
    except (TryLater, GiveUp):
        return
    with service.database.writing() as connection:
        subscriptions.spoken(connection, subscription.id, now)


def gave_up(service: Service, job: Job, fault: str) -> None:
    """Say on the subscription that its endpoint could not be told; its events are kept and go on being numbered."""
    with service.database.writing() as connection:
        subscriptions.set_status(connection, job.subject, "error", f"the endpoint could not be told: {fault}")


def standing(service: Service, subscription: Subscription) -> Standing:
    """Return how a subscription is spoken of."""
    base = service.fhir_base(subscription.subscriber.generation)
    url = f"{base}/Subscription/{subscription.id}"
    return Standing(url, subscription.status, subscription.told, subscription.error)


def event_of(service: Service, notice: Notice) -> Event:
    """Return an event with its authorization as it is now."""
    with service.database.reading() as connection:
        authorization = authorizations.find(connection, notice.authorization_id)
        request = authorizations.request_of(connection, notice.authorization_id)
    assert authorization is not None  # noqa: S101 a foreign key holds it
    zone = service.payer_of(authorization).time_zone
    return Event(notice.number, notice.at, Case(authorization, stored_submission(request), zone))


def _deliver_all(service: Service, job: Job) -> list[int]:
    ends = time.monotonic() + TURN_SECONDS
    while time.monotonic() < ends:
        with service.database.reading() as connection:
            subscription = subscriptions.find(connection, job.subject)
            if subscription is None or subscription.status != "active":
                return []  # a handshake puts a job of its own
            pending = notices.undelivered(connection, subscription.id, subscription.subscriber.most_events)
        if subscription.over(service.now()):
            return _end(service, subscription)
        if not pending:
            return []
        _tell(service, subscription, pending)
    with service.database.writing() as connection:
        return [outbox.put_once(connection, DELIVER, job.subject, service.now())]


def _tell(service: Service, subscription: Subscription, pending: list[Notice]) -> None:
    generation = subscription.subscriber.generation
    writer = Writer(generation, service.fhir_base(generation), service.now())
    body = notification(standing(service, subscription), [event_of(service, one) for one in pending], writer)
    _post(service, subscription, body)
    with service.database.writing() as connection:
        now = service.now()
        notices.delivered(connection, subscription.id, [one.number for one in pending], now, now + DELIVERY)


def _end(service: Service, subscription: Subscription) -> list[int]:
    with service.database.writing() as connection:
        subscriptions.set_status(connection, subscription.id, "off")
    return []


def _post(service: Service, subscription: Subscription, body: dict) -> None:
    """Send a Bundle to the endpoint; why it could not be is said on the subscription.

    Raises:
        TryLater, GiveUp: as ``_send`` does.
    """
    try:
        _send(service, subscription, body)
    except (TryLater, GiveUp) as fault:
        with service.database.writing() as connection:
            subscriptions.fails(connection, subscription.id, str(fault))
        raise


def _send(service: Service, subscription: Subscription, body: dict) -> None:
    """Send a Bundle to the endpoint.

    Raises:
        TryLater: it did not take it.
        GiveUp: it is gone by its own word, or the client may not be told any more.
    """
    _refuse_strangers(service, subscription)
    told = subscription.subscriber
    seconds = min(told.timeout_seconds or LONGEST_TIMEOUT, LONGEST_TIMEOUT)
    try:
        reply = service.door.send(
            "POST",
            told.endpoint,
            allowed=[told.endpoint],
            headers=_headers(service, subscription) | {"Content-Type": told.mime_type},
            body=write_json(body),
            deadline=time.monotonic() + seconds,
        )
    except (OutboundFailed, OutboundRefused) as error:
        raise TryLater(str(error)) from None
    if reply.status == 410:
        raise GiveUp("status 410")
    if not 200 <= reply.status < 300:
        raise TryLater(f"status {reply.status}", _asked_to_wait(reply))


def _refuse_strangers(service: Service, subscription: Subscription) -> None:
    """Check before each delivery that the client is still there and still speaks for whom it watches."""
    with service.database.reading() as connection:
        client = clients.find(connection, subscription.client_id)
    own = {name for one in client.organizations for name in (str(one), one.value)} if client else set()
    if not subscription.subscriber.organizations <= own:
        raise GiveUp("the client is not registered for these organizations any more")


def _headers(service: Service, subscription: Subscription) -> dict[str, str]:
    if subscription.headers is None:
        return {}
    try:
        opened = service.keyring.open(subscription.headers, subscriptions.place(subscription.id))
    except NoKey as missing:
        raise TryLater(str(missing)) from None
    return dict(read_json(opened))


def _asked_to_wait(reply: Reply) -> timedelta | None:
    """Return Retry-After in seconds, at most a day; None where it is not said so."""
    seconds = whole_number_of(reply.headers.get("Retry-After"))
    return None if seconds is None else min(timedelta(seconds=seconds), LONGEST_WAIT)
