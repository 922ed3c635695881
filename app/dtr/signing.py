"""Where does a form want to be signed, and how is that written down? Who attests it, and when; as a whole or in part.

Source: extensions questionnaire-signatureRequired and questionnaireresponse-signature; DTR 2.0.1 @16, @221, DTR 2.2.0
conf-6.
"""

from collections.abc import Iterator
from datetime import datetime

from app.dtr.wording import needs_signature
from fhir_r4.resource import as_dict, dicts, extension, link_of, text_of
from fhir_r4.systems import SIGNATURE, SIGNATURE_REQUIRED
from questionnaires.catalog import questions

AUTHOR_S = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1", "display": "Author's Signature"}


def signed_parts(form: dict) -> Iterator[str]:
    """Yield what is to be signed, in words: the form, or questions of it."""
    if needs_signature(form):
        yield "the form"
    for item in questions(form).values():
        if needs_signature(item):
            yield f"“{text_of(item.get('text')) or text_of(item.get('linkId'))}”"


def signed(form: dict, response: dict, who: str, when: datetime) -> dict:
    """Return the response with a signature wherever the form asks for one; an earlier signature gives way.

    Args:
        who: reference to the person who attests.
        when: aware.
    """
    wanted = {link: item for link, item in questions(form).items() if needs_signature(item)}

    def item(one: dict) -> dict:
        below = {"item": [item(each) for each in dicts(one.get("item"))]} if one.get("item") else {}
        link = link_of(one)
        return _with(one, wanted[link], who, when) | below if link in wanted else one | below

    made = response | ({"item": [item(one) for one in dicts(response.get("item"))]} if response.get("item") else {})
    return _with(made, form, who, when) if needs_signature(form) else made


def _with(element: dict, asking: dict, who: str, when: datetime) -> dict:
    kinds = dicts(as_dict(extension(asking, SIGNATURE_REQUIRED).get("valueCodeableConcept")).get("coding"))
    signature = {
        "type": [kinds[0] if kinds else AUTHOR_S],
        "when": when.isoformat(timespec="seconds"),
        "who": {"reference": who},
    }
    others = [one for one in dicts(element.get("extension")) if one.get("url") != SIGNATURE]
    return element | {"extension": [*others, {"url": SIGNATURE, "valueSignature": signature}]}
