"""Does a reference lead to what its element asks for?"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fhir_r4.bundle import local_part
from fhir_r4.profiles.elements import Element, Type
from fhir_r4.profiles.facts import Definitions, Profile
from fhir_r4.profiles.scope import Scope
from fhir_r4.resource import as_dict, text_of

if TYPE_CHECKING:
    from fhir_r4.profiles.walk import Walk

ANY_RESOURCE = frozenset({"Resource", "DomainResource"})

Kinds = Mapping[str, list[Profile]]
"""A type of resource -> the profiles of it that a target must keep to one of; empty: anything will do."""


class Wanted:
    """What each type of reference may lead to, and what a resource inside may be; worked out once and kept."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._known: dict[tuple[str, ...], Kinds] = {}
        self._inside: dict[tuple[int, str], list[Profile] | None] = {}

    def of(self, type_: Type) -> Kinds:
        """Return the profiles that a target must keep to one of; none where anything will do, or cannot be told.

        A type comes before its profiles: a reference to any Claim is one to a Claim under whatever profile. Types that
        want the same get the very same answer.
        """
        if type_.targets not in self._known:
            known = [profile for key in type_.targets if (profile := self._definitions.profile(key))]
            sure = len(known) == len(type_.targets) and not any(p.type in ANY_RESOURCE for p in known)
            kinds: dict[str, list[Profile]] = {}
            for profile in sorted(known, key=lambda p: p.derived) if sure else ():
                kinds.setdefault(profile.type, []).append(profile)
            self._known[type_.targets] = kinds
        return self._known[type_.targets]

    def inside(self, element: Element, kind_: str) -> list[Profile] | None:
        """Return the profiles of which a resource of a kind keeps to one at ``element``; None where it may not be."""
        key = (id(element), kind_)
        if key in self._inside:
            return self._inside[key]
        fitting = [t for t in element.types if t.code == kind_ or t.code in ANY_RESOURCE]
        known = [p for t in fitting for one in t.profiles if (p := self._definitions.profile(one))]
        found = known if fitting else None
        if self._definitions.type(kind_) is not None:  # whatever a body calls itself is not kept
            self._inside[key] = found
        return found


class Targets:
    """The references of one check.

    Args:
        closed: every relative one must resolve within the body.
        profiled: a target keeps to the profile that the reference asks for; else its type is enough.
    """

    def __init__(self, walk: "Walk", wanted: Wanted, *, closed: bool, profiled: bool) -> None:
        self._walk = walk
        self._wanted = wanted
        self.closed = closed
        self._profiled = profiled

    def is_sound(self, literal: str, known: Kinds, scope: Scope) -> bool:
        """Tell whether a reference leads, within the body, to what its element asks for: one of ``known``."""
        local = literal[0] == "#"  # means something else in each resource
        if not (known or self.closed or local):
            return True
        target = self._walk.map.follow(literal, scope)
        sound = self._fits(target, known) if target is not None else self._may_lead_out(literal, known)
        if sound and not local and (target is None or not self._walk.is_judging(target.resource)):
            scope.sound.add((id(known), literal))
        return sound

    def _may_lead_out(self, literal: str, known: Kinds) -> bool:
        if literal[0] == "#" or (self.closed and not literal.startswith(("http:", "https:"))):
            return False
        return not known or (local_part(literal) or "").partition("/")[0] in known

    def _fits(self, target: Scope, known: Kinds) -> bool:
        if not (known and target.path):
            return not known
        fitting = known.get(target.kind)
        if fitting and fitting[0].derived and self._profiled:
            return not self._walk.nearest(target.resource, fitting, target.path, target)
        return bool(fitting)

    def reference(self, value: dict, type_: Type | None, path: str, scope: Scope) -> None:
        """Check that a reference means something of the types and profiles that its element names."""
        literal = text_of(value.get("reference"))
        known = self._wanted.of(type_) if type_ else {}
        if literal is None:
            said = text_of(value.get("type"))
            if said and known and said.rpartition("/")[2] not in known:
                self._walk.findings.say("invalid", f"a reference to {_kinds(known)}", f"{path}.type")
            return
        target = self._walk.map.follow(literal, scope)
        if target is None:
            self._unresolved(literal, known, path)
        elif known:
            self._keeps(target, known, path)

    def _keeps(self, target: Scope, known: Kinds, path: str) -> None:
        findings, fitting = self._walk.findings, known.get(target.kind)
        if not fitting:
            findings.say("invalid", f"a reference to {_kinds(known)}", path)
        elif (fitting[0].derived and self._profiled) and (
            nearest := self._walk.nearest(target.resource, fitting, target.path or path, target)
        ):
            names = " or ".join(profile.url.rpartition("/")[2] for profile in fitting)
            findings.say("invalid", f"a target that keeps to {names}", path)
            findings.here.issues += nearest

    def _unresolved(self, literal: str, known: Kinds, path: str) -> None:
        """Judge a reference out of the body: by the type that its URL names, and by its being relative."""
        findings = self._walk.findings
        said = (local_part(literal.partition("|")[0]) or "").partition("/")[0]
        if literal.startswith("#"):
            findings.say("invariant", "ref-1: a resource that is contained here", path)
        elif known and said and self._walk.definitions.type(said) and said not in known:
            findings.say("invalid", f"a reference to {_kinds(known)}", path)
        elif self.closed and not literal.startswith(("http:", "https:")):
            findings.say("not-found", "a reference to something that was sent along", path)

    def target_of(self, reference: Any, scope: Scope) -> dict | None:
        """Return the resource that a reference leads to within the body."""
        literal = text_of(as_dict(reference).get("reference"))
        target = self._walk.map.follow(literal, scope) if literal else None
        return target.resource if target else None


def _kinds(known: Iterable[str]) -> str:
    return " or ".join(sorted(known))
