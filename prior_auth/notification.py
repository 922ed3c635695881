"""How is a subscriber told? The backport's Bundles: handshake, heartbeat, events, and the answers to queries.

2.0.1 sends ids (the subscriber then inquires), 2.2.1 the full PAS response Bundle (spec-61, -62).

Source: Subscriptions R5 Backport 1.1.0, backport-subscription-notification-r4, $status and $events; pas.md §1.4.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from fhir_r4.systems import BACKPORT
from prior_auth.answer import Writer
from prior_auth.case import Case
from prior_auth.subscription import CONTENT, TOPIC


@dataclass(frozen=True, slots=True)
class Event:
    """One change that a subscriber is told of; numbers count from 1 without a gap."""

    number: int
    at: datetime
    case: Case


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands.

    Attributes:
        url: the absolute URL of the Subscription.
        status: as the client may see it.
        told: events since its start.
        error: what is wrong with its endpoint, in words.
    """

    url: str
    status: str
    told: int
    error: str | None = None


def handshake(subscription: Standing, now: datetime) -> dict:
    """Return what a new subscription's endpoint has to accept before it is active."""
    return _notice(subscription, "handshake", now)


def heartbeat(subscription: Standing, now: datetime) -> dict:
    """Return what says that nothing has happened and that somebody is there."""
    return _notice(subscription, "heartbeat", now)


def notification(subscription: Standing, events: Sequence[Event], writer: Writer) -> dict:
    """Return the notification of one event or several in order; ``writer`` is of the subscription's generation."""
    return _events(subscription, "event-notification", events, CONTENT[writer.generation], writer)


def replay(subscription: Standing, events: Sequence[Event], content: str, writer: Writer) -> dict:
    """Return the answer to ``$events``: what was told or is still to be told, as it stands now.

    Args:
        content: ``empty``, ``id-only`` or ``full-resource``.
    """
    return _events(subscription, "query-event", events, content, writer)


def statuses(subscriptions: Iterable[Standing], base: str, now: datetime) -> dict:
    """Return the answer to ``$status``: a searchset with the status of each."""
    entries = [_status(one, "query-status", one.told, []) for one in subscriptions]
    found = [{k: v for k, v in one.items() if k in {"fullUrl", "resource"}} | {"search": {"mode": "match"}}
             for one in entries]  # fmt: skip
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "timestamp": now.isoformat(timespec="seconds"),
        "total": len(found),
        "link": [{"relation": "self", "url": f"{base}/Subscription/$status"}],
    } | ({"entry": found} if found else {})


def _events(subscription: Standing, kind: str, events: Sequence[Event], content: str, writer: Writer) -> dict:
    written = [(event, *_FOCUS[content](event, writer)) for event in events]
    told = [_told(event, focus) for event, focus, _ in written]
    count = events[-1].number if kind == "event-notification" else subscription.told
    entries = {entry["fullUrl"]: entry for _, _, held in written for entry in held}
    status = _status(subscription, kind, count, told)
    what = f"{kind} {'-'.join(str(event.number) for event in events)}"
    return _bundle(subscription, [status, *entries.values()], writer.now, what)


def _told(event: Event, focus: str | None) -> dict:
    parts: list[dict] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": event.at.isoformat(timespec="seconds")},
    ]
    if focus:
        parts.append({"name": "focus", "valueReference": {"reference": focus}})
    return {"name": "notification-event", "part": parts}


def _empty(_: Event, __: Writer) -> tuple[None, list[dict]]:
    return None, []


def _id_only(event: Event, writer: Writer) -> tuple[str, list[dict]]:
    url = f"{writer.base}/ClaimResponse/{event.case.authorization.id}"
    request = {"method": "GET", "url": url}
    return url, [{"fullUrl": url, "request": request, "response": {"status": "200"}}]


def _full_resource(event: Event, writer: Writer) -> tuple[str, list[dict]]:
    bundle = writer.response_bundle(event.case)
    url = f"urn:uuid:{bundle['id']}"
    request = {"method": "POST", "url": f"{writer.base}/Bundle"}
    return url, [{"fullUrl": url, "resource": bundle, "request": request, "response": {"status": "201"}}]


_FOCUS = {"empty": _empty, "id-only": _id_only, "full-resource": _full_resource}
CONTENTS = tuple(_FOCUS)


def _notice(subscription: Standing, kind: str, now: datetime) -> dict:
    status = _status(subscription, kind, subscription.told, [])
    return _bundle(subscription, [status], now, f"{kind} {now.isoformat()}")


def _status(subscription: Standing, kind: str, told: int, events: list[dict]) -> dict:
    name = uuid5(NAMESPACE_URL, f"{subscription.url}#status#{kind}#{told}")
    wrong = [{"name": "error", "valueCodeableConcept": {"text": subscription.error}}] if subscription.error else []
    parameters = {
        "resourceType": "Parameters",
        "id": str(name),
        "meta": {"profile": [f"{BACKPORT}/backport-subscription-status-r4"]},
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": subscription.url}},
            {"name": "topic", "valueCanonical": TOPIC},
            {"name": "status", "valueCode": subscription.status},
            {"name": "type", "valueCode": kind},
            {"name": "events-since-subscription-start", "valueString": str(told)},
            *events,
            *wrong,
        ],
    }
    request = {"method": "GET", "url": f"{subscription.url}/$status"}
    return {"fullUrl": f"urn:uuid:{name}", "resource": parameters, "request": request, "response": {"status": "200"}}


def _bundle(subscription: Standing, entries: list[dict], now: datetime, what: str) -> dict:
    return {
        "resourceType": "Bundle",
        "id": str(uuid5(NAMESPACE_URL, f"{subscription.url}#{what}")),
        "meta": {"profile": [f"{BACKPORT}/backport-subscription-notification-r4"]},
        "type": "history",
        "timestamp": now.isoformat(timespec="seconds"),
        "entry": entries,
    }
