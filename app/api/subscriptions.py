"""The subscribers' door: a client asks to be told of its own organizations' authorizations."""

from flask import Blueprint, Response, g, request

from app.api.door import fhir, read_body
from app.clients.outbound import OutboundRefused
from app.current import the_service
from app.jobs.handlers import HANDSHAKE
from app.security import bearer
from app.storage import events, outbox, subscriptions
from app.storage.clients import Client
from app.wiring import Service, new_id
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue, Unknown
from fhir_r4.resource import as_dict
from fhir_r4.wire import read_object, write_json
from prior_auth.subscription import read_subscription

door = Blueprint("subscriptions", __name__, url_prefix="/fhir/<generation:generation>/Subscription")
MASKED = "***"


@door.post("")
def create(generation: Generation) -> Response:
    """Keep the subscription as requested; its endpoint is asked right after (handshake)."""
    service, client = _caller("c")
    body = read_body(service.config.hook_limit_bytes)
    subscriber = read_subscription(body, generation, client.organizations)
    try:
        service.door.check(subscriber.endpoint)
    except OutboundRefused as refused:
        where = "Subscription.channel.endpoint"
        raise InvalidRequest(Issue("not-supported", f"an endpoint that is called: {refused}", where)) from None
    identity, now = new_id(), service.now()
    kept = _masked(body) | {"id": identity, "status": "requested"}
    with service.database.writing() as connection:
        subscriptions.add(connection, identity, client.id, subscriber, write_json(kept), now)
        events.record(connection, "subscription.requested", actor=client.id, at=now, subscription=identity)
        job = outbox.put(connection, HANDSHAKE, identity, now)
    service.runner.wake([job])
    answer = fhir(kept, 201)
    answer.headers["Location"] = f"{service.fhir_base(generation)}/Subscription/{identity}"
    return answer


@door.get("/<identity>")
def read(generation: Generation, identity: str) -> Response:
    service, client = _caller("r")
    with service.database.reading() as connection:
        found = subscriptions.find(connection, identity)
    if found is None or found.client_id != client.id or found.subscriber.generation is not generation:
        raise Unknown("no such subscription")
    said = {"status": found.status} | ({"error": found.error} if found.error else {})
    return fhir(read_object(found.resource) | said)


def _caller(right: str) -> tuple[Service, Client]:
    service = the_service()
    client = bearer.require(service, request.headers.get("Authorization"), ("Subscription", right))
    g.client_id = client.id
    return service, client


def _masked(body: dict) -> dict:
    """Return the Subscription as it may be kept for reading: headers carry other people's secrets."""
    channel = as_dict(body.get("channel"))
    if "header" not in channel:
        return body
    shown = [f"{str(one).partition(':')[0]}: {MASKED}" for one in channel["header"]]
    return body | {"channel": channel | {"header": shown}}
