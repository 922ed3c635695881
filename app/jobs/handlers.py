"""What is to be done for each kind of job? Every handler may run more than once and has to make no difference then."""

from collections.abc import Callable, Mapping

from app.clients.outbound import OutboundFailed, OutboundRefused
from app.storage import authorizations, outbox, subscriptions
from app.storage.outbox import Job
from app.storage.subscriptions import Pending, Subscription
from app.wiring import Service
from fhir_r4.wire import write_json
from prior_auth.claim_response import Case, Writer
from prior_auth.notification import Event, handshake, notification
from prior_auth.submission import stored_submission

HANDSHAKE = "subscription.handshake"
DELIVER = "subscription.deliver"


class TryLater(Exception):
    """The job could not be done now; the message says why, without patient data."""


def changed(service: Service, job: Job) -> list[int]:
    """Tell whoever watches an authorization that it has changed; return the jobs that deliver it.

    The first version is told by the answer to ``$submit`` itself.
    """
    now = service.now()
    with service.database.writing() as connection:
        authorization = authorizations.find(connection, job.subject)
        if authorization is None or authorization.version == 1:
            return []
        told = subscriptions.tell(connection, authorization, now)
        return [outbox.put(connection, DELIVER, one, now) for one in told]


def shake_hands(service: Service, job: Job) -> list[int]:
    """Ask a new subscription's endpoint whether it listens; then it is active."""
    with service.database.reading() as connection:
        subscription = subscriptions.find(connection, job.subject)
    if subscription is None or subscription.status != "requested":
        return []
    body = handshake(_url(service, subscription), subscription.told, service.now())
    _post(service, subscription, body)
    with service.database.writing() as connection:
        subscriptions.set_status(connection, subscription.id, "active")
        return [outbox.put(connection, DELIVER, subscription.id, service.now())]


def deliver(service: Service, job: Job) -> list[int]:
    """Send a subscription all that it has not been sent, in order; an event is delivered at least once."""
    while True:
        with service.database.reading() as connection:
            subscription = subscriptions.find(connection, job.subject)
            pending = subscriptions.first_undelivered(connection, job.subject)
        if subscription is None or pending is None or subscription.status == "off":
            return []
        if subscription.status == "requested":
            return []  # the handshake puts a job of its own
        _post(service, subscription, _notification(service, subscription, pending))
        with service.database.writing() as connection:
            subscriptions.delivered(connection, subscription.id, pending.number, service.now())


def gave_up(service: Service, job: Job, fault: str) -> None:
    """Say on the subscription that its endpoint could not be told; its events are kept."""
    if job.kind in {HANDSHAKE, DELIVER}:
        with service.database.writing() as connection:
            subscriptions.set_status(connection, job.subject, "error", f"the endpoint could not be told: {fault}")


HANDLERS: Mapping[str, Callable[[Service, Job], list[int]]] = {
    authorizations.CHANGED: changed,
    HANDSHAKE: shake_hands,
    DELIVER: deliver,
}


def _notification(service: Service, subscription: Subscription, pending: Pending) -> dict:
    with service.database.reading() as connection:
        authorization = authorizations.find(connection, pending.authorization_id)
        request = authorizations.request_of(connection, pending.authorization_id)
    assert authorization is not None  # noqa: S101 a foreign key holds it
    payer = service.directory.payer_called(authorization.payer)
    zone = (payer or service.payers[0]).time_zone
    generation = subscription.subscriber.generation
    writer = Writer(generation, service.fhir_base(generation), service.now())
    event = Event(pending.number, pending.at, Case(authorization, stored_submission(request), zone))
    return notification(_url(service, subscription), event, writer)


def _url(service: Service, subscription: Subscription) -> str:
    return f"{service.fhir_base(subscription.subscriber.generation)}/Subscription/{subscription.id}"


def _post(service: Service, subscription: Subscription, body: dict) -> None:
    told = subscription.subscriber
    headers = {**dict(told.headers), "Content-Type": told.mime_type}
    try:
        reply = service.door.send(
            "POST", told.endpoint, allowed=[told.endpoint], headers=headers, body=write_json(body)
        )
    except (OutboundFailed, OutboundRefused) as error:
        raise TryLater(str(error)) from None
    if not 200 <= reply.status < 300:
        raise TryLater(f"status {reply.status}")
