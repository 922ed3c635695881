"""Where is an element, and where do references from there lead?"""

from dataclasses import dataclass, field
from typing import Any

from fhir_r4.bundle import Entries
from fhir_r4.bundle import Entry as BundleEntry
from fhir_r4.profiles.elements import Element
from fhir_r4.profiles.facts import Profile
from fhir_r4.resource import dicts

# What is made for each resource and reference of a body is not frozen: that makes it three times as dear to make.
_ANYWHERE = frozenset({"Element", "Resource", "DomainResource", "BackboneElement"})


@dataclass(slots=True)
class Scope:
    """Where references resolve: the resource, the one that contains it, its Bundle and its entry there.

    Attributes:
        sound: what was found to lead where it should, as the id of a type of reference and a literal; known to all
            for whom a literal means the same: the entries of one Bundle under one base.
    """

    resource: dict
    container: dict
    entries: Entries | None = None
    entry: BundleEntry | None = None
    sound: set[tuple[int, str]] = field(default_factory=set)


@dataclass(slots=True)
class Spot:
    """An element's place by its definitions: ``Claim.item`` and ``BackboneElement``, ``Claim.item.quantity`` and
    ``Quantity``.
    """

    above: "Spot | None"
    name: str
    code: str

    def names(self) -> set[str]:
        found = {self.code}
        if self.above is not None:
            found |= {f"{above}.{self.name}" for above in self.above.names()}
        return found

    def allows(self, extension: Profile, holder_url: Any) -> bool:
        """Tell whether the contexts of an extension name this place, or the extension that holds it."""
        names: set[str] | None = None
        for context, expression in extension.contexts:
            if context == "fhirpath" or expression in _ANYWHERE:
                return True
            if context == "extension":
                if holder_url == expression:
                    return True
                continue
            names = self.names() if names is None else names
            if expression.replace("[x]", "") in names:
                return True
        return not extension.contexts


@dataclass(slots=True)
class Here:
    """Where the walk stands: the root of the definition it follows, the place, and what references see."""

    root: Element
    spot: Spot
    scope: Scope

    def below(self, name: str, code: str) -> "Here":
        return Here(self.root, Spot(self.spot, name, code), self.scope)


@dataclass(slots=True)
class Target:
    """What a reference leads to: the resource, its path, and where its own references resolve."""

    resource: dict
    path: str
    scope: Scope


@dataclass
class Map:
    """The Bundles of a body, each with its path, and which entry each resource is."""

    _entry_of: dict[int, BundleEntry] = field(default_factory=dict)
    _path_of: dict[int, str] = field(default_factory=dict)
    _sound: dict[tuple[int, str | None], set[tuple[int, str]]] = field(default_factory=dict)

    def enter(self, value: dict, path: str, around: Scope | None = None) -> Scope:
        """Return the scope of a resource at ``path``: a body, or one inside ``around``."""
        if value.get("resourceType") == "Bundle":
            entries = Entries(value)
            self._entry_of.update((id(entry.resource), entry) for entry in entries)
            self._path_of[id(entries)] = path
            return Scope(value, value, entries)
        if around is None:
            return Scope(value, value)
        entry = self._entry_of.get(id(value))
        if entry is None and path.rpartition(".")[2].startswith("contained["):
            return Scope(value, around.container, around.entries, around.entry, around.sound)
        return self._of_entry(value, around.entries, entry)

    def follow(self, literal: str, scope: Scope) -> Target | None:
        """Return what a literal reference means to the resource of ``scope``; None where the body has it not."""
        if literal == "#":
            return Target(scope.container, "", scope)
        if literal.startswith("#"):
            found = next((one for one in dicts(scope.container.get("contained")) if one.get("id") == literal[1:]), None)
            return Target(found, "", Scope(found, scope.container, scope.entries, scope.entry)) if found else None
        if scope.entries is None or scope.entry is None:
            return None
        entry = scope.entries.resolve(literal, scope.entry)
        if entry is None:
            return None
        path = f"{self._path_of[id(scope.entries)]}.entry[{entry.index}].resource"
        return Target(entry.resource, path, self._of_entry(entry.resource, scope.entries, entry))

    def _of_entry(self, resource: dict, entries: Entries | None, entry: BundleEntry | None) -> Scope:
        if entry is None:
            return Scope(resource, resource, entries)
        return Scope(resource, resource, entries, entry, self._sound.setdefault((id(entries), entry.base), set()))
