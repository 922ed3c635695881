"""How does a person read an answer?"""

from datetime import datetime
from typing import Any

from fhir_r4.resource import text_of


def in_words(value: Any) -> str:
    """Return an answer of any type as a person reads it.

    >>> in_words(True), in_words({"value": 61.5, "unit": "kg"}), in_words({"code": "x", "display": "Asthma"})
    ('Yes', '61.5 kg', 'Asthma')
    """
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict):
        return _complex(value)
    if value is None:
        return ""
    return moment_in_words(value) if isinstance(value, str) and "T" in value else str(value)


def _complex(value: dict) -> str:
    """Return a Quantity, Coding, Reference or Attachment in words."""
    if "value" in value:
        number = f"{value.get('comparator') or ''}{value['value']}"
        return f"{number} {text_of(value.get('unit')) or text_of(value.get('code')) or ''}".strip()
    told = (value.get(name) for name in ("display", "title", "code", "reference", "url", "contentType"))
    return next((found for one in told if (found := text_of(one))), "attached" if "data" in value else "")


def moment_in_words(text: str) -> str:
    """Return a day and time as one reads it, in the zone that it was written in; other words as they are."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at:%-d %b %Y, %H:%M}" if "T" in text else f"{at:%-d %b %Y}"
