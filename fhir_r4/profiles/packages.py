"""Which definitions are reachable, and what do they say?

A canonical without a version means: the one of the same package, else of what that package depends on (nearest
first), else the newest at hand. A version that no package holds falls back to another of the same canonical, and
a target that no package holds at all stays a bare canonical: it is then checked by its base type. Both are
reported, as is every definition that does not compile; the rest still loads.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import orjson

from fhir_r4.profiles import snapshot, terminology
from fhir_r4.profiles.facts import Facts, Profile
from fhir_r4.profiles.invariants import name_of
from fhir_r4.resource import dicts, kind, text_of

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_TERMINOLOGY = "hl7.terminology"
_LARGEST_SYSTEM = 2000  # codes; larger ones are checked where a value set lists them


@dataclass(frozen=True)
class Package:
    """One published package: its definitions, and the names and versions it depends on."""

    name: str
    version: str
    dependencies: Mapping[str, str]
    definitions: Sequence[dict] = field(repr=False)
    faults: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.name}#{self.version}"


@dataclass(frozen=True)
class Found:
    """A definition, the package it came in and its key."""

    definition: dict
    package: Package

    @property
    def key(self) -> str:
        return f"{self.definition['url']}|{self.definition.get('version', '')}"


class Shelf:
    """All definitions of all packages, looked up from where one stands."""

    def __init__(self, packages: Sequence[Package]) -> None:
        self.packages = packages
        self._by_kind: dict[str, dict[str, list[Found]]] = {}
        for package in packages:
            for definition in package.definitions:
                if url := text_of(definition.get("url")):
                    of_kind = self._by_kind.setdefault(kind(definition), {})
                    of_kind.setdefault(url, []).append(Found(definition, package))

    def all(self, resource_type: str) -> Iterable[Found]:
        for listed in self._by_kind.get(resource_type, {}).values():
            yield from listed

    def find(self, resource_type: str, canonical: str, seen_from: Package) -> Found | None:
        """Return what ``canonical`` means in a definition of the package ``seen_from``."""
        url, _, version = canonical.partition("|")
        url = url.partition("#")[0]
        listed = self._by_kind.get(resource_type, {}).get(url, [])
        exact = [f for f in listed if version and f.definition.get("version") == version]
        if exact or not listed:
            return exact[0] if exact else None
        if resource_type == "CodeSystem":  # the terminology package is the authority on its own systems
            listed = [f for f in listed if f.package.name.startswith(_TERMINOLOGY)] or listed
        near = self.reach(seen_from.id)
        return min(listed, key=lambda f: (near.get(f.package.id, len(near)), _newest_first(f)))

    @lru_cache(maxsize=64)  # noqa: B019 a shelf lives as long as one compilation
    def reach(self, package_id: str) -> dict[str, int]:
        """Return the packages that one depends on, itself first, by their distance."""
        by_id = {package.id: package for package in self.packages}
        order: dict[str, int] = {}
        waiting = deque([package_id])
        while waiting:
            package = by_id[waiting.popleft()]
            if package.id in order:
                continue
            order[package.id] = len(order)
            for name, version in package.dependencies.items():
                if (near := self._package(re.sub(r"\.v\d+$", "", name), version)) is not None:
                    waiting.append(near.id)
        return order

    def _package(self, name: str, version: str) -> Package | None:
        """Return the package itself, or the one at hand that shares most of its version's beginning, or the newest."""
        named = [p for p in self.packages if p.name in (name, f"{name}.r4")]
        wanted = _numbers(version)
        return max(
            named,
            key=lambda p: (p.version == version, _shared(_numbers(p.version), wanted), _numbers(p.version)),
            default=None,
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version))


