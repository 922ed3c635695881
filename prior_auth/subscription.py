"""Who wants to be told, of what, and how? A Subscription (R4 topic-based backport) becomes a Subscriber.

Source: PAS 2.0.1 "Subscriptions", 2.2.1 spec-54 to spec-62; Subscriptions R5 Backport 1.1.0; pas.md §1.4.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from fhir_r4.generations import Generation
from fhir_r4.problems import Forbidden, InvalidRequest, Issue
from fhir_r4.resource import Identifier, as_dict, as_list, extension, extensions, instant_of, kind, text_of, value_of
from fhir_r4.systems import BACKPORT, PAS

TOPIC = f"{PAS}/SubscriptionTopic/PASSubscriptionTopic"
STATUSES = ("requested", "active", "error", "off")
SHORTEST_HEARTBEAT, LONGEST_TIMEOUT, MOST_AT_ONCE = 10, 30, 20
"""Seconds, seconds, events: what a channel's extensions may ask for at most."""
CONTENT = {Generation.V2_0: "id-only", Generation.V2_2: "full-resource"}
MIME_TYPES = frozenset({"application/fhir+json", "application/json"})
_FILTERED = f"{BACKPORT}/backport-filter-criteria"
_FILTER = re.compile(r"(?:[A-Za-z]+\?)?(?:org-?)?identifier=(.+)", re.IGNORECASE)
_HOP_BY_HOP = frozenset(
    {"connection", "content-length", "content-type", "host", "keep-alive", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "proxy-authenticate", "proxy-authorization"}
)
_HEADER = re.compile(r"([A-Za-z0-9-]{1,64}): ?([\x20-\x7e]{0,4096})")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What is to be sent where.

    Attributes:
        organizations: identifiers (``system|value``, or bare values) of the organizations whose requests are
            watched.
        headers: sent verbatim with each notification.
        mime_type: Content-Type of the notifications.
        heartbeat_seconds: how long silence lasts before a heartbeat is sent; None where none is wanted.
        timeout_seconds: how long the endpoint may take to answer; None leaves it to us.
        most_events: how many events one notification may hold.
        ends_at: aware; from then on nothing is sent. None where no end lies ahead.
        wanted: False where the client has turned it off.
    """

    generation: Generation
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    mime_type: str
    organizations: frozenset[str]
    heartbeat_seconds: int | None = None
    timeout_seconds: int | None = None
    most_events: int = 1
    ends_at: datetime | None = None
    wanted: bool = True


def read_subscription(body: dict, generation: Generation, own: Iterable[Identifier], now: datetime) -> Subscriber:
    """Read a Subscription that a client of the organizations ``own`` wants.

    An ``end`` that is past already is passed over: the samples that partners start from have one.

    Raises:
        InvalidRequest: another topic, channel or content than the generation has; every fault at once.
        Forbidden: it would watch an organization that is not the client's own (2.2.1 spec-59).
    """
    channel = as_dict(body.get("channel"))
    issues = list(_faults(body, channel, generation))
    if issues:
        raise InvalidRequest(*issues)
    mine = {name for one in own for name in (str(one), one.value)}
    wanted = frozenset(_organizations(body, generation, mine)) or frozenset(mine)
    if not wanted <= mine:
        where = "Subscription._criteria.extension"
        raise Forbidden(Issue("forbidden", "a client may watch its own organizations only", where))
    ends_at = instant_of(body.get("end"))
    return Subscriber(
        generation=generation,
        endpoint=channel["endpoint"],
        headers=tuple(
            (found[1], found[2]) for one in as_list(channel.get("header")) if (found := _HEADER.fullmatch(one))
        ),
        mime_type=channel["payload"],
        organizations=wanted,
        heartbeat_seconds=_said(channel, "backport-heartbeat-period") or None,
        timeout_seconds=_said(channel, "backport-timeout") or None,
        most_events=min(_said(channel, "backport-max-count") or 1, MOST_AT_ONCE),
        ends_at=ends_at if ends_at and ends_at > now else None,
        wanted=body["status"] != "off",
    )


def as_understood(body: dict) -> dict:
    """Return a Subscription that was read without the filters that are none here, so that it tells what is watched."""
    given = extensions(body.get("_criteria"), _FILTERED)
    kept = [one for one in given if _FILTER.fullmatch(text_of(one.get("valueString")) or "")]
    rest = {name: value for name, value in body.items() if name != "_criteria"}
    return rest | ({"_criteria": {"extension": kept}} if kept else {})


def _faults(body: dict, channel: dict, generation: Generation) -> Iterator[Issue]:
    if kind(body) != "Subscription":
        yield Issue("structure", "the body must be a Subscription", "Subscription")
        return
    if body.get("criteria") != TOPIC:
        yield Issue("not-supported", "the topic must be PASSubscriptionTopic", "Subscription.criteria")
    if text_of(body.get("status")) not in {"requested", "active", "off"}:
        yield Issue("value", "the status must be requested, or off to end it", "Subscription.status")
    if body.get("end") is not None and instant_of(body["end"]) is None:
        yield Issue("value", "this must be an instant", "Subscription.end")
    yield from _channel_faults(channel, generation)


def _channel_faults(channel: dict, generation: Generation) -> Iterator[Issue]:
    if channel.get("type") != "rest-hook":
        yield Issue("not-supported", "the only channel here is rest-hook", "Subscription.channel.type")
    if not (text_of(channel.get("endpoint")) or "").startswith(("https://", "http://")):
        yield Issue("required", "the endpoint must be an absolute URL", "Subscription.channel.endpoint")
    if text_of(channel.get("payload")) not in MIME_TYPES:
        yield Issue("not-supported", "the payload must be application/fhir+json", "Subscription.channel.payload")
    content = extension(channel.get("_payload"), f"{BACKPORT}/backport-payload-content").get("valueCode")
    if content != CONTENT[generation]:
        said = f"the content of a notification is {CONTENT[generation]} on this base"
        yield Issue("not-supported", said, "Subscription.channel._payload.extension")
    yield from _extension_faults(channel)
    if not isinstance(channel.get("header", []), list):
        yield Issue("structure", "this must be a list of headers 'Name: value'", "Subscription.channel.header")
    for index, header in enumerate(as_list(channel.get("header"))):
        found = _HEADER.fullmatch(header) if isinstance(header, str) else None
        if found is None or found[1].lower() in _HOP_BY_HOP:
            yield Issue(
                "value",
                "each must be 'Name: value', and none of the connection's own",
                f"Subscription.channel.header[{index}]",
            )


def _extension_faults(channel: dict) -> Iterator[Issue]:
    where = "Subscription.channel.extension"
    for name, least in _ASKED.items():
        given = [value_of(one) for one in extensions(channel, f"{BACKPORT}/{name}")]
        if any(type(value) is not int or value < least for value in given) or len(given) > 1:
            yield Issue("not-supported", f"there may be one {name}, a whole number from {least}", where)


_ASKED = {"backport-heartbeat-period": SHORTEST_HEARTBEAT, "backport-timeout": 1, "backport-max-count": 1}


def _said(channel: dict, name: str) -> int:
    found = value_of(extension(channel, f"{BACKPORT}/{name}"))
    return found if isinstance(found, int) else 0


def _organizations(body: dict, generation: Generation, mine: set[str]) -> Iterator[str]:
    """Yield the identifiers of the filter; one that filters by something else falls back to the client's own."""
    for one in extensions(body.get("_criteria"), _FILTERED):
        found = _FILTER.fullmatch(text_of(one.get("valueString")) or "")
        if found is None and generation is Generation.V2_2:
            where = "Subscription._criteria.extension"
            raise InvalidRequest(Issue("not-supported", "the filter must be org-identifier", where))
        yield from (name.strip() for name in found[1].split(",")) if found else mine
