"""Which slice does an entry belong to?

A discriminator names a path in the entry; what the slice says of the element at that path (its fixed value or
pattern, its type, profile or presence, or the codes it is bound to) decides whether the entry is one of its own.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fhir_r4.profiles.elements import Element, Type
from fhir_r4.profiles.facts import Definitions
from fhir_r4.resource import as_dict, dicts, kind

_STEP = re.compile(r"extension\('([^']*)'\)|(ofType|as)\((\w+)\)|resolve\(\)|\$this|([A-Za-z]\w*)")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a discriminator's path: a child, an extension by URL, a type, or the target of a reference."""

    kind: str
    name: str = ""


def steps(path: str) -> tuple[Step, ...]:
    """Return the steps of a discriminator's path.

    >>> [step.kind for step in steps("extension('x').value as boolean")]
    ['extension', 'child', 'type']
    """
    path = re.sub(r"\s+as\s+(\w+)", r".as(\1)", path)
    found = []
    for match in _STEP.finditer(path):
        text = match[0]
        if text.startswith("extension("):
            found.append(Step("extension", match[1]))
        elif match[2]:
            found.append(Step("type", match[3]))
        elif text == "resolve()":
            found.append(Step("resolve"))
        elif text != "$this":
            found.append(Step("child", match[4]))
    return tuple(found)


