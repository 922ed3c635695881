"""What is left of a StructureDefinition's snapshot without its prose?

The flat list of ElementDefinitions becomes a tree: children under their parent, slices under the element that
they slice, re-slices (``name/part``) under their slice. Canonicals become keys by ``resolve``, invariants the
names of the Python functions that stand for them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_r4.resource import as_dict, as_list, dicts, text_of, whole_number_of

_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_SYSTEM = "http://hl7.org/fhirpath/System."


class SnapshotError(ValueError):
    """A definition that cannot be compiled; the message names it and says why."""


@dataclass
class Draft:
    """An ElementDefinition with its place in the tree."""

    definition: dict
    children: dict[str, "Draft"] = field(default_factory=dict)
    slices: dict[str, "Draft"] = field(default_factory=dict)


@dataclass(frozen=True)
class Names:
    """How the names in one definition are looked up: canonicals of profiles and value sets, and invariants."""

    profile: Callable[[str], str]
    codes: Callable[[str], str | None]
    invariant: Callable[[str, str], str | None]


def tree(definition: dict) -> Draft:
    """Return the snapshot of ``definition`` as a tree.

    Raises:
        SnapshotError: it has none, an element stands before its parent, or says what no element can say.
    """
    elements = dicts(as_dict(definition.get("snapshot")).get("element"))
    if not elements:
        raise SnapshotError(f"{definition.get('url')} has no snapshot")
    stack: list[Draft] = []
    for element in elements:
        path = text_of(element.get("path")) or ""
        depth = path.count(".")
        if depth > len(stack) or (depth == 0) != (not stack):
            raise SnapshotError(f"{definition.get('url')}: {element.get('id')} stands before its parent")
        if (wrong := _misshapen(element)) is not None:
            raise SnapshotError(f"{definition.get('url')}: {element.get('id')} has a {wrong} that is none")
        del stack[depth:]
        draft = Draft(element)
        if stack:
            _hang(draft, stack[-1], path.rpartition(".")[2])
        stack.append(draft)
    return stack[0]


def _are_objects(said: Any) -> bool:
    return isinstance(said, list) and all(isinstance(one, dict) for one in said)


_SHAPES: Mapping[str, Callable[[Any], bool]] = {  # what an element says -> does it make sense?
    "path": lambda said: text_of(said) is not None,
    "min": lambda said: type(said) is int and said >= 0,
    "max": lambda said: said == "*" or whole_number_of(said) is not None,
    "maxLength": lambda said: type(said) is int and said >= 0,
    "sliceName": lambda said: text_of(said) is not None,
    "contentReference": lambda said: text_of(said) is not None,
    "type": lambda said: _are_objects(said) and all(map(_is_type, said)),
    "constraint": _are_objects,
    "binding": lambda said: isinstance(said, dict),
    "slicing": lambda said: isinstance(said, dict) and _are_discriminators(said.get("discriminator", [])),
}


def _misshapen(element: dict) -> str | None:
    return next((name for name, fits in _SHAPES.items() if name in element and not fits(element[name])), None)


def _is_type(one: dict) -> bool:
    named = [*as_list(one.get("profile", [])), *as_list(one.get("targetProfile", []))]
    return text_of(one.get("code")) is not None and all(text_of(canonical) for canonical in named)


def _are_discriminators(said: Any) -> bool:
    return _are_objects(said) and all(text_of(one.get("type")) and text_of(one.get("path")) for one in said)


def _hang(draft: Draft, parent: Draft, name: str) -> None:
    sliced = parent.children.get(name)
    slice_name = text_of(draft.definition.get("sliceName"))
    if sliced is None or slice_name is None:
        parent.children[name] = draft
        return
    first, *rest = slice_name.split("/")
    while rest and first in sliced.slices:
        sliced, first, rest = sliced.slices[first], rest[0], rest[1:]
    sliced.slices["/".join([first, *rest])] = draft


def node(draft: Draft, names: Names, number: Callable[[Draft], int]) -> dict:
    """Return one line of facts; ``number`` gives the line of each child and slice."""
    element = draft.definition
    base_high = as_dict(element.get("base")).get("max", element.get("max", "1"))
    facts = {
        "low": element.get("min") or None,
        "high": whole_number_of(element.get("max")),
        "many": base_high != "1" or None,
        "types": [_type(t, element, names) for t in dicts(element.get("type"))],
        "fixed": _choice(element, "fixed"),
        "pattern": _choice(element, "pattern"),
        "bindings": list(_bindings(element, names)),
        "invariants": sorted({n for c in dicts(element.get("constraint")) if (n := _invariant(c, names))}),
        "same_as": (text_of(element.get("contentReference")) or "").rpartition("#")[2] or None,
        "longest": element.get("maxLength"),
        "least": _choice(element, "minValue"),
        "most": _choice(element, "maxValue"),
        "slicing": _slicing(draft),
        "children": {name: number(child) for name, child in draft.children.items()},
        "slices": {name: number(child) for name, child in draft.slices.items()},
    }
    return {key: value for key, value in facts.items() if value not in (None, [], {})}


def _choice(element: dict, stem: str) -> Any:
    return next((v for k, v in element.items() if k.startswith(stem) and k[len(stem) : len(stem) + 1].isupper()), None)


def _type(one: dict, element: dict, names: Names) -> list:
    code = text_of(one.get("code")) or ""
    if code.startswith(_SYSTEM):
        code = _primitive(one, element, code)
    profiles = [names.profile(p) for p in as_list(one.get("profile"))]
    targets = [names.profile(p) for p in as_list(one.get("targetProfile"))]
    return [code, profiles, targets]


def _primitive(one: dict, element: dict, code: str) -> str:
    path = element.get("path", "")
    if as_dict(element.get("base")).get("path") == "Resource.id":
        return "id"
    if path.endswith(".url"):
        return "uri"
    said = next((text_of(x.get("valueUrl")) for x in dicts(one.get("extension")) if x.get("url") == _FHIR_TYPE), None)
    return said or {"Boolean": "boolean", "Integer": "integer", "Decimal": "decimal"}.get(
        code[len(_SYSTEM) :], "string"
    )


def _bindings(element: dict, names: Names) -> Iterable[list[str]]:
    binding = as_dict(element.get("binding"))
    canonical, strength = text_of(binding.get("valueSet")), binding.get("strength")
    if canonical and strength in ("required", "extensible"):
        key = names.codes(canonical)
        if key or strength == "required":
            yield [strength, key or ""]
    for extension in dicts(binding.get("extension")):
        ceiling = text_of(extension.get("valueCanonical")) or text_of(extension.get("valueUri"))
        if extension.get("url") == _MAX_VALUE_SET and ceiling and (key := names.codes(ceiling)):
            yield ["required", key]


def _invariant(constraint: dict, names: Names) -> str | None:
    return names.invariant(text_of(constraint.get("key")) or "", text_of(constraint.get("expression")) or "")


def _slicing(draft: Draft) -> list | None:
    slicing = as_dict(draft.definition.get("slicing"))
    if not slicing and not draft.slices:
        return None
    by = [[d.get("type", ""), d.get("path", "")] for d in dicts(slicing.get("discriminator"))]
    if not by and draft.definition.get("path", "").rpartition(".")[2] in ("extension", "modifierExtension"):
        by = [["value", "url"]]
    rules = slicing.get("rules", "open")
    return [by, rules == "closed", slicing.get("ordered") is True, rules == "openAtEnd"]
