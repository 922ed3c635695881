"""Is a value of the type that ELM names, and what does ELM say of a type before anything runs?

Source: ELM 1.5, "Type Specifiers", Is, As.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cql.errors import Unsupported
from cql.fhir_model import URI, Element, fhir_type
from cql.temporal import Date, DateTime, Time
from cql.types import Code, CodeSystem, Concept, Interval, Long, Quantity, Ratio, Tuple, ValueSet

SYSTEM = "{urn:hl7-org:elm-types:r1}"
Test = Callable[[Any], bool]

CLASSES: dict[str, type | tuple[type, ...]] = {
    "Boolean": bool, "Integer": int, "Long": Long, "Decimal": Decimal, "String": str, "Date": Date,
    "DateTime": DateTime, "Time": Time, "Quantity": Quantity, "Ratio": Ratio, "Code": Code, "Concept": Concept,
    "ValueSet": ValueSet, "CodeSystem": CodeSystem, "Vocabulary": (ValueSet, CodeSystem),
}  # fmt: skip


def is_named(name: str) -> Test:
    """Return the test of a named type, ``{urn:hl7-org:elm-types:r1}Integer`` or ``{http://hl7.org/fhir}Patient``."""
    local = name.rpartition("}")[2]
    if name.startswith(URI):
        if fhir_type(local) is None:
            raise Unsupported(f"FHIR R4 has no type {local}", "a FHIR R4 type")
        return lambda value: type(value) is Element and local in value.type.bases
    if local == "Any":
        return lambda _value: True
    found = CLASSES.get(local)
    if found is None or not name.startswith(SYSTEM):
        raise Unsupported(f"the type {name} is not known", "a System type or a FHIR R4 type")
    classes = found if isinstance(found, tuple) else (found,)
    return lambda value: type(value) in classes


def is_specified(specifier: Any) -> Test:
    """Return the test of a type specifier; a null among members fits every type."""
    match specifier.get("type") if isinstance(specifier, dict) else None:
        case "NamedTypeSpecifier":
            return is_named(str(specifier.get("name")))
        case "ListTypeSpecifier":
            member = is_specified(specifier.get("elementType"))
            return lambda value: type(value) is list and all(one is None or member(one) for one in value)
        case "IntervalTypeSpecifier":
            point = is_specified(specifier.get("pointType"))
            return lambda value: (
                type(value) is Interval and all(bound is None or point(bound) for bound in (value.low, value.high))
            )
        case "TupleTypeSpecifier":
            names = {one["name"] for one in specifier.get("element", ())}
            return lambda value: type(value) is Tuple and value.keys() <= names
        case "ChoiceTypeSpecifier":
            choices = [is_specified(one) for one in specifier.get("choice", specifier.get("type", ()))]
            return lambda value: any(holds(value) for holds in choices)
    raise Unsupported("a type specifier is not known", "a named, list, interval, tuple or choice type")


def spelt(specifier: Any) -> str:
    """Name a specifier as CQL writes it, for messages and for choosing overloads."""
    match (specifier or {}).get("type"):
        case "NamedTypeSpecifier":
            return str(specifier["name"])
        case "ListTypeSpecifier":
            return f"List<{spelt(specifier.get('elementType'))}>"
        case "IntervalTypeSpecifier":
            return f"Interval<{spelt(specifier.get('pointType'))}>"
        case "ChoiceTypeSpecifier":
            return f"Choice<{','.join(sorted(map(spelt, specifier.get('choice', ()))))}>"
        case "TupleTypeSpecifier":
            names = sorted(f"{one['name']} {spelt(one.get('elementType'))}" for one in specifier.get("element", ()))
            return f"Tuple{{{','.join(names)}}}"
    return "Any"


def static_type(node: Any) -> type | None:
    """Return the Python type that a cast gives to a null, or None where the node is no cast to a System type."""
    if not isinstance(node, dict) or node.get("type") != "As":
        return None
    name = str(node.get("asType") or (node.get("asTypeSpecifier") or {}).get("name", "")).rpartition("}")[2]
    found = CLASSES.get(name)
    return found if isinstance(found, type) else None


def static_point(node: dict) -> type | None:
    """Return the point type of a cast to an interval."""
    specifier = node.get("asTypeSpecifier") or {}
    return static_type({"type": "As", "asTypeSpecifier": specifier.get("pointType")})


def is_list(node: dict) -> bool:
    specifier = node.get("asTypeSpecifier") or node.get("resultTypeSpecifier") or {}
    return node.get("type") in ("List", "Query", "Retrieve") or specifier.get("type") == "ListTypeSpecifier"


def is_interval(node: dict) -> bool:
    return (node.get("asTypeSpecifier") or {}).get("type") == "IntervalTypeSpecifier"
