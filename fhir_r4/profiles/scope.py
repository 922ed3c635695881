"""Where is an element, and where do references from there lead?"""

from dataclasses import dataclass, field
from typing import Any

from fhir_r4.bundle import Entries
from fhir_r4.bundle import Entry as BundleEntry
from fhir_r4.profiles.elements import Element
from fhir_r4.profiles.facts import Profile
from fhir_r4.resource import dicts, kind

# What is made for each resource and reference of a body is not frozen: that makes it three times as dear to make.
_ANYWHERE = frozenset({"Element", "Resource", "DomainResource", "BackboneElement"})


@dataclass(slots=True)
class Scope:
    """Where references resolve: the resource, the one that contains it, its Bundle and its entry there.

    Attributes:
        kind: the resource's type; empty where it says none.
        path: the FHIRPath of the resource, where it is that of an entry.
        sound: what was found to lead where it should, as the id of what is wanted there and a literal; known to all
            for whom a literal means the same: the entries of one Bundle under one base.
    """

    resource: dict
    kind: str
    container: dict
    entries: Entries | None = None
    entry: BundleEntry | None = None
    path: str = ""
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


class Map:
    """The scopes of the resources that are entries of a body's Bundles, by the id of the resource."""

    def __init__(self) -> None:
        self._scopes: dict[int, Scope] = {}

    def enter(self, value: dict, path: str, around: Scope | None = None) -> Scope:
        """Return the scope of a resource at ``path``: a body, or one inside ``around``."""
        known = self._scopes.get(id(value))
        if known is not None and known.kind != "Bundle":
            return known
        said = kind(value)
        if said == "Bundle":
            return Scope(value, said, value, self._entries(value, path))
        if around is None:
            return Scope(value, said, value)
        if path.rpartition(".")[2].startswith("contained["):
            return Scope(value, said, around.container, around.entries, around.entry, sound=around.sound)
        return Scope(value, said, value, around.entries)

    def _entries(self, bundle: dict, path: str) -> Entries:
        entries = Entries(bundle)
        sound: dict[str | None, set[tuple[int, str]]] = {}
        for entry in entries:
            resource, known = entry.resource, sound.setdefault(entry.base, set())
            at = f"{path}.entry[{entry.index}].resource"
            self._scopes[id(resource)] = Scope(resource, entry.kind, resource, entries, entry, at, known)
        return entries

    def follow(self, literal: str, scope: Scope) -> Scope | None:
        """Return the scope of what a literal reference means in ``scope``; None where the body has it not."""
        if literal == "#":
            return Scope(scope.container, kind(scope.container), scope.container, scope.entries, scope.entry)
        if literal.startswith("#"):
            found = next((one for one in dicts(scope.container.get("contained")) if one.get("id") == literal[1:]), None)
            return Scope(found, kind(found), scope.container, scope.entries, scope.entry) if found else None
        if scope.entries is None or scope.entry is None:
            return None
        entry = scope.entries.resolve(literal, scope.entry)
        return self._scopes[id(entry.resource)] if entry else None
