"""How is a plain-dict resource read without trusting its shape?

Every reader here answers "nothing" for what is absent or of the wrong type, so that a hostile body costs an
empty answer and never an exception. Whether an element had to be there is said by whoever asked for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson

_CONTAINERS = (dict, list)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_Trail = tuple[Any, str | int] | None  # the trail of the parent, and the step from there


@dataclass(frozen=True, slots=True)
class Coding:
    """A code in a system, as in FHIR's Coding; ``display`` is whatever the sender called it."""

    system: str
    code: str
    display: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.system, self.code

    def to_fhir(self) -> dict:
        shown = {"display": self.display} if self.display else {}
        return {"system": self.system, "code": self.code} | shown


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier. ``system`` may be empty where the sender gave none."""

    system: str
    value: str

    def __str__(self) -> str:
        return f"{self.system}|{self.value}"

    @classmethod
    def parse(cls, text: str) -> "Identifier":
        """Read ``SYSTEM|VALUE``; a bare value has no system.

        >>> Identifier.parse("http://hl7.org/fhir/sid/us-npi|1234567893").value
        '1234567893'
        """
        system, _, value = text.rpartition("|")
        return cls(system, value)

    def to_fhir(self) -> dict:
        return ({"system": self.system} if self.system else {}) | {"value": self.value}


def as_dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list:
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str | None:
    """Return a string that says something, else None."""
    return value if isinstance(value, str) and value.strip() else None


def instant_of(value: Any) -> datetime | None:
    """Return an instant in UTC; None where it is none, has no zone, or is in UTC before the year 1 or after 9999.

    >>> instant_of("2026-03-01T12:00:00-05:00").isoformat(), instant_of("9999-12-31T23:59:59-05:00")
    ('2026-03-01T17:00:00+00:00', None)
    """
    try:
        found = datetime.fromisoformat(text_of(value) or "")
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def whole_number_of(value: Any) -> int | None:
    """Return the number, from 0, that a text of at most nine digits says; None for everything else.

    >>> whole_number_of("50"), whole_number_of("²"), whole_number_of("-1")
    (50, None, None)
    """
    return int(value) if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) else None


def dicts(value: Any) -> list[dict]:
    """Return the objects of an array, whatever else it holds."""
    return [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []


def link_of(item: dict) -> str:
    """Return the linkId of an item of a form or its response; empty where it has none."""
    return text_of(item.get("linkId")) or ""


def kind(resource: Any) -> str:
    said = resource.get("resourceType") if isinstance(resource, dict) else None
    return said if isinstance(said, str) and said.strip() else ""


def local_reference(resource: dict) -> str:
    """Return ``Type/id``.

    >>> local_reference({"resourceType": "DeviceRequest", "id": "dr-1"})
    'DeviceRequest/dr-1'
    """
    return f"{kind(resource)}/{text_of(resource.get('id')) or ''}"


def codings(concept: Any) -> tuple[Coding, ...]:
    """Return the complete codings (system and code) of a CodeableConcept."""
    listed = dicts(concept.get("coding")) if isinstance(concept, dict) else ()
    return tuple(
        [
            Coding(system, code, text_of(coding.get("display")))
            for coding in listed
            if (system := text_of(coding.get("system"))) and (code := text_of(coding.get("code")))
        ]
    )


def has_coding(concept: Any, system: str, code: str) -> bool:
    listed = dicts(concept.get("coding")) if isinstance(concept, dict) else ()
    return any(coding.get("system") == system and coding.get("code") == code for coding in listed)


def identifier(value: Any) -> Identifier | None:
    value = as_dict(value)
    found = text_of(value.get("value"))
    return Identifier(text_of(value.get("system")) or "", found) if found else None


def identifiers(resource: Any) -> tuple[Identifier, ...]:
    """Return the identifiers that have a value; ``identifier`` may be one or many (QuestionnaireResponse, Bundle)."""
    value = as_dict(resource).get("identifier")
    listed = [value] if isinstance(value, dict) else dicts(value)
    return tuple(found for one in listed if (found := identifier(one)))


def identifiers_of_type(resource: Any, system: str, code: str) -> tuple[Identifier, ...]:
    """Return the identifiers whose ``type`` has this coding, such as v2-0203#MB for a member number."""
    return tuple(
        found
        for one in dicts(as_dict(resource).get("identifier"))
        if has_coding(one.get("type"), system, code) and (found := identifier(one))
    )


def reference(value: Any) -> str | None:
    return text_of(value.get("reference")) if isinstance(value, dict) else None


def references(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every ``Reference.reference`` below ``value`` with its FHIRPath, in document order.

    Each node is walked with the trail that led to it; the few that hold a reference have it written out.
    """
    stack: list[tuple[Any, _Trail]] = [(value, None)]
    while stack:
        node, trail = stack.pop()
        if isinstance(node, dict):
            target = node.get("reference")
            if isinstance(target, str):
                yield target, path + _written(trail)
            below = [(member, (trail, key)) for key, member in node.items() if isinstance(member, _CONTAINERS)]
        elif isinstance(node, list):
            below = [(member, (trail, i)) for i, member in enumerate(node) if isinstance(member, _CONTAINERS)]
        else:
            continue
        stack.extend(reversed(below))


def _written(trail: _Trail) -> str:
    steps: list[str] = []
    while trail is not None:
        trail, step = trail
        steps.append(f"[{step}]" if isinstance(step, int) else f".{_element(step)}")
    return "".join(reversed(steps))


def modifiers(value: Any, path: str) -> Iterator[tuple[str | None, str]]:
    """Yield the url and FHIRPath of every modifierExtension, and of implicitRules, below ``value``.

    What carries one that is not understood must not be processed (FHIR R4, "Modifier Extensions").
    """
    stack: list[tuple[Any, str]] = [(value, path)]
    while stack:
        node, where = stack.pop()
        if isinstance(node, dict):
            if "implicitRules" in node:
                yield text_of(node["implicitRules"]), f"{where}.implicitRules"
            for index, one in enumerate(dicts(node.get("modifierExtension"))):
                yield text_of(one.get("url")), f"{where}.modifierExtension[{index}]"
            stack.extend((member, f"{where}.{_element(key)}") for key, member in node.items())
        elif isinstance(node, list):
            stack.extend((member, f"{where}[{index}]") for index, member in enumerate(node))


def _element(key: str) -> str:
    """Return an element's name as a path may show it: a sender's own invention is not repeated."""
    return key if key.removeprefix("_") in _element_names() else "*"


@cache
def _element_names() -> frozenset[str]:
    """Return what elements are called in FHIR R4, choices by each of their spellings; read where a fault is told."""
    return frozenset(orjson.loads(Path(__file__).with_name("element_names.json").read_bytes()))


def extensions(element: Any, url: str) -> list[dict]:
    listed = element.get("extension") if isinstance(element, dict) else None
    if not isinstance(listed, list):
        return []
    return [one for one in listed if isinstance(one, dict) and one.get("url") == url]


def extension(element: Any, url: str) -> dict:
    """Return the first extension with this url, or an empty one."""
    found = extensions(element, url)
    return found[0] if found else {}


def value_of(element: dict) -> Any:
    """Return the value of a choice element ``value[x]``, or None.

    >>> value_of({"url": "x", "valueCode": "covered"})
    'covered'
    """
    for name, value in element.items():
        if name.startswith("value") and name != "value":
            return value
    return None


def contained(resource: dict, target: str) -> dict:
    """Return the contained resource that ``#id`` points to, or nothing."""
    wanted = target.removeprefix("#")
    return next((one for one in dicts(resource.get("contained")) if one.get("id") == wanted), {})
