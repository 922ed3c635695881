"""Which orders do we propose? An order with another service in its place, or one beside it.

What is proposed is the clinician's to sign; it carries no coverage information, which its own hook will bring.

Source: CRD 2.0.1 and 2.2.1, "Propose Alternate Request" and "Identify Additional Orders"; crd-respar-1: a proposal
is one update, or a delete with a create. 2.2.1's model pins the type to create, against its own invariant.
"""

from typing import Any

from cds_hooks.cards import create, delete, update
from cds_hooks.counsel import Alternative, Companion
from cds_hooks.order import Order
from fhir_r4.resource import Coding, kind
from fhir_r4.systems import COVERAGE_INFORMATION

_CODED = {
    "DeviceRequest": ("codeCodeableConcept", "codeReference"),
    "MedicationRequest": ("medicationCodeableConcept", "medicationReference"),
    "ServiceRequest": ("code", ""),
}
_SHARED = ("encounter", "requester", "authoredOn", "insurance", "reasonCode", "reasonReference")


def can_propose(kind_of_order: str) -> bool:
    """Tell whether we know where such an order has its code."""
    return kind_of_order in _CODED


def alternative(order: Order, wanted: Alternative) -> list[dict]:
    """Return what puts another service in the order's place.

    One update where it is of the same kind, and all else of the order stays; else the order is given up and another
    made.
    """
    if kind(order.resource) != wanted.kind:
        new = _new(order, wanted.kind, wanted.code, wanted.title)
        gone = delete(f"Give up {order.title}", order.reference)
        return [gone, create(f"Order {wanted.title} instead", new)]
    element, by_reference = _CODED[wanted.kind]
    kept = {name: value for name, value in order.resource.items() if name not in {by_reference, "extension"}}
    others = [one for one in order.resource.get("extension", []) if one.get("url") != COVERAGE_INFORMATION]
    changed = kept | {element: _concept(wanted.code, wanted.title)} | ({"extension": others} if others else {})
    return [update(f"Order {wanted.title} instead", changed)]


def companion(order: Order, wanted: Companion) -> list[dict]:
    """Return the action that makes one more order, for the same patient and reason."""
    return [create(f"Order {wanted.title} as well", _new(order, wanted.kind, wanted.code, wanted.title))]


def _new(order: Order, kind_of_order: str, code: Coding, title: str) -> dict:
    element, _ = _CODED[kind_of_order]
    new: dict[str, Any] = {"resourceType": kind_of_order, "status": "draft", "intent": "order"}
    new[element] = _concept(code, title)
    new["subject"] = order.resource.get("subject") or order.resource.get("patient")
    return new | {name: order.resource[name] for name in _SHARED if name in order.resource}


def _concept(code: Coding, title: str) -> dict:
    return {"coding": [code.to_fhir()], "text": title}
