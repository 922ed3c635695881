"""What does one fact look like in JSON Schema 2020-12?"""

from collections.abc import Iterable
from typing import Any

from fhir_r4.profiles import primitives
from fhir_r4.profiles.elements import Element

Schema = Any  # a JSON Schema: an object, True or False


_VALUES = (
    "value",
    "valueBoolean",
    "valueCode",
    "valueString",
    "valueCoding",
    "valueCodeableConcept",
    "valueUri",
    "valueInteger",
)


def with_content(extension: dict) -> Schema:
    """Add that an extension says something (ext-1); that it does not say two things is in its properties."""
    said = [{"required": [name]} for name in extension["properties"] if name != "url"]
    return all_of([extension, {"anyOf": said}]) if said else False


def child_is(name: str, schema: Schema) -> Schema:
    """Return the schema of an object whose child ``name`` (one, or one of a list, or of a choice) is as said."""
    if name == "url":  # that of an extension, the mark of most slices: always a single one
        return {"properties": {name: schema}, "required": [name]}
    one_or_some = {"if": {"type": "array"}, "then": {"contains": schema}, "else": schema}
    if name == "value":
        return {"anyOf": [{"properties": {n: one_or_some}, "required": [n]} for n in _VALUES]}
    return {"properties": {name: one_or_some}, "required": [name]}


def shape(code: str) -> dict:
    if code == "boolean":
        return {"type": "boolean"}
    if code in primitives.INTEGERS:
        return {"type": "integer", "minimum": primitives.INTEGERS[code], "maximum": primitives.MAX_INTEGER}
    if code == "decimal":
        return {"type": "number"}
    pattern = primitives.PATTERNS.get(code)
    return {"type": "string"} | ({"pattern": f"^(?:{pattern})$"} if pattern else {"minLength": 1})


def pinned(element: Element) -> dict:
    if element.fixed is not None:
        return {"const": element.fixed}
    return dict(holding(element.pattern)) if element.pattern is not None else {}


def holding(pattern: Any) -> dict:
    if isinstance(pattern, dict):
        return {"properties": {k: holding(v) for k, v in pattern.items()}, "required": list(pattern)}
    if isinstance(pattern, list):
        return {"allOf": [{"contains": holding(part)} for part in pattern]}
    return {"const": pattern}


def all_of(parts: Iterable[Schema]) -> Schema:
    kept = [part for part in parts if part is not True and part != {}]
    if any(part is False for part in kept):
        return False
    return kept[0] if len(kept) == 1 else {"allOf": kept} if kept else True


def any_of(parts: list[Schema]) -> Schema:
    return parts[0] if len(parts) == 1 else {"anyOf": parts} if parts else False


def coding_of(system: str, codes: frozenset[str] | None) -> Schema:
    code = {} if codes is None else {"code": {"enum": sorted(codes)}}
    return {"properties": {"system": {"const": system}} | code, "required": ["system", "code"]}
