"""What is a form whose questions come a few at a time? A form without questions, and a response that holds them.

The response carries a contained Questionnaire that grows with each call of $next-question; what the package's own form
says beside its questions (libraries, launch context, title) holds for all of them.

Source: SDC 4.0.0, adaptive forms; DTR 2.0.1 @36 to @42, DTR 2.2.0 spec-16, spec-23 to spec-25, spec-35.
"""

from fhir_r4.resource import contained, dicts, extension, text_of, value_of
from fhir_r4.systems import ADAPTIVE

OPERATION = "$next-question"


def address_of(form: dict, base: str) -> str | None:
    """Return where the next questions of a form are asked for; None for a form that has them all.

    Args:
        base: the payer's FHIR base, which is meant where the form says ``true``.

    >>> address_of({"extension": [{"url": ADAPTIVE, "valueUrl": "https://p.example/fhir"}]}, "")
    'https://p.example/fhir/Questionnaire/$next-question'
    """
    said = value_of(extension(form, ADAPTIVE))
    if said is None or said is False:
        return None
    address = (base if said is True else text_of(said) or base).rstrip("/")
    if address.endswith(OPERATION):
        return address
    return f"{address}/{OPERATION}" if address.endswith("/Questionnaire") else f"{address}/Questionnaire/{OPERATION}"


def is_adaptive(form: dict) -> bool:
    return value_of(extension(form, ADAPTIVE)) not in {None, False}


def holding(form: dict) -> dict:
    """Return the elements of a response that carry an adaptive form before any of its questions was asked."""
    name = text_of(form.get("id")) or "form"
    version = text_of(form.get("version"))
    derived = f"{form.get('url')}|{version}" if version else str(form.get("url"))
    held = {key: value for key, value in form.items() if key not in {"url", "meta", "item"}}
    return {"contained": [held | {"id": name, "derivedFrom": [derived]}], "questionnaire": f"#{name}"}


def whole(form: dict, response: dict) -> dict:
    """Return the form with the questions that there are so far in ``response``."""
    held = contained(response, text_of(response.get("questionnaire")) or "#")
    more = [one for one in dicts(held.get("extension")) if one not in dicts(form.get("extension"))]
    return form | {"extension": [*dicts(form.get("extension")), *more], "item": dicts(held.get("item"))}
