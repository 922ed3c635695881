"""How is a subscriber told? The backport's notification Bundle: handshake, and events of each generation.

2.0.1 sends ids (the subscriber then inquires), 2.2.1 the full PAS response Bundle (spec-61, -62).

Source: Subscriptions R5 Backport 1.1.0, backport-subscription-notification-r4; pas.md §1.4.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from fhir_r4.generations import Generation
from fhir_r4.systems import BACKPORT
from prior_auth.claim_response import Case, Writer
from prior_auth.subscription import TOPIC


@dataclass(frozen=True, slots=True)
class Event:
    """One change that a subscriber is told of; numbers count from 1 without a gap."""

    number: int
    at: datetime
    case: Case


def handshake(subscription: str, told: int, now: datetime) -> dict:
    """Return what a new subscription's endpoint has to accept before it is active."""
    return _bundle(subscription, [_status(subscription, "handshake", "requested", told, [])], now, f"handshake {told}")


def notification(subscription: str, event: Event, writer: Writer) -> dict:
    """Return the notification of one event.

    Args:
        subscription: the absolute URL of the Subscription.
        writer: of the subscription's generation and base.
    """
    focus, entries = _FOCUS[writer.generation](event, writer)
    told = {
        "name": "notification-event",
        "part": [
            {"name": "event-number", "valueString": str(event.number)},
            {"name": "timestamp", "valueInstant": event.at.isoformat(timespec="seconds")},
            {"name": "focus", "valueReference": {"reference": focus}},
        ],
    }
    status = _status(subscription, "event-notification", "active", event.number, [told])
    return _bundle(subscription, [status, *entries], writer.now, f"event {event.number}")


def _id_only(event: Event, writer: Writer) -> tuple[str, list[dict]]:
    url = f"{writer.base}/ClaimResponse/{event.case.authorization.id}"
    request = {"method": "GET", "url": url}
    return url, [{"fullUrl": url, "request": request, "response": {"status": "200"}}]


def _full_resource(event: Event, writer: Writer) -> tuple[str, list[dict]]:
    bundle = writer.response_bundle(event.case)
    url = f"urn:uuid:{bundle['id']}"
    request = {"method": "POST", "url": f"{writer.base}/Bundle"}
    return url, [{"fullUrl": url, "resource": bundle, "request": request, "response": {"status": "201"}}]


_FOCUS = {Generation.V2_0: _id_only, Generation.V2_2: _full_resource}


def _status(subscription: str, kind: str, status: str, told: int, events: list[dict]) -> dict:
    name = uuid5(NAMESPACE_URL, f"{subscription}#status#{kind}#{told}")
    parameters = {
        "resourceType": "Parameters",
        "id": str(name),
        "meta": {"profile": [f"{BACKPORT}/backport-subscription-status-r4"]},
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": subscription}},
            {"name": "topic", "valueCanonical": TOPIC},
            {"name": "status", "valueCode": status},
            {"name": "type", "valueCode": kind},
            {"name": "events-since-subscription-start", "valueString": str(told)},
            *events,
        ],
    }
    request = {"method": "GET", "url": f"{subscription}/$status"}
    return {"fullUrl": f"urn:uuid:{name}", "resource": parameters, "request": request, "response": {"status": "200"}}


def _bundle(subscription: str, entries: list[dict], now: datetime, what: str) -> dict:
    return {
        "resourceType": "Bundle",
        "id": str(uuid5(NAMESPACE_URL, f"{subscription}#{what}")),
        "meta": {"profile": [f"{BACKPORT}/backport-subscription-notification-r4"]},
        "type": "history",
        "timestamp": now.isoformat(timespec="seconds"),
        "entry": entries,
    }
