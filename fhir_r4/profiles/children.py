"""Does an object have the properties that its element asks for, and no others?"""

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from fhir_r4.profiles.elements import Element, Type
from fhir_r4.profiles.findings import times
from fhir_r4.profiles.scope import Here
from fhir_r4.profiles.slices import Entry
from fhir_r4.resource import as_dict, as_list, text_of

if TYPE_CHECKING:
    from fhir_r4.profiles.walk import Walk

_EXTENSIONS = ("extension", "modifierExtension")


class Children:
    """The properties of the objects of one check."""

    def __init__(self, walk: "Walk") -> None:
        self._walk = walk
        self._findings = walk.findings

    def check(self, value: dict, element: Element, path: str, here: Here, *, whole: bool = True) -> None:
        """Check the properties of an object against the children of an element.

        ``whole``: the children are all there are. Those of an element of a datatype may be the constrained ones
        only; the datatype's own definition is checked beside them.
        """
        self._findings.spend(path)
        present = self._present(value, element, path, here, whole=whole)
        for name, spellings in present.items():
            if len(spellings) > 1:
                self._findings.say("structure", f"one {name}, not several", f"{path}.{name.removesuffix('[x]')}")
            for spelling, type_ in spellings.items():
                self._child(value, spelling, name, element.children[name], type_, path, here)
        for name, child in element.needed.items():
            if name not in present:
                self._missing(child, path, name)

    def _present(
        self, value: dict, element: Element, path: str, here: Here, *, whole: bool
    ) -> dict[str, dict[str, Type | None]]:
        """Return which children an object has, each with its spellings in JSON; say which properties are none."""
        present: dict[str, dict[str, Type | None]] = {}
        for key in value:
            known = element.properties.get(key)
            if known is not None:
                present.setdefault(known[0], {})[key.removeprefix("_")] = known[1]
            elif key == "resourceType" and here.spot.above is None:
                continue
            elif (name := self._other_choice(key, element, path)) is not None:
                present.setdefault(name, {})
            elif whole:
                self._findings.say("structure", "no such element", f"{path}.{shown(key)}")
        return present

    def _other_choice(self, key: str, element: Element, path: str) -> str | None:
        """Return the choice of which ``key`` is a spelling with a type that the element does not take."""
        plain = key.removeprefix("_")
        for name, child in element.children.items():
            stem = name.removesuffix("[x]")
            code = plain.removeprefix(stem)
            if stem == name or code == plain or not code[:1].isupper():
                continue
            if self._walk.definitions.type(code) or self._walk.definitions.type(code[0].lower() + code[1:]):
                types = " or ".join(t.code for t in child.types) or "none"
                self._findings.say("structure", f"{name} of the type {types}", f"{path}.{stem}.ofType({code})")
                return name
        return None

    def _missing(self, child: Element, path: str, name: str) -> None:
        at = f"{path}.{name.removesuffix('[x]')}"
        if child.low:
            self._findings.say("required", times(child.low, child.high), at)
            return
        for slice_name, slice_ in child.slices.items():
            if slice_.low and self._walk.slicer.decides(child, slice_):
                said = f"{times(slice_.low, slice_.high)} of the slice {slice_name}"
                self._findings.say("required", said, at)

    def _child(
        self, holder: dict, spelling: str, name: str, element: Element, type_: Type | None, path: str, here: Here
    ) -> None:
        """Check all that stands under one property and its ``_`` sibling."""
        if self._is_in_order(holder, spelling, name, element, type_, path, here):
            return
        code = type_.code if type_ else "Element"
        at = f"{path}.{name[:-3]}.ofType({code})" if name.endswith("[x]") else f"{path}.{name}"
        entries = self._entries(holder, spelling, element, type_, at)
        if not entries:
            return
        if len(entries) < element.low:
            self._findings.say("required", times(element.low, element.high), at)
        elif element.high is not None and len(entries) > element.high:
            self._findings.say("structure", times(element.low, element.high), at)
        inner = here.below(name.removesuffix("[x]"), code)
        suspect = self._suspect(holder, spelling, element, entries)
        if name == "extension":  # the schema may let those pass that no slice names
            named = self._walk.slicer.urls_of(element)
            suspect = suspect | {one.path for one in entries if text_of(as_dict(one.value).get("url")) not in named}
        for entry in entries:
            self._walk.values.check(entry, element, inner, accepted=entry.path not in suspect)
        sliced = self._walk.slices.check(element, entries, inner, suspect)
        if name in _EXTENSIONS:
            knows = bool(element.slices) or here.spot.code != "Extension"
            self._walk.slices.extensions(holder, name, entries, sliced if knows else None, here.spot)

    def _is_in_order(
        self, holder: dict, spelling: str, name: str, element: Element, type_: Type | None, path: str, here: Here
    ) -> bool:
        """Tell whether the schema accepts all under a property, and looking it over finds nothing either."""
        keys = self._walk.suspects.inside(holder)
        if keys is None or spelling in keys or f"_{spelling}" in keys:
            return False
        look = self._walk.watches.property(name, element, type_, here.root)
        return look is None or look(holder[spelling], self._walk, path, here.scope)

    def _suspect(self, holder: dict, spelling: str, element: Element, entries: list[Entry]) -> AbstractSet[str]:
        """Return the paths of the entries of a property that its schema refused, or never saw."""
        keys = self._walk.suspects.inside(holder)
        if keys is not None and f"_{spelling}" not in keys:
            if spelling not in keys:
                return frozenset()
            places = self._walk.suspects.inside(holder.get(spelling)) if element.many else None
            if places is not None:
                at = entries[0].path.rpartition("[")[0]
                return {f"{at}[{place}]" for place in places}
        return {one.path for one in entries}

    def _entries(self, holder: dict, spelling: str, element: Element, type_: Type | None, at: str) -> list[Entry]:
        """Return the values of a property with their siblings; none after saying what is wrong with their list."""
        value, sibling, said = holder.get(spelling), holder.get(f"_{spelling}"), spelling in holder
        if sibling is None and f"_{spelling}" in holder:
            self._findings.say("structure", "an object with an underscore before its name, not null", at)
        if element.many:
            return self._listed(value, sibling, type_, at, said=said)
        if isinstance(value, list) or isinstance(sibling, list):
            self._findings.say("structure", "a single value, not a list", at)
        elif value is None and (said or sibling is None):
            self._findings.say("structure", "a value, not null", at)
        else:
            return [Entry(value, sibling, type_, at)]
        return []

    def _listed(self, value: Any, sibling: Any, type_: Type | None, at: str, *, said: bool) -> list[Entry]:
        if not isinstance(value if said else sibling, list):
            self._findings.say("structure", "a list", at)
            return []
        values, siblings = as_list(value), as_list(sibling)
        if not values and not siblings:
            self._findings.say("structure", "a list of at least one; leave out what is empty", at)
        if values and siblings and len(values) != len(siblings):
            self._findings.say("structure", "as many values as siblings with an underscore", at)
        found = []
        for place in range(max(len(values), len(siblings))):
            one = values[place] if place < len(values) else None
            other = siblings[place] if place < len(siblings) else None
            if one is None and other is None:
                self._findings.say("structure", "a value, not null", f"{at}[{place}]")
            else:
                found.append(Entry(one, other, type_, f"{at}[{place}]"))
        return found


def shown(key: str) -> str:
    """Return a property's name as a path may show it.

    >>> shown("colour"), shown("not a name")
    ('colour', '?')
    """
    return key if key.isidentifier() and len(key) <= 64 else "?"
