"""Which elements of a profile are watched, and for what? Worked out once for each element and type."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from fhir_r4.profiles.elements import BINDABLE, CODED, PRIMITIVES, Element, Type
from fhir_r4.profiles.facts import Definitions, Profile
from fhir_r4.profiles.primitives import INTEGERS
from fhir_r4.profiles.rules import Holds
from fhir_r4.profiles.slices import Asked, Entry, Slicer
from fhir_r4.profiles.stated import Stated
from fhir_r4.profiles.targets import Wanted
from fhir_r4.profiles.watch import (
    Advice,
    Look,
    SliceOf,
    Watch,
    coding_in,
    extensions_beside,
    is_written_whole,
    listed,
    look_closer,
    single,
)
from fhir_r4.resource import kind

_BACKBONE = frozenset({"BackboneElement", "Element"})
_RESOURCES = frozenset({"Resource", "DomainResource"})
_Key = tuple[int, str, int]
_NOWHERE = Asked(lambda _: None, lambda _value, _key: False)


class Watches:
    """Works out, once for each element and type, what to watch.

    ``again``: for what was found in order by another definition of it: a resource under another profile, an entry of a
    list beside its slice. What FHIR itself says of its codings, numbers and datatypes, and FHIR's own invariants, every
    definition says again.

    An element may contain itself, so a watch is known by its key before it is whole; only the thread that builds it
    sees it then.
    """

    def __init__(
        self, definitions: Definitions, slicer: Slicer, stated: Stated, wanted: Wanted, *, again: bool = False
    ) -> None:
        self._definitions = definitions
        self._wanted = wanted
        self._again = again
        self.again = self if again else Watches(definitions, slicer, stated, wanted, again=True)
        self._coding = None if again else coding_in(definitions.systems)
        self._integer = None if again else is_written_whole
        self._slicer = slicer
        self._stated = stated
        self._whole: dict[_Key, Watch] = {}
        self._begun: dict[_Key, Watch] = {}
        self._building = Lock()

    def of(self, profile: Profile) -> Watch:
        """Return what to watch in a resource under ``profile``."""
        root = self._definitions.root(profile)
        found = self._whole.get((id(root), "", 0))
        if found is None:
            with self._alone():
                found = self._of_root(root)
        return found

    def element(self, element: Element, type_: Type | None, root: Element) -> Watch:
        """Return what to watch in a value of ``type_`` at an element below ``root``."""
        found = self._whole.get(_key(element, type_, root))
        if found is None:
            with self._alone():
                found = self._of_element(element, type_, root)
        return found

    def property(self, name: str, element: Element, type_: Type | None, root: Element) -> Look | None:
        """Return how to look at all that stands under a property; None where there is nothing to look at."""
        return self._look_at(name, element, type_, self.element(element, type_, root))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Build while nobody else does; what was begun is known to the others when all of it is whole."""
        with self._building:
            try:
                yield
                self._whole |= self._begun
            finally:
                self._begun.clear()

    def _of_root(self, root: Element) -> Watch:
        key = (id(root), "", 0)
        found = self._whole.get(key)
        if found is None:
            found = self._begun[key] = Watch(rules=self._rules(root, root))
            self._add_children(found, root, root, open_=True)
            found.settle()
        return found

    def _of_element(self, element: Element, type_: Type | None, root: Element) -> Watch:
        key = _key(element, type_, root)
        found = self._whole.get(key) or self._begun.get(key)
        if found is None:
            found = self._begun[key] = Watch(rules=self._rules(element, self._stated.holder(element, type_, root)))
            self._fill(found, element, type_, root)
            found.settle()
        return found

    def _add_children(self, watch: Watch, element: Element, root: Element, *, open_: bool = False) -> None:
        """Add what is below; ``open_``: the schema lets extensions pass that no slice names."""
        for spelling, (name, type_) in element.properties.items():
            child = element.children[name]
            if spelling.startswith("_") or name == "contained" or child.high == 0:
                continue
            if name == "extension" and not (open_ or child.slices):
                continue
            inner = self._of_element(child, type_, root)
            look = self._look_at(name, child, type_, inner)
            if look is None:
                continue
            watch.below[spelling] = look
            watch.leads = watch.leads or inner.leads
            only = list(watch.below) == ["coding"] and inner.look is self._coding and not inner.slice_of
            watch.concept = self._definitions.systems if only else None

    def _look_at(self, name: str, element: Element, type_: Type | None, inner: Watch) -> Look | None:
        if name == "extension":
            return extensions_beside(self._slicer.urls_of(element), inner.slice_of)
        if inner.settled and inner.is_idle and inner.slice_of is None:
            return None
        shown = f"{name[:-3]}.ofType({type_.code})" if name.endswith("[x]") and type_ else name
        return listed(shown, inner) if element.many else single(shown, inner)

    def _fill(self, watch: Watch, element: Element, type_: Type | None, root: Element) -> None:
        code = type_.code if type_ else ""
        known = self._definitions.type(code)
        if code in PRIMITIVES:
            watch.itself = self._integer if code in INTEGERS else None
        elif code in _RESOURCES or (known is not None and known.kind == "resource"):
            watch.resource, watch.leads = element, True
        elif element.same_as:
            target = root.at(element.same_as)
            watch.rules += self._rules(target, target)
            self._add_children(watch, target, root, open_=True)
        else:
            watch.itself = self._coding if code in CODED else None
            wanted = self._wanted.of(type_) if type_ and code == "Reference" else None
            watch.reference = None if self._again and not wanted else wanted  # that it leads anywhere was looked at
            watch.advice = self._advice(element) if code in BINDABLE else ()
            self._add_type(watch, element, code, known)
            if element.children:
                self._add_children(watch, element, root, open_=code in _BACKBONE)
        if element.slices:
            watch.slice_of = self._slices(element, type_, root)

    def _add_type(self, watch: Watch, element: Element, code: str, known: Profile | None) -> None:
        if known is None or code in _BACKBONE:
            return
        named = [key for t in element.types if t.code == code for key in t.profiles]
        profiles = [p for key in named if (p := self._definitions.profile(key))]
        if len(profiles) > 1:
            watch.rules += (look_closer,)
        if self._again and not profiles:
            return
        plain = self._definitions.root(known)
        watch.rules = _merged(watch.rules, self._rules(plain, plain))
        if code == "Extension" and not profiles:
            return  # the schema lets extensions pass in slices only
        for one in profiles or ([] if element.children else [known]):
            own = self._definitions.root(one)
            watch.rules = _merged(watch.rules, self._rules(own, own))
            self._add_children(watch, own, own)

    def _advice(self, element: Element) -> tuple[Advice, ...]:
        sets = (binding.codes for binding in element.bindings if binding.codes and binding.strength != "required")
        return tuple((codes, self._definitions.codes(codes)) for codes in sets)

    def _rules(self, element: Element, holder: Element | None) -> tuple[Holds, ...]:
        return self._stated.others(element, holder, again=self._again)

    def _slices(self, element: Element, type_: Type | None, root: Element) -> SliceOf | None:
        watches = {}
        for name, slice_ in element.slices.items():
            own = next((t for t in slice_.types if type_ and t.code == type_.code), type_)
            if slice_.high != 0 and not (watch := self._of_slice(slice_, own, root)).is_idle:
                watches[name] = watch
        if not watches:
            return None
        if element.slicing and element.slicing.by == (("value", "url"),):
            urls = {self._slicer.url_of(element.slices[name]): watch for name, watch in watches.items()}
            return lambda value: urls.get(value.get("url"))

        types = self._slicer.by_type(element)
        if types is not None:
            of_type = {type_: watches[name] for type_, name in types.items() if name in watches}
            return lambda value: of_type.get(kind(value.get("resource")))

        def slice_of(value: Any) -> Watch | None:
            name = self._slicer.slice_of(element, Entry(value, None, type_, ""), _NOWHERE)
            return watches.get(name) if name else None

        table = self._slicer.by_coding(element)
        if table is None:
            return slice_of
        child, names = table
        of_coding = {coding: watches[name] for coding, name in names.items() if name in watches}

        def slice_of_coding(value: Any) -> Watch | None:
            codings = value.get(child, {}).get("coding", ())
            if len(codings) != 1:
                return slice_of(value)
            return of_coding.get((codings[0].get("system"), codings[0].get("code")))

        return slice_of_coding

    def _of_slice(self, slice_: Element, type_: Type | None, root: Element) -> Watch:
        """Return what a slice adds to what its list says of every entry: of an extension, that says nothing."""
        if self._again or (type_ is not None and type_.code == "Extension"):
            return self._of_element(slice_, type_, root)
        return self.again.element(slice_, type_, root)


def _key(element: Element, type_: Type | None, root: Element) -> _Key:
    return id(element), type_.code if type_ else "", id(root) if element.same_as or element.children else 0


def _merged(one: tuple[Holds, ...], other: tuple[Holds, ...]) -> tuple[Holds, ...]:
    return tuple(dict.fromkeys((*one, *other)))