def _shared(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _newest_first(found: Found) -> tuple[int, ...]:
    return tuple(-n for n in _numbers(str(found.definition.get("version", "")) + "." + found.package.version))


@dataclass
class Compilation:
    """One run: what was compiled so far, and what went wrong."""

    shelf: Shelf
    facts: Facts = field(default_factory=Facts)
    faults: list[str] = field(default_factory=list)
    _lines: dict[bytes, int] = field(default_factory=dict)
    _waiting: deque[Found] = field(default_factory=deque)
    _queued: set[str] = field(default_factory=set)

    def run(self, roots: Iterable[Found]) -> None:
        """Compile ``roots`` and all that they name."""
        for root in roots:
            self._want(root)
        while self._waiting:
            found = self._waiting.popleft()
            try:
                self._compile(found)
            except snapshot.SnapshotError as error:
                self.faults.append(str(error))
                self.facts.unusable.add(found.key)

    def generation(self, name: str, guides: Sequence[Package]) -> None:
        """Record what an instance's bare canonical means to the users of ``guides``."""
        near = {guide.id: place for place, guide in enumerate(guides)}
        for guide in guides:
            for package_id in self.shelf.reach(guide.id):
                near.setdefault(package_id, len(near))
        best: dict[str, tuple[tuple, str]] = {}
        for found in self.shelf.all("StructureDefinition"):
            if found.key in self.facts.profiles:
                rank = (near.get(found.package.id, len(near)), _newest_first(found))
                url = found.definition["url"]
                best[url] = min(best.get(url, (rank, found.key)), (rank, found.key))
        self.facts.generations[name] = {url: key for url, (_, key) in sorted(best.items())}

    def _want(self, found: Found) -> str:
        if found.key not in self._queued:
            self._queued.add(found.key)
            self._waiting.append(found)
        return found.key

    def _compile(self, found: Found) -> None:
        definition = found.definition
        names = snapshot.Names(
            profile=lambda canonical: self._profile(canonical, found.package),
            codes=lambda canonical: self._codes(canonical, found.package),
            invariant=lambda key, expression: self._invariant(key, expression, found.key),
        )
        draft = snapshot.tree(definition)
        number = self._number(draft, names)
        base = text_of(definition.get("baseDefinition"))
        self.facts.profiles[found.key] = Profile(
            key=found.key,
            type=text_of(definition.get("type")) or "",
            kind=text_of(definition.get("kind")) or "",
            derived=definition.get("derivation") == "constraint",
            abstract=definition.get("abstract") is True,
            base=self._profile(base, found.package) if base else None,
            number=number,
            contexts=tuple((str(c.get("type")), str(c.get("expression"))) for c in dicts(definition.get("context"))),
        )
        self._want_types(draft, found.package)

    def _want_types(self, draft: snapshot.Draft, package: Package) -> None:
        for type_ in dicts(draft.definition.get("type")):
            code = text_of(type_.get("code")) or ""
            if "/" not in code and (found := self.shelf.find("StructureDefinition", _CORE + code, package)):
                self._want(found)
        for below in (*draft.children.values(), *draft.slices.values()):
            self._want_types(below, package)

    def _number(self, draft: snapshot.Draft, names: snapshot.Names) -> int:
        facts = snapshot.node(draft, names, lambda below: self._number(below, names))
        line = orjson.dumps(facts)
        if line not in self._lines:
            self._lines[line] = len(self.facts.nodes)
            self.facts.nodes.append(line)
        return self._lines[line]

    def _profile(self, canonical: str, package: Package) -> str:
        found = self.shelf.find("StructureDefinition", canonical, package)
        if found is None:
            self.facts.missing.setdefault(canonical, set()).add(package.id)
            return canonical
        return self._want(found)

    def _invariant(self, key: str, expression: str, where: str) -> str | None:
        name = name_of(key, expression)
        if name is None:
            self.facts.left_out.setdefault((key, " ".join(expression.split())), set()).add(where)
        return name or None

    def _codes(self, canonical: str, package: Package) -> str | None:
        found = self.shelf.find("ValueSet", canonical, package)
        if found is None:
            self.facts.missing.setdefault(canonical, set()).add(package.id)
            return None
        if found.key not in self.facts.codes:
            self.facts.codes[found.key] = self._expanded(found)
        return found.key if self.facts.codes[found.key] is not None else None

    def _expanded(self, found: Found) -> dict[str, list[str] | None] | None:
        codes = terminology.expanded(
            found.definition,
            lambda canonical: self._definition("ValueSet", canonical, found.package),
            lambda canonical: self._definition("CodeSystem", canonical, found.package),
        )
        return codes.to_facts() if codes.checkable else None

    def _definition(self, resource_type: str, canonical: str, package: Package) -> dict | None:
        found = self.shelf.find(resource_type, canonical, package)
        return found.definition if found else None

    def systems(self) -> None:
        """Keep the codes of every complete code system of a moderate size, of all its versions together."""
        for found in self.shelf.all("CodeSystem"):
            definition = found.definition
            if _is_listable(definition):
                codes = terminology.all_codes(definition)
                if len(codes) <= _LARGEST_SYSTEM:
                    exact = definition.get("caseSensitive") is not False
                    codes |= set() if exact else {code.lower() for code in codes}
                    known = self.facts.systems.get(definition["url"], ())
                    self.facts.systems[definition["url"]] = sorted(codes.union(known))


def _is_listable(code_system: dict) -> bool:
    return terminology.is_complete(code_system) and not code_system.get("compositional")


def compiled(packages: Sequence[Package], generations: Mapping[str, Sequence[str]], *, reach: bool) -> Compilation:
    """Compile ``packages``.

    Args:
        packages: what is at hand.
        generations: name -> the ids (``name#version``) of the guides that an instance of it follows.
        reach: compile what the guides of the generations reach, and FHIR's own types; otherwise everything.
    """
    shelf = Shelf([_with_companions(package, generations.values()) for package in packages])
    run = Compilation(shelf)
    run.faults += [fault for package in packages for fault in package.faults]
    guides = {package_id for listed in generations.values() for package_id in listed}
    run.run(f for f in shelf.all("StructureDefinition") if not reach or _is_root(f, guides))
    run.systems()
    by_id = {package.id: package for package in shelf.packages}
    for name, listed in generations.items():
        run.generation(name, [by_id[package_id] for package_id in listed if package_id in by_id])
    return run


def _with_companions(package: Package, generations: Iterable[Sequence[str]]) -> Package:
    """Let a guide depend on those of its own generation, whatever draft of them it was built with."""
    companions = dict(one.split("#") for listed in generations if package.id in listed for one in listed)
    amended = {name: companions.get(name, version) for name, version in package.dependencies.items()}
    return replace(package, dependencies=amended)


def _is_root(found: Found, guides: set[str]) -> bool:
    definition = found.definition
    own_type = definition.get("derivation") != "constraint" or definition.get("type") == "Extension"
    return found.package.id in guides or (found.package.name == "hl7.fhir.r4.core" and own_type)
