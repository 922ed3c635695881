"""CRD cards, as the plain JSON that a CDS client draws.

Each function builds one response type of the CRD guide and nothing else; which to show is decided in
``cds_hooks.advise``. A card never repeats patient data: the clinician is already looking at the chart, and the card
may be logged by the EHR.

Source: CDS Hooks 2.0 "Card Attributes"; CRD 2.0.1 and 2.2.1, "Response Types".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from cds_hooks.order import Order
from fhir_r4.generations import Generation
from fhir_r4.resource import Coding
from fhir_r4.systems import CRD_CARD_TYPE, CRD_TEMP, OVERRIDE_REASONS
from rules.directory import Payer

LONGEST_SUMMARY = 139
TOPIC_SYSTEM = {Generation.V2_0: CRD_TEMP, Generation.V2_2: CRD_CARD_TYPE}
TOPICS = {
    "guideline": "Guideline",
    "therapy-alternatives-opt": "Optional Therapy Alternatives",
    "therapy-alternatives-req": "Required Therapy Alternatives",
    "network": "Network",
    "insurance": "Insurance",
    "claim": "Claim",
    "appropriate-use": "Appropriate Use",
    "off-guideline": "Off Guideline",
    "clinical-reminder": "Clinical Reminder",
    "duplicate-therapy": "Duplicate Therapy",
    "contraindication": "Contraindication",
    "limits": "Limits",
    "cost": "Cost",
}
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~]")
ON_FILE = Coding(OVERRIDE_REASONS, "documented-elsewhere", "What is asked for is documented already")
NOT_SUITABLE = Coding(OVERRIDE_REASONS, "not-suitable", "Not suitable for this patient")
TRIED = Coding(OVERRIDE_REASONS, "already-tried", "Tried already")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a card is about, and for whom it speaks.

    Attributes:
        orders: what it concerns.
        among: everything that the call is about; a card about some of it names them in words (CRD 2.2.1 dev-24).
    """

    code: str
    payer: Payer
    generation: Generation
    orders: Sequence[Order]
    among: Sequence[Order]


def external_reference(topic: Topic, summary: str, detail: str, label: str, url: str) -> dict:
    """Lead to a page that tells more."""
    card = _card(topic, summary, detail, "info")
    return card | {"links": [{"label": label, "url": url, "type": "absolute"}], "overrideReasons": _reasons([ON_FILE])}


def instructions(topic: Topic, summary: str, detail: str, indicator: str = "info") -> dict:
    """Say something that nothing has to be clicked for."""
    return _card(topic, summary, detail, indicator)


def launch(topic: Topic, summary: str, detail: str, label: str, url: str, context: str | None) -> dict:
    """Offer a SMART app. Never DTR: its client is started from the coverage information itself."""
    link = {"label": label, "url": url, "type": "smart"} | ({"appContext": context} if context else {})
    return _card(topic, summary, detail, "info") | {"links": [link]}


def suggestions(topic: Topic, summary: str, detail: str, offered: Iterable[tuple[str, list[dict]]]) -> dict:
    """Propose changes: each is a label, and all the actions that belong to it; at most one is chosen.

    Used for alternatives, companion orders, forms and coverages.
    """
    card = _card(topic, summary, detail, "info")
    made = [
        {"label": label, "uuid": str(uuid5(NAMESPACE_URL, f"{card['uuid']}#{label}")), "actions": actions}
        for label, actions in offered
    ]
    reasons = _reasons([NOT_SUITABLE, TRIED]) if topic.code.startswith("therapy") else _reasons([ON_FILE])
    return card | {"suggestions": made, "selectionBehavior": "at-most-one", "overrideReasons": reasons}


def create(description: str, resource: dict, **extension: str) -> dict:
    """Return an action by which a new resource is made."""
    more = {"extension": {f"davinci-crd.{name.replace('_', '-')}": text for name, text in extension.items()}}
    return {"type": "create", "description": description, "resource": resource} | (more if extension else {})


def update(description: str, resource: dict) -> dict:
    """Return an action by which a resource is replaced; it is sent whole."""
    return {"type": "update", "description": description, "resource": resource}


def delete(description: str, reference: str) -> dict:
    """Return an action by which a resource is given up; it is named, not sent."""
    return {"type": "delete", "description": description, "resourceId": reference}


def _card(topic: Topic, summary: str, detail: str, indicator: str) -> dict:
    """Return what all cards have.

    The uuid is derived from what the card says of which orders, so that repeating the hook repeats the card's
    identity and feedback can be matched to it.
    """
    named = [order.reference for order in topic.orders]
    identity = "#".join([*named, topic.code, topic.payer.id, summary])
    card = {
        "uuid": str(uuid5(NAMESPACE_URL, identity)),
        "summary": _short(summary),
        "detail": _concerns(topic) + detail,
        "indicator": indicator,
        "source": _source(topic),
    }
    related = [{"reference": target} for target in named]
    return card | ({"extension": {"davinci-crd.associated-resource": related}} if related else {})


def _short(summary: str) -> str:
    return summary if len(summary) <= LONGEST_SUMMARY else f"{summary[: LONGEST_SUMMARY - 1].rstrip()}…"


def _concerns(topic: Topic) -> str:
    """Name the orders, in words that stay as the clinic wrote them: the detail is Markdown."""
    if len(topic.orders) >= len(topic.among):
        return ""
    names = dict.fromkeys(_MARKUP.sub(r"\\\g<0>", order.title) for order in topic.orders)
    return f"Concerns: {', '.join(names)}.\n\n"


def _source(topic: Topic) -> dict:
    """Return who speaks, as on the insurance card (CRD 2.2.1 resp-4), and of what (resp-5)."""
    coding = {"system": TOPIC_SYSTEM[topic.generation], "code": topic.code, "display": TOPICS[topic.code]}
    payer = topic.payer
    return {"label": payer.name} | ({"url": payer.url} if payer.url else {}) | {"topic": coding}


def _reasons(codes: Iterable[Coding]) -> list[dict]:
    return [code.to_fhir() for code in codes]
