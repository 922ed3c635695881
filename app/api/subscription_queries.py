"""What may a subscriber ask afterwards? ``$status``: how its subscriptions stand; ``$events``: what it may have missed.

Source: Subscriptions R5 Backport 1.1.0, backport-subscription-status and backport-subscription-events.
"""

from collections.abc import Mapping

from flask import Response, request

from app.api.door import fhir, read_body
from app.api.subscriptions import Caller, caller, door, few
from app.jobs.notify import event_of, standing
from app.storage import notices, subscriptions
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import dicts, kind, text_of, value_of, whole_number_of
from prior_auth.answer import Writer
from prior_auth.notification import CONTENTS, replay, statuses
from prior_auth.subscription import CONTENT, STATUSES

__all__ = ["door"]
MOST_EVENTS = 100
"""How many events one answer holds; the client goes on from the last number."""
_NO_END = 2**31 - 1


@door.route("/$status", methods=["GET", "POST"])
def status_of_all(generation: Generation) -> Response:
    """Return the status of the client's own, narrowed by ``id`` and ``status``."""
    who, asked = caller(generation, "r", "s"), _parameters()
    wanted, ids = asked.get("status", []), few(asked.get("id", []), "id")
    if not set(wanted) <= set(STATUSES):
        raise InvalidRequest(Issue("value", "this is no status of a Subscription", "status"))
    with who.service.database.reading() as connection:
        found = subscriptions.of_client(connection, who.client.id, generation, ids=ids, statuses=wanted)
    return _statuses(who, found)


@door.route("/<id:identity>/$status", methods=["GET", "POST"])
def status(generation: Generation, identity: str) -> Response:
    who = caller(generation, "r", "s")
    with who.service.database.reading() as connection:
        return _statuses(who, [who.own(connection, identity)])


@door.route("/<id:identity>/$events", methods=["GET", "POST"])
def events(generation: Generation, identity: str) -> Response:
    """Return events by number, delivered or not, each with its authorization as it is now."""
    who, asked = caller(generation, "r"), _parameters()
    since = _number(asked, "eventsSinceNumber", 1)
    until = _number(asked, "eventsUntilNumber", _NO_END)
    content = next(iter(asked.get("content", [])), CONTENT[generation])
    if content not in CONTENTS:
        raise InvalidRequest(Issue("value", f"the content must be one of {', '.join(CONTENTS)}", "content"))
    with who.service.database.reading() as connection:
        subscription = who.own(connection, identity)
        found = notices.between(connection, identity, since, until, MOST_EVENTS)
    writer = Writer(generation, who.service.fhir_base(generation), who.service.now())
    told = [event_of(who.service, one) for one in found]
    return fhir(replay(standing(who.service, subscription), told, content, writer))


def _statuses(who: Caller, found: list[subscriptions.Subscription]) -> Response:
    said = [standing(who.service, one) for one in found]
    return fhir(statuses(said, who.service.fhir_base(who.generation), who.service.now()))


def _parameters() -> Mapping[str, list[str]]:
    """Return the operation's parameters, from the query or from a Parameters body."""
    given = request.args.to_dict(flat=False)
    if request.method == "POST" and request.content_length:
        body = read_body(100_000)
        if kind(body) != "Parameters":
            raise InvalidRequest(Issue("structure", "the body must be a Parameters resource", "Parameters"))
        for one in dicts(body.get("parameter")):
            given.setdefault(text_of(one.get("name")) or "", []).append(text_of(value_of(one)) or "")
    return given


def _number(asked: Mapping[str, list[str]], name: str, otherwise: int) -> int:
    given = next(iter(asked.get(name, [])), None)
    if given is None:
        return otherwise
    number = whole_number_of(given)
    if number is None:
        raise InvalidRequest(Issue("value", "an event number must be a whole number from 0", name))
    return number
