"""Is a value what its element asks for?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fhir_r4.problems import Issue
from fhir_r4.profiles import primitives
from fhir_r4.profiles.elements import BINDABLE, CODED, PRIMITIVES, Element, Type
from fhir_r4.profiles.facts import Profile
from fhir_r4.profiles.findings import errors, has_error
from fhir_r4.profiles.scope import Here, Scope, Spot
from fhir_r4.profiles.slices import Entry, contains, same
from fhir_r4.profiles.suspects import EVERYTHING
from fhir_r4.profiles.targets import ANY_RESOURCE

if TYPE_CHECKING:
    from fhir_r4.profiles.walk import Walk

_BACKBONE = frozenset({"BackboneElement", "Element"})


class Values:
    """The values of one check."""

    def __init__(self, walk: "Walk") -> None:
        self._walk = walk
        self._findings = walk.findings

    def check(self, entry: Entry, element: Element, here: Here, *, accepted: bool) -> None:
        """Check one value against one element, that of a slice included.

        ``accepted``: the schema has nothing against it, so that a look for what a schema cannot say may be enough.
        """
        if accepted:
            watch = self._walk.watches.element(element, _own_type(element, entry), here.root)
            if watch.look(entry.value, self._walk, entry.path, here.scope):
                return
            self._walk.suspects.accept(entry.value)
        self._findings.spend(entry.path)
        if self._is_shaped(entry, element, here):
            self._pinned(entry, element)

    def _is_shaped(self, entry: Entry, element: Element, here: Here) -> bool:
        """Check a value by its type; tell whether it is worth comparing with what the element pins down."""
        code = entry.type.code if entry.type else ""
        if code in PRIMITIVES:
            self._primitive(entry, code, element, here)
            return True
        known = self._walk.definitions.type(code)
        if code in ANY_RESOURCE or (known is not None and known.kind == "resource"):
            self._walk.inside(entry.value, element, entry.path, here.scope)
            return False
        if isinstance(entry.value, dict):
            self._complex(entry, code, element, here)
            return True
        self._findings.say("structure", f"an object{f' ({code})' if code else ''}", entry.path)
        return False

    def _pinned(self, entry: Entry, element: Element) -> None:
        """Check a value against the fixed value, the pattern and the value sets of its element."""
        if element.fixed is not None and not same(entry.value, element.fixed):
            self._findings.say("value", "the value that the profile fixes", entry.path)
        elif element.pattern is not None and not contains(entry.value, element.pattern):
            self._findings.say("value", "the values of the profile's pattern", entry.path)
        for binding in element.bindings if entry.type and entry.type.code in BINDABLE else ():
            if binding.codes and entry.value is not None:
                self._walk.codes.binding(entry, binding.strength, binding.codes)

    def _primitive(self, entry: Entry, code: str, element: Element, here: Here) -> None:
        value, path = entry.value, entry.path
        if value is not None:
            if not primitives.is_shaped(code, value):
                self._findings.say("structure", primitives.expected(code), path)
                return
            if not primitives.is_valid(code, value):
                self._findings.say("value", primitives.expected(code), path)
                return
            self._bounds(value, element, path)
        if entry.sibling is not None:
            self._sibling(entry, element, here)
        elif element.children:
            self._walk.children.check({}, element, path, here)
        self._walk.rules(value, element, path, here.scope)

    def _sibling(self, entry: Entry, element: Element, here: Here) -> None:
        sibling, base = entry.sibling, self._walk.definitions.type("Element")
        if not isinstance(sibling, dict) or not sibling:
            self._findings.say("structure", "an object with an id or extensions", entry.path)
            return
        if entry.value is None and sibling.keys() <= {"id"}:
            self._findings.say("structure", "a value or extensions", entry.path)
        holder = self._walk.definitions.root(base) if base and not element.children else element
        self._walk.children.check(sibling, holder, entry.path, here)

    def _bounds(self, value: Any, element: Element, path: str) -> None:
        if element.longest is not None and isinstance(value, str) and len(value) > element.longest:
            self._findings.say("too-long", f"at most {element.longest} characters", path)
        if primitives.is_shaped("decimal", value):
            if isinstance(element.least, int | float) and value < element.least:
                self._findings.say("value", f"at least {element.least}", path)
            if isinstance(element.most, int | float) and value > element.most:
                self._findings.say("value", f"at most {element.most}", path)

    def _complex(self, entry: Entry, code: str, element: Element, here: Here) -> None:
        value, path, walk = entry.value, entry.path, self._walk
        if value.keys() <= {"id"}:
            self._findings.say("structure", "an object with content", path)
        if element.same_as:
            target = here.root.at(element.same_as)
            walk.children.check(value, target, path, Here(here.root, Spot(None, "", element.same_as), here.scope))
            walk.rules(value, target, path, here.scope)
            return
        if element.children:
            walk.children.check(value, element, path, here, whole=code in _BACKBONE)
        self._typed(entry, code, element, here)
        walk.rules(value, element, path, here.scope)
        if code == "Reference":
            walk.targets.reference(value, next((t for t in element.types if t.code == code), None), path, here.scope)
        elif code in CODED:
            walk.codes.coding(value, path)

    def _typed(self, entry: Entry, code: str, element: Element, here: Here) -> None:
        """Check a value against the definition of its type, or the type's profiles that the element names."""
        type_ = self._walk.definitions.type(code)
        if type_ is None or code in _BACKBONE:
            return
        named = [key for t in element.types if t.code == code for key in t.profiles]
        profiles = [p for key in named if (p := self._walk.definitions.profile(key))]
        by_schema = len(profiles) == 1 or (not profiles and code != "Extension")
        if code == "Extension" and not profiles and (p := self._walk.definitions.profile(str(entry.value.get("url")))):
            profiles = [p] if p.type == "Extension" else []
        verdicts = [
            self.under(entry.value, profile, entry.path, here, by_schema=by_schema) for profile in profiles or [type_]
        ]
        if len(verdicts) == 1 or all(map(has_error, verdicts)):
            self._findings.here.issues += min(verdicts, key=errors)
        if profiles or element.children:
            self._walk.rules(entry.value, self._walk.definitions.root(type_), entry.path, here.scope)

    def under(self, value: dict, profile: Profile, path: str, here: Here, *, by_schema: bool) -> list[Issue]:
        """Return the issues of a value of a datatype under one profile of it.

        ``by_schema``: the schema of the resource asks for this very profile here, so that what it says counts.
        """
        root = self._walk.definitions.root(profile)
        suspects = self._walk.suspects if by_schema else EVERYTHING
        with self._findings.apart() as found, self._walk.suspecting(suspects):
            if profile.type == "Extension" and ("extension" in value) == _has_value(value):
                self._findings.say("invariant", "ext-1: a value or extensions, not both", path)
            inside = Here(root, here.spot, here.scope)
            self._walk.children.check(value, root, path, inside)
            self._walk.rules(value, root, path, here.scope)
            self._walk.settle(value, path, inside)
        return found

    def keeps(self, value: Any, key: str, scope: Scope) -> bool:
        """Tell whether a value keeps to the profile ``key``; one that nobody knows, anything keeps to."""
        profile = self._walk.definitions.profile(key)
        if profile is None or not isinstance(value, dict):
            return profile is None
        if profile.kind == "resource":
            verdict = self._walk.judge(value, profile, "", scope) if profile.type == value.get("resourceType") else None
            return verdict is not None and not has_error(verdict)
        here = Here(self._walk.definitions.root(profile), Spot(None, "", profile.type), scope)
        return not has_error(self.under(value, profile, "", here, by_schema=False))


def _own_type(element: Element, entry: Entry) -> Type | None:
    """Return what ``element`` says of an entry's type: a slice may name fewer targets and profiles."""
    return next((t for t in element.types if entry.type and t.code == entry.type.code), entry.type)


def _has_value(extension: Mapping) -> bool:
    return any(key.removeprefix("_").startswith("value") for key in extension)