@dataclass(slots=True)  # not frozen, as in ``scope``
class Entry:
    """One value of a list (or of a choice), with its ``_`` sibling, its type and its FHIRPath."""

    value: Any
    sibling: Any
    type: Type | None
    path: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a discriminator has to ask of the world around the entry."""

    resolve: Callable[[Any], Any]
    conforms: Callable[[Any, str], bool]


Belongs = Callable[[Entry, Asked], bool]


class Slicer:
    """Finds the slice of an entry; what a slice asks for is worked out once."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._tests: dict[int, list[tuple[str, Belongs]]] = {}
        self._decidable: dict[tuple[int, int], bool] = {}
        self._urls: dict[int, frozenset[str | None]] = {}

    def slice_of(self, element: Element, entry: Entry, asked: Asked) -> str | None:
        """Return the name of the first slice of ``element`` that ``entry`` belongs to."""
        tests = self._tests.get(id(element))
        if tests is None:
            tests = self._tests[id(element)] = [(n, self.test(element, s)) for n, s in element.slices.items()]
        for name, belongs in tests:
            if belongs(entry, asked):
                return name
        return None

    def test(self, element: Element, slice_: Element) -> Belongs:
        """Return the question whether an entry belongs to ``slice_``."""
        by = element.slicing.by if element.slicing else ()
        questions = [self._question(kind_, steps(path), slice_) for kind_, path in by]
        if not questions:
            return lambda _entry, _asked: False
        if len(questions) == 1:
            return questions[0]
        return lambda entry, asked: all(question(entry, asked) for question in questions)

    def _question(self, kind_: str, path: tuple[Step, ...], slice_: Element) -> Belongs:
        said = list(self.said(slice_, path))
        if kind_ == "exists":
            wanted = any(element.low for element in said)
            return lambda entry, asked: bool(list(_found(entry.value, path, asked))) == wanted
        if kind_ == "type":
            return _typed({type_.code for element in said for type_ in element.types}, path)
        if kind_ == "profile":
            keys = [p for element in said for type_ in element.types for p in (type_.profiles or type_.targets)]
            return lambda entry, asked: any(
                asked.conforms(value, key) for value in _found(entry.value, path, asked) for key in keys
            )
        pattern = said[0].pattern if len(said) == 1 else None
        if isinstance(pattern, dict) and not path:
            return lambda entry, _: contains(entry.value, pattern)
        if isinstance(pattern, dict) and len(path) == 1 and path[0].kind == "child":
            return _holding(path[0].name, pattern)
        return lambda entry, asked: (
            bool(said)
            and any(self.keeps(value, element) for value in _found(entry.value, path, asked) for element in said)
        )

    def by_type(self, element: Element) -> dict[str, str] | None:
        """Return the name of each slice by the type of resource it holds; None where not just that tells them apart."""
        if element.slicing is None or element.slicing.by != (("type", "resource"),):
            return None
        found: dict[str, str] = {}
        for name, slice_ in element.slices.items():
            for said in self.said(slice_, steps("resource")):
                for type_ in said.types:
                    found.setdefault(type_.code, name)
        return found if "Resource" not in found else None

    def by_coding(self, element: Element) -> tuple[str, dict[tuple[str, str], str]] | None:
        """Return by which child the slices of ``element`` are told apart, and the name of each by its coding there.

        None where anything else than one coding tells them apart; most slices of a Claim have just that.
        """
        by = element.slicing.by if element.slicing else ()
        way = steps(by[0][1]) if len(by) == 1 and by[0][0] in ("value", "pattern") else ()
        child = element.children.get(way[0].name) if len(way) == 1 and way[0].kind == "child" else None
        if child is None or child.many:
            return None
        found: dict[tuple[str, str], str] = {}
        for name, slice_ in element.slices.items():
            match [one.pattern for one in self.said(slice_, way)]:
                case [{"coding": [{"system": system, "code": code, **more}], **others}] if not (more or others):
                    found.setdefault((system, code), name)
                case _:
                    return None
        return way[0].name, found

    def decides(self, element: Element, slice_: Element, *, resolving: bool = True) -> bool:
        """Tell whether it can be decided what belongs to ``slice_``.

        Not where only codes mark it that cannot be enumerated, nor by targets that need not resolve.
        """
        by = element.slicing.by if element.slicing else ()
        if not resolving and any("resolve()" in path for _, path in by):
            return False
        key = (id(element), id(slice_))
        if key not in self._decidable:
            marks = [m for kind_, path in by if kind_ in ("value", "pattern") for m in self.said(slice_, steps(path))]
            self._decidable[key] = not any(
                binding.strength == "required" and not binding.codes and not self.pins(mark)
                for mark in marks
                for binding in mark.bindings
            )
        return self._decidable[key]

    def said(self, element: Element, path: tuple[Step, ...]) -> Iterator[Element]:
        """Yield what ``element`` says of the element at ``path`` below it."""
        if not path:
            yield element
            return
        step, rest = path[0], path[1:]
        if step.kind in ("type", "resolve"):
            yield from self.said(element, rest)
        elif step.kind == "extension":
            for slice_ in self._below(element, "extension"):
                for one in slice_.slices.values():
                    if self.url_of(one) == step.name:
                        yield from self.said(one, rest)
        else:
            for child in self._below(element, step.name):
                yield from self.said(child, rest)

    def _below(self, element: Element, name: str) -> Iterator[Element]:
        for holder in (element, *self._types(element)):
            child = holder.children.get(name) or holder.children.get(f"{name}[x]")
            if child is not None:
                yield child
                return

    def _types(self, element: Element) -> Iterator[Element]:
        for type_ in element.types:
            for key in (*type_.profiles, type_.code):
                profile = self._definitions.profile(key) or self._definitions.type(key)
                if profile is not None:
                    yield self._definitions.root(profile)

    def urls_of(self, element: Element) -> frozenset[str | None]:
        """Return the URLs of the extensions that the slices of ``element`` name."""
        if id(element) not in self._urls:
            self._urls[id(element)] = frozenset(map(self.url_of, element.slices.values()))
        return self._urls[id(element)]

    def url_of(self, slice_: Element) -> str | None:
        """Return the URL of an extension's slice: that of its profile, or the fixed one of its own ``url``."""
        for type_ in slice_.types:
            for key in type_.profiles:
                return key.partition("|")[0]
        url = slice_.children.get("url")
        return url.fixed if url is not None and isinstance(url.fixed, str) else None

    def keeps(self, value: Any, element: Element) -> bool:
        """Tell whether ``value`` has the values that ``element``, or what is below it, pins down."""
        if element.fixed is not None:
            return same(value, element.fixed)
        if element.pattern is not None:
            return contains(value, element.pattern)
        bound = [b for b in element.bindings if b.strength == "required"]
        if bound:
            return all(b.codes and any(self.holds(b.codes, code) for code in coded(value)) for b in bound)
        pinned = [(name, child) for name, child in element.children.items() if self.pins(child)]
        return all(
            any(self.keeps(v, child) for v in _child(value, name.removesuffix("[x]"))) for name, child in pinned
        ) and (bool(pinned) or value is not None)

    def marks(self, element: Element) -> bool:
        """Tell whether an element asks for more than that there be a value; see ``keeps``."""
        bound = any(binding.strength == "required" for binding in element.bindings)
        return bound or self.pins(element) or any(map(self.pins, element.children.values()))

    def pins(self, element: Element) -> bool:
        """Tell whether an element, or one below it that must be there, has a fixed value or a pattern."""
        if element.fixed is not None or element.pattern is not None:
            return True
        return element.low > 0 and any(self.pins(child) for child in element.children.values())

    def holds(self, codes: str, coding: tuple[str | None, str]) -> bool:
        """Tell whether a value set holds a code; without a system any system of the set will do."""
        systems = self._definitions.codes(codes)
        system, code = coding
        if system is None:
            return any(listed is None or code in listed for listed in systems.values())
        listed = systems.get(system, frozenset())
        return listed is None or code in listed


