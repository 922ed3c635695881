"""CRD cards, as the plain JSON that a CDS client draws.

Each function builds one card type of the CRD guide and nothing else; which cards to show is decided in
``cds_hooks.respond``. A card never repeats patient data: the clinician is already looking at the chart, and the
card may be logged by the EHR.
"""

from uuid import NAMESPACE_URL, uuid5

from fhir_r4.generations import Generation
from fhir_r4.systems import CRD_CARD_TYPE, CRD_TEMP
from rules.directory import Payer
from rules.policy import Guideline

TOPIC_SYSTEM = {Generation.V2_0: CRD_TEMP, Generation.V2_2: CRD_CARD_TYPE}


def guideline(card: Guideline, order: str, source: dict) -> dict:
    """Lead to the policy that asks for something; an "External Reference" card.

    The uuid is derived from the order and the card, so that repeating the hook repeats the card's identity and
    feedback can be matched to it.

    Source: CDS Hooks 2.0 "Card Attributes"; CRD 2.0.1 and 2.2.1 "External Reference".
    """
    return {
        "uuid": str(uuid5(NAMESPACE_URL, f"{order}#guideline#{card.url}#{card.summary}")),
        "summary": card.summary,
        "detail": card.detail,
        "indicator": "info",
        "source": source,
        "links": [{"label": card.label, "url": card.url, "type": "absolute"}],
        "extension": {"davinci-crd.associated-resource": [{"reference": order}]},
    }


def source(payer: Payer, topic: str, display: str, generation: Generation) -> dict:
    """Return who speaks, as on the insurance card (CRD 2.2.1: label is the insurer's name), and of what."""
    coding = {"system": TOPIC_SYSTEM[generation], "code": topic, "display": display}
    return {"label": payer.name} | ({"url": payer.url} if payer.url else {}) | {"topic": coding}
