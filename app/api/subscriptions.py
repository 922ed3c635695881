"""The subscribers' door: a client asks to be told of its own organizations' authorizations, and sees to its own asking.

Another client's subscription is answered as one that does not exist.
"""

from dataclasses import dataclass

from flask import Blueprint, Response, g, request
from sqlalchemy import Connection

from app import admission
from app.api.client import the_client
from app.api.door import fhir, read_body
from app.clients.outbound import OutboundRefused
from app.current import the_service
from app.jobs import notify
from app.storage import events, outbox, subscriptions
from app.storage.clients import Client
from app.storage.subscriptions import Kept, Subscription
from app.wiring import Service, new_id
from fhir_r4.bundle import searchset
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue, Unknown, Unprocessable
from fhir_r4.resource import as_dict, as_list, kind
from fhir_r4.wire import read_json, read_object, write_json
from prior_auth.subscription import Subscriber, as_understood, read_subscription

door = Blueprint("subscriptions", __name__, url_prefix="/fhir/<generation:generation>/Subscription")
MASKED = "***"
MOST_OF_ONE, MOST_IDS = 200, 500
"""Subscriptions of one client: each costs every change a look, and a slow endpoint a worker's time; ids of a search."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, where, and what of theirs may be reached."""

    service: Service
    client: Client
    generation: Generation

    def own(self, connection: Connection, identity: str) -> Subscription:
        found = subscriptions.find(connection, identity)
        if found is None or (found.client_id, found.subscriber.generation) != (self.client.id, self.generation):
            raise Unknown("no such subscription")
        return found

    def record(self, connection: Connection, kind: str, identity: str, undelivered: int = 0) -> None:
        events.record(
            connection,
            kind,
            actor=self.client.id,
            at=self.service.now(),
            request_id=g.get("request_id"),
            subscription=identity,
            undelivered=undelivered,
        )


def caller(generation: Generation, *rights: str) -> Caller:
    """Return who asks; the token reaches Subscription with one of ``rights`` or the door is closed."""
    return Caller(the_service(), the_client(*(("Subscription", right) for right in rights)), generation)


@door.post("")
def create(generation: Generation) -> Response:
    """Keep the subscription as requested; its endpoint is asked right after (handshake)."""
    who = caller(generation, "c")
    body = read_body(who.service.config.hook_limit_bytes)
    identity, now = new_id(), who.service.now()
    subscriber, kept = _read(who, body, identity)
    with who.service.database.writing() as connection:
        if subscriptions.count_of(connection, who.client.id) >= MOST_OF_ONE:
            said = (
                f"a client has at most {MOST_OF_ONE} subscriptions: delete one, or let one watch several organizations"
            )
            raise Unprocessable(Issue("too-costly", said, "Subscription"))
        subscriptions.add(connection, identity, who.client.id, subscriber, kept, now)
        who.record(connection, "subscription.requested", identity)
        job = outbox.put(connection, notify.HANDSHAKE, identity, now)
    who.service.runner.wake([job])
    answer = fhir(read_object(kept.resource), 201)
    answer.headers["Location"] = f"{who.service.fhir_base(generation)}/Subscription/{identity}"
    return answer


@door.get("/<id:identity>")
def read(generation: Generation, identity: str) -> Response:
    who = caller(generation, "r")
    with who.service.database.reading() as connection:
        return fhir(shown(who.own(connection, identity)))


@door.put("/<id:identity>")
def update(generation: Generation, identity: str) -> Response:
    """Take what the client now says; it begins with a handshake again, or ends with ``off``.

    A header that is sent back as it was shown (masked) stays what it was.
    """
    who = caller(generation, "u")
    body = read_body(who.service.config.hook_limit_bytes)
    now = who.service.now()
    with who.service.database.reading() as connection:
        before = who.own(connection, identity)
    if body.get("id") != identity:
        raise InvalidRequest(Issue("value", "the id must be the one in the URL", "Subscription.id"))
    subscriber, kept = _read(who, _unmasked(who, before, body), identity)
    with who.service.database.writing() as connection:
        subscriptions.replace(connection, identity, subscriber, kept)
        outbox.end_dead(connection, notify.KINDS, identity, now)
        who.record(connection, "subscription.updated", identity)
        jobs = [outbox.put(connection, notify.HANDSHAKE, identity, now)] if subscriber.wanted else []
    who.service.runner.wake(jobs)
    return fhir(read_object(kept.resource))


