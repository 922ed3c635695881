"""What must still be looked at in a resource that its schema accepts?

References, codings of systems that we know, invariants, and resources inside. A ``Watch`` stands for an element:
it knows the rules there and the properties that lead on, and looks at nothing else; everything else was settled by
the schema. What it finds in order needs no closer look; where it finds something, the walk says what.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fhir_r4.profiles.deviations import Deviations
from fhir_r4.profiles.elements import CODED, PRIMITIVES, Element, Type
from fhir_r4.profiles.facts import Definitions, Profile
from fhir_r4.profiles.invariants import rules_of
from fhir_r4.profiles.primitives import INTEGERS
from fhir_r4.profiles.rules import Holds
from fhir_r4.profiles.scope import Scope
from fhir_r4.profiles.slices import Asked, Entry, Slicer

if TYPE_CHECKING:
    from fhir_r4.profiles.walk import Walk

_BACKBONE = frozenset({"BackboneElement", "Element"})
_RESOURCES = frozenset({"Resource", "DomainResource"})
_FEW = 3  # properties to look for, where most objects have more that need no look
_NOWHERE = Asked(lambda _: None, lambda _value, _key: False)


Look = Callable[[Any, "Walk", str, Scope], bool]
"""(value, walk, path, scope) -> is all in order? The path matters where a resource is inside."""


@dataclass(eq=False)
class Watch:
    """One element.

    Attributes:
        rules: the invariants of the element and of its type, as they are checked here.
        reference: its type, where it is a Reference.
        resource: its element, where it is a resource of its own.
        below: JSON property -> what to look at there.
        slice_of: an entry of a list -> what its slice adds.
        settled: all of the above is known; not so yet where an element contains itself.
        coding: how to look at it, where it is a Coding, or a Quantity, which has a code of a system as well.
        codings: how to look at all codings of a concept at once, where only these matter.
        leads: there are resources below, so that paths matter.
        look: looks at a value; chosen by ``settle`` for what there is to look at.
    """

    rules: tuple[Holds, ...] = ()
    reference: Type | None = None
    coding: Look | None = None
    resource: Element | None = None
    below: dict[str, Look] = field(default_factory=dict)
    slice_of: "Callable[[Any], Watch | None] | None" = None
    leads: bool = False
    codings: Look | None = None
    settled: bool = False
    look: Look = field(init=False)

    def __post_init__(self) -> None:
        self.look = self._look

    @property
    def is_idle(self) -> bool:
        """There is nothing to look at but what slices add."""
        return not (self.rules or self.reference or self.coding or self.resource or self.below)

    def settle(self) -> None:
        """Choose how to look, now that all is known."""
        self.settled = True
        if self.resource is not None:
            self.look = self._look_inside
        elif not (self.reference or self.coding or self.below):
            self.look = self._look_at_one_rule if len(self.rules) == 1 else self._look_at_rules
        elif self.coding and not (self.rules or self.below):
            self.look = self.coding
        elif self.codings and not self.rules:
            self.look = self.codings
        elif self.below and not (self.rules or self.reference or self.coding):
            self.look = self._look_at_few if len(self.below) <= _FEW else self._look_below

    def _look(self, value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        if not self._look_at_rules(value, walk, path, scope):
            return False
        if self.coding is not None and not self.coding(value, walk, path, scope):
            return False
        sound = self.reference is None or walk.targets.is_sound(value, self.reference, scope)
        return sound and self._look_below(value, walk, path, scope)

    def _look_at_rules(self, value: Any, _walk: "Walk", _path: str, scope: Scope) -> bool:
        return all(holds(value, scope.resource) for holds in self.rules) if self.rules else True

    def _look_at_one_rule(self, value: Any, _walk: "Walk", _path: str, scope: Scope) -> bool:
        return self.rules[0](value, scope.resource)

    def _look_inside(self, value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        if self.resource is not None:
            walk.inside(value, self.resource, path, scope)
        return True

    def _look_at_few(self, value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        for key, look in self.below.items():  # noqa: SIM110 a loop is faster
            if key in value and not look(value[key], walk, path, scope):
                return False
        return True

    def _look_below(self, value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        find = self.below.get
        for key, child in value.items():
            look = find(key)
            if look is not None and not look(child, walk, path, scope):
                return False
        return True


class Watches:
    """Works out, once for each element and type, what to watch.

    ``again``: for a resource that was found in order under another profile; codings and numbers are the same there.
    """

    def __init__(
        self, definitions: Definitions, slicer: Slicer, deviations: Deviations, *, again: bool = False
    ) -> None:
        self._definitions = definitions
        self._codings = None if again else (_coding_in(definitions.systems), _codings_in(definitions.systems))
        self._numbers = () if again else (_is_written_whole,)
        self._slicer = slicer
        self._deviations = deviations
        self._known: dict[tuple[int, str, int], Watch] = {}

    def of(self, profile: Profile) -> Watch:
        """Return what to watch in a resource under ``profile``."""
        root = self._definitions.root(profile)
        key = (id(root), "", 0)
        if key not in self._known:
            watch = self._known[key] = Watch(rules=self._rules(root))
            self._add_children(watch, root, root)
            watch.settle()
        return self._known[key]

    def _add_children(self, watch: Watch, element: Element, root: Element) -> None:
        for spelling, (name, type_) in element.properties.items():
            child = element.children[name]
            if spelling.startswith("_") or name == "contained" or child.high == 0:
                continue
            inner = self.element(child, type_, root)
            look = self.property(name, child, type_, root)
            if look is None:
                continue
            watch.below[spelling] = look
            watch.leads = watch.leads or inner.leads
            if self._codings is not None:
                only = list(watch.below) == ["coding"] and inner.look is inner.coding and not inner.slice_of
                watch.codings = self._codings[1] if only else None

    def property(self, name: str, element: Element, type_: Type | None, root: Element) -> Look | None:
        """Return how to look at all that stands under a property; None where there is nothing to look at."""
        inner = self.element(element, type_, root)
        if inner.settled and inner.is_idle and inner.slice_of is None:
            return None
        shown = f"{name[:-3]}.ofType({type_.code})" if name.endswith("[x]") and type_ else name
        return _each(shown, inner) if element.many else _one(shown, inner)

    def element(self, element: Element, type_: Type | None, root: Element) -> Watch:
        """Return what to watch in a value of ``type_`` at an element below ``root``."""
        code = type_.code if type_ else ""
        key = (id(element), code, id(root) if element.same_as or element.children else 0)
        if key not in self._known:
            watch = self._known[key] = Watch(rules=self._rules(element))
            self._fill(watch, element, type_, root)
            watch.settle()
        return self._known[key]

    def _fill(self, watch: Watch, element: Element, type_: Type | None, root: Element) -> None:
        code = type_.code if type_ else ""
        known = self._definitions.type(code)
        if code in PRIMITIVES:
            watch.rules += self._numbers if code in INTEGERS else ()
        elif code in _RESOURCES or (known is not None and known.kind == "resource"):
            watch.resource, watch.leads = element, True
        elif element.same_as:
            target = root.at(element.same_as)
            watch.rules += self._rules(target)
            self._add_children(watch, target, root)
        else:
            watch.coding = self._codings[0] if self._codings is not None and code in CODED else None
            watch.reference = type_ if code == "Reference" else None
            self._add_type(watch, element, code, known)
            if element.children:
                self._add_children(watch, element, root)
        if element.slices:
            watch.slice_of = self._slices(element, type_, root)

    def _add_type(self, watch: Watch, element: Element, code: str, known: Profile | None) -> None:
        if known is None or code in _BACKBONE:
            return
        named = [key for t in element.types if t.code == code for key in t.profiles]
        profiles = [p for key in named if (p := self._definitions.profile(key))]
        if len(profiles) > 1:
            watch.rules += (_look_closer,)
        watch.rules = _merged(watch.rules, self._rules(self._definitions.root(known)))
        if code == "Extension" and not profiles:
            return  # the schema lets extensions pass in slices only
        for one in profiles or ([] if element.children else [known]):
            own = self._definitions.root(one)
            watch.rules = _merged(watch.rules, self._rules(own))
            self._add_children(watch, own, own)

    def _rules(self, element: Element) -> tuple[Holds, ...]:
        return tuple(map(self._deviations.holds, rules_of(element.invariants)))

    def _slices(self, element: Element, type_: Type | None, root: Element) -> Callable[[Any], Watch | None] | None:
        watches = {}
        for name, slice_ in element.slices.items():
            own = next((t for t in slice_.types if type_ and t.code == type_.code), type_)
            if slice_.high != 0 and not (watch := self.element(slice_, own, root)).is_idle:
                watches[name] = watch
        if not watches:
            return None
        if element.slicing and element.slicing.by == (("value", "url"),):
            urls = {self._slicer.url_of(element.slices[name]): watch for name, watch in watches.items()}
            return lambda value: urls.get(value.get("url"))

        def slice_of(value: Any) -> Watch | None:
            name = self._slicer.slice_of(element, Entry(value, None, type_, ""), _NOWHERE)
            return watches.get(name) if name else None

        return slice_of


Systems = Mapping[str, frozenset[str]]


def _coding_in(systems: Systems) -> Look:
    """Return how to look at a Coding: is its code one of its system's, where that is known?"""

    def is_known(coding: Any, _walk: "Walk", _path: str, _scope: Scope) -> bool:
        system = coding.get("system")
        codes = systems.get(system)
        if codes is None:
            return system is None or ":" in system
        return coding.get("code") in codes or "code" not in coding

    return is_known


