"""Which JSON Schema accepts what keeps to a profile?

The schema (2020-12) is a sufficient condition, for speed: what it accepts needs no closer look at structure,
values, slices and codes. What is rare in practice it refuses, and the walk judges: element ids, ``_`` siblings,
contained resources, extensions of datatypes that the profile does not name, slices that are told apart by a
reference's target. Resources inside a resource, references, most invariants, what is recommended only (extensible value
sets), and the extensions of resources and their parts that no profile names are looked at in any case (see ``watch``).
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from fhir_r4.profiles.elements import BINDABLE, PRIMITIVES, Element, Type, spellings
from fhir_r4.profiles.facts import Definitions, Profile
from fhir_r4.profiles.keywords import Schema, all_of, any_of, child_is, coding_of, pinned, shape, with_content
from fhir_r4.profiles.shared import Shared
from fhir_r4.profiles.slices import Slicer, Step, steps
from fhir_r4.profiles.stated import Stated

_BACKBONE = frozenset({"BackboneElement", "Element"})
_MANY_TYPES = 12  # a choice among more (Task.input.value) is written for the common types only
_COMMON = PRIMITIVES | {"CodeableConcept", "Coding", "Identifier", "Period", "Quantity", "Reference"}
_EXTENSIONS = ("extension", "modifierExtension")
_SOME_EXTENSION = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}  # the walk's
_SOME_EXTENSIONS = {"type": "array", "minItems": 1, "items": _SOME_EXTENSION}
_RESOURCES = frozenset({"Resource", "DomainResource"})


class Schemas:
    """Builds the schema of one profile.

    ``displaced``: URLs of extensions that profiles slice into places which their contexts do not allow; those are
    refused, so that the walk judges the place.
    """

    def __init__(
        self, definitions: Definitions, slicer: Slicer, stated: Stated, displaced: AbstractSet[str] = frozenset()
    ) -> None:
        self._definitions = definitions
        self._stated = stated
        self._slicer = slicer
        self._displaced = displaced
        self._shared = Shared()

    def of(self, profile: Profile) -> dict:
        """Return the schema of a resource's profile, or of an extension's."""
        return self._shared.document(lambda: self._of_profile(profile))

    def together(self, profiles: Iterable[Profile]) -> dict:
        """Return one schema for several profiles, which share what is said of types: ``{key: value}`` is held to it."""
        return self._shared.document(lambda: {"properties": {one.key: self._of_profile(one) for one in profiles}})

    def _of_profile(self, profile: Profile) -> dict:
        root = self._definitions.root(profile)
        if profile.kind != "resource":
            return {"allOf": [self._of_type(profile)]}
        return self._whole(root, root, resource=profile.type, open_=True) | pinned(root)

    def _whole(self, element: Element, root: Element, *, resource: str = "", open_: bool = False) -> dict:
        """Return the schema of an object with what is stated of it as a whole."""
        schema = self._object(element, root, resource=resource, open_=open_)
        whole: dict = all_of([schema, *self._stated.schemas(element, element)])
        return whole

    # --- objects ---------------------------------------------------------------------------------------------

    def _object(
        self,
        element: Element,
        root: Element,
        *,
        resource: str = "",
        whole: bool = True,
        loose: bool = False,
        open_: bool = False,
    ) -> dict:
        """Return the schema of an object with the children of ``element``.

        ``whole``: these are all there are. ``loose``: its own extensions are judged elsewhere (by a slice).
        ``open_``: extensions that it does not name pass, and are looked at by themselves.
        """
        schema: dict[str, Any] = {"type": "object", "properties": {}, "minProperties": 1, "required": []}
        if whole:
            schema["additionalProperties"] = False
        if resource and resource not in _RESOURCES:
            schema["properties"]["resourceType"] = {"const": resource}
            schema["required"].append("resourceType")
        for name, child in element.children.items():
            if name in _EXTENSIONS and not child.slices and child.high != 0 and (loose or open_):
                schema["properties"][name] = _SOME_EXTENSIONS if name == "extension" else loose
            elif name != "contained" and (name != "id" or resource):
                self._add(schema, name, child, root, open_=open_ and name == "extension")
        return schema

    def _add(self, schema: dict, name: str, child: Element, root: Element, *, open_: bool) -> None:
        """Add a child to the schema of its object: each spelling, whether it must be there, and only one of them."""
        few = len(child.types) <= _MANY_TYPES
        spelt = [(s, t) for s, t in spellings(name, child) if few or (t is not None and t.code in _COMMON)]
        found = {s: self._property(name, child, t, root, open_=open_) for s, t in spelt}
        found = {spelling: value for spelling, value in found.items() if value is not False}
        schema["properties"] |= found
        if child.low and len(found) == 1:
            schema["required"] += found
        elif child.low or len(found) > 1:
            there = [{"required": [spelling]} for spelling in found]
            one: Schema = {"oneOf": there} if there else False
            schema.setdefault("allOf", []).append(one if child.low else {"if": {"anyOf": there}, "then": one})

    def _property(self, name: str, child: Element, type_: Type | None, root: Element, *, open_: bool) -> Schema:
        if child.high == 0 or (name in _EXTENSIONS and not child.slices):
            return False
        value = self._value(child, type_, root)
        if value is False:
            return False
        if not child.many:
            return self._choice_slices(child, type_, value, root)
        schema: dict[str, Any] = {"type": "array", "minItems": max(child.low, 1)}
        if child.high is not None:
            schema["maxItems"] = child.high
        if not child.slices:
            return schema | {"items": value}
        return self._sliced(name, child, type_, value, schema, root, open_=open_)

    # --- values ----------------------------------------------------------------------------------------------

    def _value(self, element: Element, type_: Type | None, root: Element, *, loose: bool = False) -> Schema:
        code = type_.code if type_ else ""
        if code in PRIMITIVES:
            return self._primitive(element, code)
        if code in _RESOURCES or self._is_resource(code):
            return {"type": "object", "required": ["resourceType"]}
        parts = [part for part in (self._structure(element, code, root, loose=loose), pinned(element)) if part]
        parts += self._stated.schemas(element, self._stated.holder(element, type_, root))
        parts += [self._bound(b.codes, code) for b in element.bindings if b.codes and b.strength == "required"]
        return all_of(parts)

    def _structure(self, element: Element, code: str, root: Element, *, loose: bool) -> Schema:
        if element.same_as:
            path = element.same_as
            return self._shared.ref(f"{id(root)}#{path}", lambda: self._whole(root.at(path), root, open_=True))
        if code in _BACKBONE or (not code and element.children):
            return self._object(element, root, loose=loose, open_=True) if element.children else {"type": "object"}
        profiles = [
            p for t in element.types if t.code == code for key in t.profiles if (p := self._definitions.profile(key))
        ]
        base = self._definitions.type(code)
        if base is None:
            return False
        if code == "Extension" and not profiles:
            return with_content(self._object(element, root)) if element.children else False
        plain = self._definitions.root(base)
        if not profiles and plain.children.keys() <= element.children.keys():
            return all_of([self._object(element, root, loose=loose), *self._stated.schemas(plain, plain)])
        parts: list[Schema] = [any_of([self._ref(profile) for profile in profiles or [base]])]
        if profiles:
            parts += self._stated.schemas(plain, plain)
        if element.children:
            parts.append(self._object(element, root, whole=False))
        return all_of(parts)

    def _ref(self, profile: Profile) -> Schema:
        return self._shared.ref(profile.key, lambda: self._of_type(profile))

    def _of_type(self, profile: Profile) -> Schema:
        root = self._definitions.root(profile)
        schema = self._object(root, root)
        schema = with_content(schema) if profile.type == "Extension" else schema
        return all_of([schema, *self._stated.schemas(root, root)])

    def _is_resource(self, code: str) -> bool:
        type_ = self._definitions.type(code)
        return type_ is not None and type_.kind == "resource"

    def _primitive(self, element: Element, code: str) -> Schema:
        if any(
            child.low or any(s.low for s in child.slices.values())
            for child in element.children.values()
            if child.types and child.types[0].code == "Extension"
        ):
            return False  # needs its sibling
        schema = shape(code) | pinned(element)
        if element.longest is not None:
            schema["maxLength"] = element.longest
        for bound, keyword in ((element.least, "minimum"), (element.most, "maximum")):
            if isinstance(bound, int | float):
                schema[keyword] = bound
        return all_of([schema, *(self._bound(b.codes, code) for b in element.bindings if b.codes)])

    # --- codes -----------------------------------------------------------------------------------------------

    def _bound(self, codes: str, code: str) -> Schema:
        if code not in BINDABLE:
            return True
        systems = self._definitions.codes(codes)
        if code in PRIMITIVES:
            if any(listed is None for listed in systems.values()):
                return True
            return {"enum": sorted({one for listed in systems.values() for one in listed or ()})}
        coding = self._shared.ref(
            codes, lambda: any_of([coding_of(system, listed) for system, listed in systems.items()])
        )
        if code != "CodeableConcept":
            return coding
        return {"properties": {"coding": {"contains": coding}}, "required": ["coding"]}

    # --- slices ----------------------------------------------------------------------------------------------

    def _sliced(
        self, name: str, child: Element, type_: Type | None, value: Schema, schema: dict, root: Element, *, open_: bool
    ) -> Schema:
        if child.slicing is None or child.slicing.ordered or any(slice_.slices for slice_ in child.slices.values()):
            return False
        extension = name in _EXTENSIONS
        rest: Schema = value if not (child.slicing.closed or extension) else False
        rest = _SOME_EXTENSION if open_ and not child.slicing.closed else rest
        loose = True if extension else self._value(child, type_, root, loose=True)
        least: list[Schema] = []
        most: list[tuple[int, Schema]] = []
        for slice_ in reversed(child.slices.values()):
            if not self._slicer.decides(child, slice_):
                continue
            marked = self._mark(child, slice_)
            if marked is None:
                return False
            own = next((t for t in slice_.types if type_ and t.code == type_.code), type_)
            taken = slice_.high != 0 and not (extension and self._slicer.url_of(slice_) in self._displaced)
            inside = self._value(slice_, own, root) if taken else False
            rest = {"if": marked, "then": all_of([loose, inside]), "else": rest}
            if slice_.low:
                least.append({"contains": marked, "minContains": slice_.low})
            if slice_.high:
                most.append((slice_.high, {"contains": marked, "minContains": 0, "maxContains": slice_.high}))
        if most:  # a list that is shorter than any limit needs no counting
            enough = min(high for high, _ in most) + 1
            schema |= {"if": {"minItems": enough}, "then": {"allOf": [count for _, count in most]}}
        return schema | {"items": rest} | ({"allOf": least} if least else {})

    def _choice_slices(self, child: Element, type_: Type | None, value: Schema, root: Element) -> Schema:
        """Add what the slices of a choice, or of a single element, say of this type."""
        if not child.slices:
            return value
        if child.slicing is None or any(by != ("type", "$this") for by in child.slicing.by):
            return False
        code = type_.code if type_ else ""
        own = [s for s in child.slices.values() if code in {t.code for t in s.types}]
        if any(s.low for s in child.slices.values() if s not in own) or (child.slicing.closed and not own):
            return False
        return all_of([value, *(self._value(s, next(t for t in s.types if t.code == code), root) for s in own[:1])])

    def _mark(self, child: Element, slice_: Element) -> Schema | None:
        """Return what an entry looks like that belongs to ``slice_``; None where no schema can say."""
        parts: list[Schema] = []
        marked = False
        for kind, path in child.slicing.by if child.slicing else ():
            way = steps(path)
            said = list(self._slicer.said(slice_, way))
            if kind not in ("value", "pattern") or any(step.kind == "resolve" for step in way) or not said:
                if kind == "type" and [step.name for step in way] == ["resource"]:
                    codes = sorted({t.code for element in said for t in element.types})
                    typed = {"properties": {"resourceType": {"enum": codes}}}
                    parts.append({"properties": {"resource": typed}, "required": ["resource"]})
                    marked = True
                    continue
                return None
            if not self._slicer.marks(said[0]):  # some value there: good enough beside a discriminator that marks
                parts.append(self._at(way, True))
                continue
            kept = self._kept(said[0])
            if kept is None:
                return None
            parts.append(self._at(way, kept))
            marked = True
        return all_of(parts) if marked else None

    def _at(self, way: Iterable[Step], schema: Schema) -> Schema:
        for step in reversed([step for step in way if step.kind != "type"]):
            if step.kind == "extension":
                schema = {
                    "properties": {
                        "extension": {"contains": all_of([{"properties": {"url": {"const": step.name}}}, schema])}
                    },
                    "required": ["extension"],
                }
            else:
                schema = child_is(step.name, schema)
        return schema

    def _kept(self, element: Element) -> Schema | None:
        """Write ``Slicer.keeps`` as a schema."""
        if element.fixed is not None or element.pattern is not None:
            return pinned(element)
        bound = [b for b in element.bindings if b.strength == "required"]
        if bound:
            code = element.types[0].code if element.types else ""
            return all_of([self._bound(b.codes, code) for b in bound])
        below = [(name, child) for name, child in element.children.items() if self._slicer.pins(child)]
        kept = [(name.removesuffix("[x]"), self._kept(child)) for name, child in below]
        if not kept or any(schema is None for _, schema in kept):
            return None
        return all_of([child_is(name, schema) for name, schema in kept])