def coded(value: Any) -> list[tuple[str | None, str]]:
    """Return the codes of a code, Coding, CodeableConcept or Quantity; a Coding without a system has the system ''."""
    if isinstance(value, str):
        return [(None, value)]
    value = as_dict(value)
    found = dicts(value.get("coding")) or ([value] if "code" in value else [])
    return [(str(c.get("system", "")), c["code"]) for c in found if isinstance(c.get("code"), str)]


def same(value: Any, fixed: Any) -> bool:
    """Tell whether two JSON values are equal; a boolean is not a number.

    >>> same(True, 1), same({"a": [1]}, {"a": [1]})
    (False, True)
    """
    if isinstance(value, bool) or isinstance(fixed, bool):
        return value is fixed
    if isinstance(value, dict) and isinstance(fixed, dict):
        return value.keys() == fixed.keys() and all(same(value[key], fixed[key]) for key in fixed)
    if isinstance(value, list) and isinstance(fixed, list):
        return len(value) == len(fixed) and all(map(same, value, fixed))
    return bool(value == fixed)


def contains(value: Any, pattern: Any) -> bool:
    """Tell whether ``value`` has all that ``pattern`` has (FHIR R4, ElementDefinition.pattern[x]).

    >>> contains({"coding": [{"code": "a"}, {"code": "b"}]}, {"coding": [{"code": "b"}]})
    True
    """
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and contains(value[k], v) for k, v in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(contains(one, part) for one in value) for part in pattern)
    return same(value, pattern)


def _holding(name: str, pattern: dict) -> Belongs:
    """Return the question that most slices ask: does a child hold this pattern?"""

    def belongs(entry: Entry, _: Asked) -> bool:
        child = as_dict(entry.value).get(name)
        return contains(child, pattern) or (isinstance(child, list) and any(contains(one, pattern) for one in child))

    return belongs


def _typed(codes: set[str], path: tuple[Step, ...]) -> Belongs:
    if not path:
        return lambda entry, _: entry.type is not None and entry.type.code in codes

    def belongs(entry: Entry, asked: Asked) -> bool:
        return any(kind(value) in codes or "Resource" in codes for value in _found(entry.value, path, asked))

    if len(path) > 1 or path[0].kind != "child" or "Resource" in codes:
        return belongs
    name = path[0].name  # as in every entry of a Bundle
    return lambda entry, _: kind(as_dict(entry.value).get(name)) in codes


def _found(value: Any, path: tuple[Step, ...], asked: Asked) -> Iterator[Any]:
    if not path:
        if value is not None:
            yield value
        return
    step, rest = path[0], path[1:]
    for below in _step(value, step, asked):
        yield from _found(below, rest, asked)


def _step(value: Any, step: Step, asked: Asked) -> Iterator[Any]:
    if step.kind == "type":
        yield value
    elif step.kind == "resolve":
        yield asked.resolve(value)
    elif step.kind == "extension":
        yield from (x for x in dicts(as_dict(value).get("extension")) if x.get("url") == step.name)
    else:
        yield from _child(value, step.name)


def _child(value: Any, name: str) -> Iterator[Any]:
    value = as_dict(value)
    size = len(name)
    for key, below in value.items():
        if key == name or (key.startswith(name) and key[size : size + 1].isupper()):
            yield from below if isinstance(below, list) else [below]
