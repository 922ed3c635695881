"""How is a completed response sent on, to a payer or to who delivers the service? With all that its answers refer to.

The EHR sends it (PAS, CDex); the app makes the Bundle: the response first, then each resource that an answer names and
that is not contained in it; what those refer to in turn stays where it is.

Source: DTR 2.0.1 @231 to @234, DTR 2.2.0 spec-156 to spec-158; profile DTR-QRBundle.
"""

from collections.abc import Mapping

from fhir_r4.resource import as_dict, dicts, reference
from fhir_r4.systems import DTR
from questionnaires.answers import every_item

PROFILE = f"{DTR}/StructureDefinition/DTR-QRBundle"


def named_by_answers(response: dict) -> tuple[str, ...]:
    """Return the references of the answers, each once; contained resources are there already."""
    held = [
        reference(as_dict(answer.get("valueReference")))
        for item in every_item(response)
        for answer in dicts(item.get("answer"))
    ]
    return tuple(dict.fromkeys(one for one in held if one and not one.startswith("#")))


def qr_bundle(response: dict, base: str, found: Mapping[str, dict]) -> dict:
    """Return the DTR-QRBundle of a response.

    Args:
        base: the EHR's FHIR base, below which the resources are.
        found: what the answers name, by reference.
    """
    entries = [(f"QuestionnaireResponse/{response['id']}", response), *found.items()]
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [PROFILE]},
        "type": "collection",
        "entry": [{"fullUrl": _full_url(base, target), "resource": one} for target, one in entries],
    }


def _full_url(base: str, target: str) -> str:
    return target if target.startswith(("https://", "http://", "urn:")) else f"{base}/{target}"
