"""How are values made of parts, and parts taken from values?

Source: ELM 1.5, "Structured Values", Literal, Tuple, Instance, Property.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from cql.errors import CqlError, Unsupported, said
from cql.fhir_model import URI, Element, fhir_type
from cql.scope import Build, Frame, Scope, Thunk, constant, null
from cql.specifiers import SYSTEM
from cql.types import (
    MAX_DECIMAL,
    MAX_INTEGER,
    MAX_LONG,
    MIN_INTEGER,
    MIN_LONG,
    Code,
    CodeSystem,
    Concept,
    Interval,
    Long,
    Quantity,
    Ratio,
    Tuple,
    ValueSet,
)

_PART = re.compile(r"[^.\[\]]+|\[\d+\]")
_FIELDS: dict[type, Mapping[str, str]] = {
    Quantity: {"value": "value", "unit": "unit"},
    Ratio: {"numerator": "numerator", "denominator": "denominator"},
    Code: {"code": "code", "system": "system", "version": "version", "display": "display"},
    Concept: {"codes": "codes", "display": "display"},
    ValueSet: {"id": "id", "version": "version", "name": "name"},
    CodeSystem: {"id": "id", "version": "version", "name": "name"},
    Interval: {"low": "low", "high": "high", "lowClosed": "low_closed", "highClosed": "high_closed"},
}


# Literals -------------------------------------------------------------------------------------------------------


def literal(name: str, text: str) -> Any:
    """Return the value of a Literal; CqlError where its digits do not fit the type."""
    try:
        match name:
            case "Boolean":
                return text == "true"
            case "Integer":
                return _within(int(text), MIN_INTEGER, MAX_INTEGER)
            case "Long":
                return Long(_within(int(text), MIN_LONG, MAX_LONG))
            case "Decimal":
                return decimal_literal(text)
            case "String":
                return text
    except (ValueError, InvalidOperation):
        pass
    raise CqlError(f"a literal is no {name}", "digits that fit the type")


def decimal_literal(text: Any) -> Decimal:
    value = Decimal(str(text))
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -8 or abs(value) > MAX_DECIMAL:
        raise ValueError(text)
    return value


def _within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError(value)
    return value


def _literal(node: dict, _scope: Scope) -> Thunk:
    return constant(literal(str(node.get("valueType")).rpartition("}")[2], str(node.get("value", ""))))


def quantity_literal(node: Any) -> Quantity:
    try:
        return Quantity(decimal_literal(node["value"]), node.get("unit") or "1")
    except (ValueError, InvalidOperation, KeyError):
        raise CqlError("a quantity has no number that fits", "a Decimal and a unit") from None


def _ratio(node: dict, _scope: Scope) -> Thunk:
    return constant(Ratio(quantity_literal(node.get("numerator", {})), quantity_literal(node.get("denominator", {}))))


# Tuples and instances -------------------------------------------------------------------------------------------


def _elements(node: dict, scope: Scope) -> list[tuple[str, Thunk]]:
    return [(one["name"], scope.compile(one.get("value"))) for one in node.get("element", ())]


def _tuple(node: dict, scope: Scope) -> Thunk:
    elements = _elements(node, scope)
    return lambda frame: Tuple({name: thunk(frame) for name, thunk in elements})


def _instance(node: dict, scope: Scope) -> Thunk:
    """Make a System value, or a FHIR one as the JSON that it would have."""
    elements = _elements(node, scope)
    class_type = str(node.get("classType"))
    name = class_type.rpartition("}")[2]
    if class_type.startswith(URI):
        type_ = fhir_type(name)
        if type_ is None:
            raise Unsupported(f"FHIR R4 has no type {name}", "a FHIR R4 type")
        return lambda frame: Element(type_, _fhir_json(type_, {key: thunk(frame) for key, thunk in elements}))
    make = _MAKERS.get(class_type)
    if make is None:
        raise Unsupported(f"an instance of {name} cannot be made", "a FHIR type, Quantity, Ratio, Code or Concept")
    return lambda frame: make({key: thunk(frame) for key, thunk in elements})


def _fhir_json(type_: Any, given: dict[str, Any]) -> Any:
    if type_.system:
        return plain(given.get("value"))
    json = {"resourceType": type_.name} if "Resource" in type_.bases else {}
    for name, value in given.items():
        found = type_.properties.get(name)
        if value is None or found is None:
            continue
        kinds = {kind: key for key, _, kind in found.keys}
        key = kinds.get(value.type.name, found.keys[0][0]) if type(value) is Element else found.keys[0][0]
        json[key] = plain(value)
    return json


def plain(value: Any) -> Any:
    """Return the JSON of a value that lies inside a FHIR instance."""
    if type(value) is Element:
        return value.json
    if type(value) is list:
        return [plain(one) for one in value]
    return value if isinstance(value, bool | int | Decimal | str | None) else str(value)


_MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    f"{SYSTEM}Quantity": lambda given: Quantity(given["value"], given.get("unit") or "1"),
    f"{SYSTEM}Ratio": lambda given: Ratio(given["numerator"], given["denominator"]),
    f"{SYSTEM}Code": lambda given: Code(*(given.get(name) for name in ("code", "system", "version", "display"))),
    f"{SYSTEM}Concept": lambda given: Concept(tuple(given.get("codes") or ()), given.get("display")),
    f"{SYSTEM}ValueSet": lambda given: ValueSet(given["id"], given.get("version"), given.get("name")),
    f"{SYSTEM}CodeSystem": lambda given: CodeSystem(given["id"], given.get("version"), given.get("name")),
}


# Properties -----------------------------------------------------------------------------------------------------


def part_of(value: Any, name: str, offset: int) -> Any:
    """Return one named part of a value; null of null, and of what a Tuple or a FHIR type does not have."""
    kind = type(value)
    if kind is Element:
        return value.get(name, offset)
    if kind is Tuple:
        return value.get(name)
    if kind is list:
        parts = [part_of(one, name, offset) for one in value if one is not None]
        found = [one for part in parts for one in (part if type(part) is list else [part])]
        return [one for one in found if one is not None]
    fields = _FIELDS.get(kind)
    if fields is None or name not in fields:
        raise CqlError(f"{said(value)} has no element '{name}'", "a type that has the element")
    part = getattr(value, fields[name])
    return list(part) if type(part) is tuple else part


def reader(path: str) -> Callable[[Any, Any], Any]:
    """Return what follows a path such as ``birthDate.value`` or ``name[0].family``, of the Run and from a value."""
    steps = [int(step[1:-1]) if step.startswith("[") else step for step in _PART.findall(path)]

    def read(run: Any, value: Any) -> Any:
        for step in steps:
            if value is None:
                return None
            if isinstance(step, int):
                value = value[step] if step < len(value) else None
            else:
                value = part_of(value, step, run.offset)
        return value

    return read


def _property(node: dict, scope: Scope) -> Thunk:
    path = str(node.get("path", ""))
    alias = node.get("scope")
    source = _slot(scope.slot_of(alias)) if alias else scope.compile(node.get("source"))
    if _PART.fullmatch(path):
        return _one_step(source, path)
    read = reader(path)
    return lambda frame: read(frame[0], source(frame))


def _slot(slot: int) -> Thunk:
    return lambda frame: frame[slot]


def _one_step(source: Thunk, name: str) -> Thunk:
    def run(frame: Frame) -> Any:
        value = source(frame)
        if value is None:
            return None
        if type(value) is Element:
            return value.get(name, frame[0].offset)
        return part_of(value, name, frame[0].offset)

    return run


NODES: dict[str, Build] = {
    "Null": lambda _node, _scope: null,
    "Literal": _literal,
    "Quantity": lambda node, _scope: constant(quantity_literal(node)),
    "Ratio": _ratio,
    "Tuple": _tuple,
    "Instance": _instance,
    "Property": _property,
}
