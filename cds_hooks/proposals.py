"""Which orders do we propose? An order with another service in its place, or one beside it.

What is proposed is the clinician's to sign; it carries no coverage information, which its own hook will bring.

Source: CRD 2.0.1 and 2.2.1, "Propose Alternate Request" and "Identify Additional Orders"; crd-respar-1: a proposal
is one update, or a delete with a create. 2.2.1's model pins the type to create, against its own invariant.
"""

from typing import Any

from cds_hooks.cards import create, delete, update
from cds_hooks.counsel import Alternative, Companion
from cds_hooks.order import Order
from fhir_r4.resource import kind
from fhir_r4.systems import COVERAGE_INFORMATION

_CODED = {
    "DeviceRequest": ("codeCodeableConcept", "codeReference"),
    "MedicationRequest": ("medicationCodeableConcept", "medicationReference"),
    "ServiceRequest": ("code", ""),
}
_SHARED = ("encounter", "requester", "authoredOn", "insurance", "reasonCode", "reasonReference")
_ALWAYS = {"status": "draft", "intent": "order"}


def can_propose(order: Order) -> bool:
    """Tell whether we know where such an order has its code."""
    return kind(order.resource) in _CODED


def alternative(order: Order, wanted: Alternative) -> list[dict]:
    """Return the one action that puts another service in the order's place; all else of it stays."""
    element, by_reference = _CODED[kind(order.resource)]
    concept = {"coding": [wanted.code.to_fhir()], "text": wanted.title}
    kept = {name: value for name, value in order.resource.items() if name not in {by_reference, "extension"}}
    others = [one for one in order.resource.get("extension", []) if one.get("url") != COVERAGE_INFORMATION]
    changed = kept | {element: concept} | ({"extension": others} if others else {})
    return [update(f"Order {wanted.title} instead", changed)]


def companion(order: Order, wanted: Companion) -> list[dict]:
    """Return the action that makes one more order, for the same patient and reason."""
    element, _ = _CODED[wanted.kind]
    new: dict[str, Any] = {"resourceType": wanted.kind} | _ALWAYS
    new[element] = {"coding": [wanted.code.to_fhir()], "text": wanted.title}
    new["subject"] = order.resource.get("subject")
    new |= {name: order.resource[name] for name in _SHARED if name in order.resource}
    return [create(f"Order {wanted.title} as well", new)]


def replacement(order: Order, new: dict, title: str) -> list[dict]:
    """Return the two actions that put an order of another kind in this one's place."""
    return [delete(f"Give up {order.title}", order.reference), create(f"Order {title} instead", new)]