@door.delete("/<id:identity>")
def delete(generation: Generation, identity: str) -> Response:
    """Forget the subscription, its secrets and its events; the audit says how many were not delivered."""
    who = caller(generation, "d")
    with who.service.database.writing() as connection:
        who.own(connection, identity)
        undelivered = subscriptions.remove(connection, identity)
        outbox.end_dead(connection, notify.KINDS, identity, who.service.now())
        who.record(connection, "subscription.deleted", identity, undelivered=undelivered)
    return Response(status=204)


@door.get("")
@door.post("/_search")
def search(generation: Generation) -> Response:
    """Return the client's own, narrowed by ``_id``, ``status`` and ``url``; other parameters are passed over."""
    who = caller(generation, "s", "r")
    request.max_content_length = 100_000
    asked = {name: values for name in ("_id", "status", "url") if (values := request.values.getlist(name))}
    ids = few([one for given in asked.get("_id", []) for one in given.split(",")], "_id")
    with who.service.database.reading() as connection:
        found = subscriptions.of_client(
            connection,
            who.client.id,
            generation,
            ids=ids,
            statuses=[one for given in asked.get("status", []) for one in given.split(",")],
            endpoint=next(iter(asked.get("url", [])), None),
        )
    base = who.service.fhir_base(generation)
    return fhir(searchset([shown(one) for one in found], base, "Subscription", asked))


def few(ids: list[str], where: str) -> list[str]:
    """Return the ids that a search names, if they are not too many; else InvalidRequest."""
    if len(ids) > MOST_IDS:
        raise InvalidRequest(Issue("too-costly", f"no more than {MOST_IDS} ids may be asked for", where))
    return ids


def shown(subscription: Subscription) -> dict:
    """Return the resource as its client sees it: its present status, no secret."""
    said = {"status": subscription.status} | ({"error": subscription.error} if subscription.error else {})
    return read_object(subscription.resource) | said


def _read(who: Caller, body: dict, identity: str) -> tuple[Subscriber, Kept]:
    subscriber = read_subscription(body, who.generation, who.client.organizations, who.service.now())
    if who.client.strict:
        admission.admit(body, admission.SUBSCRIBE, who.generation, strict=True)
    try:
        who.service.door.check(subscriber.endpoint)
    except OutboundRefused as refused:
        where = "Subscription.channel.endpoint"
        raise InvalidRequest(Issue("not-supported", f"the endpoint cannot be called: {refused}", where)) from None
    headers = write_json([list(one) for one in subscriber.headers])
    sealed = who.service.keyring.seal(headers, subscriptions.place(identity)) if subscriber.headers else None
    status = "requested" if subscriber.wanted else "off"
    kept = {name: value for name, value in _masked(as_understood(body)).items() if name != "error"}
    return subscriber, Kept(write_json(kept | {"id": identity, "status": status}), sealed)


def _masked(body: dict) -> dict:
    """Return the Subscription as it may be kept for reading: headers carry other people's secrets."""
    channel = as_dict(body.get("channel"))
    if "header" not in channel:
        return body
    masked = [f"{str(one).partition(':')[0]}: {MASKED}" for one in channel["header"]]
    return body | {"channel": channel | {"header": masked}}


def _unmasked(who: Caller, before: Subscription, body: dict) -> dict:
    """Put the secrets that we hold where the client sends their masks back.

    They were given for one endpoint and go to no other: who holds a token of the client's could read them there.
    """
    channel = as_dict(body.get("channel"))
    masks = [one for one in as_list(channel.get("header")) if isinstance(one, str) and one.endswith(f": {MASKED}")]
    if kind(body) != "Subscription" or not masks or before.headers is None:
        return body
    if channel.get("endpoint") != before.subscriber.endpoint:
        said = "the header itself, where the endpoint is another: what we hold is sent to the one it was given for"
        raise InvalidRequest(Issue("value", said, "Subscription.channel.header"))
    held = dict(read_json(who.service.keyring.open(before.headers, subscriptions.place(before.id))))
    opened = [
        f"{name}: {held[name]}" if one in masks and (name := one.partition(":")[0]) in held else one
        for one in as_list(channel["header"])
    ]
    return body | {"channel": channel | {"header": opened}}
