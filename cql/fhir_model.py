"""What type is each element of a FHIR R4 resource, and how is it read from the JSON as it came?

JSON does not say that ``code`` is a CodeableConcept or that ``valueQuantity`` is the choice ``value``; the table
``fhir_model.json`` (facts of the published FHIR 4.0.1 model info) does. An :class:`Element` lies over the JSON and
copies nothing: a property is wrapped when it is asked for. What has the wrong shape is absent, never an error.

Source: FHIR R4, "JSON Representation of Resources"; CQL 1.5 Author's Guide, "Data Models" and "Properties".
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from cql.temporal import read_date, read_datetime, read_time
from cql.types import to_scale

URI = "{http://hl7.org/fhir}"


@dataclass(frozen=True, slots=True)
class Property:
    """One element of a type: the JSON keys that may hold it, the key beside each, and the type that it then has."""

    name: str
    keys: tuple[tuple[str, str, str], ...]
    many: bool


@dataclass(frozen=True, slots=True)
class Type:
    """A FHIR type; ``code_path`` is what a retrieve filters by where it names no path."""

    name: str
    bases: frozenset[str]
    code_path: str
    properties: dict[str, Property]
    system: str
    """The System type of the ``value`` of a primitive, empty for a complex type."""
    is_resource: bool


class Element:
    """A FHIR value over its JSON. ``beside`` is the ``_name`` object that holds a primitive's id and extensions.

    What was asked for is remembered: the defines of a form read the same elements again and again. Nobody changes
    a list that an Element has handed out.
    """

    __slots__ = ("_known", "beside", "json", "type")

    def __init__(self, type_: Type, value: Any, beside: Any = None) -> None:
        self.type = type_
        self.json = value
        self.beside = beside
        self._known: dict[Any, Any] = {}

    def get(self, name: str, offset: int = 0) -> Any:
        """Return a property: an Element, a list of them, a System value, or None where it is absent.

        ``offset`` is the zone, in minutes, of a date that was written without one.
        """
        key = (name, offset) if self.type.system == "System.DateTime" else name
        known = self._known
        if key in known:
            return known[key]
        value = known[key] = self._read(name, offset)
        return value

    def remembered(self, key: object, work: Callable[["Element"], Any]) -> Any:
        """Return what ``work`` makes of this Element, made once."""
        known = self._known
        if key not in known:
            known[key] = work(self)
        return known[key]

    def _read(self, name: str, offset: int) -> Any:
        system, json = self.type.system, self.json
        if system and name == "value":
            return system_value(system, json, offset)
        found = self.type.properties.get(name)
        if found is None:
            return None
        if system:
            return self._beside_primitive(name, found)
        if type(json) is not dict:
            return None
        for key, key_beside, kind in found.keys:
            if key in json or key_beside in json:
                value, beside = json.get(key), json.get(key_beside)
                return _many(kind, value, beside) if found.many else _one(kind, value, beside)
        return None

    def _beside_primitive(self, name: str, found: Property) -> Any:
        if type(self.beside) is not dict or name not in self.beside:
            return None
        ((key, _, kind),) = found.keys
        return _many(kind, self.beside[key], None) if found.many else _one(kind, self.beside[key], None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and self.type is other.type and self.json == other.json

    def __hash__(self) -> int:
        return hash(self.type.name)

    def __repr__(self) -> str:
        return f"Element({self.type.name})"  # never the content: it is a patient's


def _one(kind: str, value: Any, beside: Any) -> Any:
    type_ = fhir_type(kind)
    if type_ is None:
        return system_value(kind, value) if kind.startswith("System.") else None
    if type_.system:
        return None if type(value) in (dict, list) else Element(type_, value, beside)
    if type(value) is not dict:
        return None
    return resource(value) if type_.is_resource else Element(type_, value)


def _many(kind: str, values: Any, beside: Any) -> list[Any] | None:
    if type(values) is not list and type(beside) is not list:
        return None
    values = values if type(values) is list else [None] * len(beside)
    besides = chain(beside, repeat(None)) if type(beside) is list else repeat(None)
    pairs = zip(values, besides, strict=False)
    return [one for value, aside in pairs if (one := _one(kind, value, aside)) is not None]


def resource(value: dict) -> Element:
    """Return a resource as an Element of its own type; an unknown type is a bare Resource."""
    name = value.get("resourceType")
    type_ = fhir_type(name) if isinstance(name, str) else None
    return Element(type_ or known_type("Resource"), value)


def system_value(kind: str, value: Any, offset: int = 0) -> Any:
    """Return a JSON primitive as the System type ``kind``, or None where it is not one."""
    if kind in _PLAIN:
        return value if type(value) is _PLAIN[kind] else None
    if kind == "System.Decimal":
        return _decimal(value)
    if type(value) is not str:
        return None
    if kind == "System.DateTime":
        return read_datetime(value, offset)
    return read_date(value) if kind == "System.Date" else read_time(value)


_PLAIN = {"System.String": str, "System.Boolean": bool, "System.Integer": int}


def _decimal(value: Any) -> Decimal | None:
    if type(value) is bool or not isinstance(value, int | float | Decimal):
        return None
    try:
        return to_scale(Decimal(str(value)))
    except InvalidOperation:
        return None


@cache
def _rows() -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = json.loads(Path(__file__).with_name("fhir_model.json").read_text(encoding="utf-8"))
    return rows


@cache
def fhir_type(name: str) -> Type | None:
    """Return the type of this name (``Observation``, ``Observation.Component``), or None."""
    row = _rows().get(name)
    if row is None:
        return None
    base_name, code_path, elements = row
    base = fhir_type(base_name)
    properties = dict(base.properties) if base else {}
    own = {element: _property(element, spelt) for element, spelt in elements.items()}
    properties |= {key: named for one in own.values() for key, named in _by_key(one)} | own
    value = properties.get("value")
    system = value.keys[0][2] if value and value.keys[0][2].startswith("System.") else ""
    bases = frozenset((name, *(base.bases if base else ())))
    path = code_path or (base.code_path if base else "")
    return Type(name, bases, path, properties, system, is_resource="Resource" in bases)


def known_type(name: str) -> Type:
    """Return the type of this name; KeyError where FHIR R4 has none."""
    found = fhir_type(name)
    if found is None:
        raise KeyError(name)
    return found


def _property(name: str, spelt: str) -> Property:
    kinds = spelt.removeprefix("*").split("|")
    if len(kinds) == 1:
        return Property(name, ((name, f"_{name}", kinds[0]),), spelt.startswith("*"))
    keys = tuple((key, f"_{key}", kind) for kind in kinds for key in (_key(name, kind),))
    return Property(name, keys, many=False)


def _by_key(choice: Property) -> Iterator[tuple[str, Property]]:
    """Yield a choice's kinds by the names that JSON gives them: a model info may say ``codeCodeableConcept``."""
    if len(choice.keys) > 1:
        for key, beside, kind in choice.keys:
            yield key, Property(key, ((key, beside, kind),), many=False)


def _key(name: str, kind: str) -> str:
    """Return the JSON key of a choice; a profile of Quantity is written as a Quantity."""
    written = kind if kind not in ("SimpleQuantity", "MoneyQuantity") else "Quantity"
    return f"{name}{written[0].upper()}{written[1:]}"
