"""What does an answer say, as a person would read it?"""

from datetime import date, timedelta
from typing import Any

from app.dtr.opened import OpenForm
from fhir_r4.resource import as_dict, dicts, extension, kind, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, INFORMATION_ORIGIN


def coverage_information(answer: Any) -> dict[str, Any]:
    """Return the sub-extensions of the first system action, by name."""
    actions = dicts(as_dict(answer).get("systemActions"))
    resource = actions[0]["resource"] if actions else {}
    parts = dicts(extension(resource, COVERAGE_INFORMATION).get("extension"))
    return {part["url"]: value_of(part) for part in parts}


def answers(opened: OpenForm) -> dict[str, tuple[str, str, str]]:
    """Return text, answer and origin by linkId."""
    found: dict[str, tuple[str, str, str]] = {}
    waiting = dicts(opened.response.get("item"))
    while waiting:
        item = waiting.pop(0)
        waiting = dicts(item.get("item")) + waiting
        for answer in dicts(item.get("answer")):
            origin = extension(extension(answer, INFORMATION_ORIGIN), "source")
            found[item["linkId"]] = (item["text"], readable(value_of(answer)), str(value_of(origin)))
    return found


def readable(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    if "code" in value and "value" not in value:
        return f"{value.get('code')} {value.get('display', '')}".strip()
    return f"{value.get('value')} {value.get('unit', '')}".strip()


def first(bundle: Any) -> dict:
    """Return the first resource of a Bundle."""
    entries = dicts(as_dict(bundle).get("entry"))
    return as_dict(entries[0].get("resource")) if entries else {}


def inquired(answer: Any) -> list[dict]:
    """Return the ClaimResponses of an inquiry's answer, in either generation's shape."""
    bundles = [answer] if kind(answer) == "Bundle" else [one["resource"] for one in dicts(answer.get("parameter"))]
    held = [as_dict(entry.get("resource")) for bundle in bundles for entry in dicts(bundle.get("entry"))]
    return [one for one in held if kind(one) == "ClaimResponse"]


def months(start: str, end: str) -> int | None:
    """Return the whole months from the first day to the last, both included."""
    try:
        begin, after = date.fromisoformat(start), date.fromisoformat(end) + timedelta(days=1)
    except ValueError:
        return None
    return (after.year - begin.year) * 12 + after.month - begin.month