def _codings_in(systems: Systems) -> Look:
    """Return how to look at the codings of a CodeableConcept, of which a body has hundreds: all in one call."""

    def are_known(concept: Any, _walk: "Walk", _path: str, _scope: Scope) -> bool:
        for coding in concept.get("coding", ()):
            system = coding.get("system")
            codes = systems.get(system)
            if codes is None:
                if system is not None and ":" not in system:
                    return False
            elif coding.get("code") not in codes and "code" in coding:
                return False
        return True

    return are_known


def _one(name: str, inner: Watch) -> Look:
    """Return how to look at a single value."""

    def look(value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        at = f"{path}.{name}" if inner.leads else path
        if not inner.look(value, walk, at, scope):
            return False
        own = inner.slice_of(value) if inner.slice_of is not None else None
        return own is None or own.look(value, walk, at, scope)

    return look if inner.leads or inner.slice_of is not None else inner.look


def _each(name: str, inner: Watch) -> Look:
    """Return how to look at a list."""

    def look_at_all(values: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        for place, value in enumerate(values):
            at = f"{path}.{name}[{place}]"
            if not inner.look(value, walk, at, scope):
                return False
            own = inner.slice_of(value) if inner.slice_of is not None else None
            if own is not None and not own.look(value, walk, at, scope):
                return False
        return True

    def look_plainly(values: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        look = inner.look
        return all(look(value, walk, path, scope) for value in values)

    def look_in_slices(values: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        for value in values:
            own = slice_of(value) if slice_of is not None else None
            if own is not None and not own.look(value, walk, path, scope):
                return False
        return True

    slice_of = inner.slice_of
    if inner.leads or not inner.settled or (slice_of is not None and not inner.is_idle):
        return look_at_all
    return look_plainly if slice_of is None else look_in_slices


def _look_closer(_value: Any, _resource: dict) -> bool:
    """Leave it to the walk: which of several profiles a value keeps to decides what to watch."""
    return False


def _is_written_whole(value: Any, _: dict) -> bool:
    """Tell whether an integer came without a fraction: to JSON Schema 1.0 is one, to FHIR it is not."""
    return isinstance(value, int)


def _merged(one: tuple[Holds, ...], other: tuple[Holds, ...]) -> tuple[Holds, ...]:
    return tuple(dict.fromkeys((*one, *other)))
