"""What is wrong with a resource, and where?

The walk goes down a resource beside the elements of its profile and names every fault by its FHIRPath. It looks
at every value once for each profile that speaks of it, follows references to the entries of the same Bundle, and
stops where a body asks for more work than any honest one. What keeps to its profile's schema is only looked over
for what a schema cannot say.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_r4.bundle import local_part
from fhir_r4.problems import Issue
from fhir_r4.profiles import primitives
from fhir_r4.profiles.deviations import Deviations
from fhir_r4.profiles.elements import BINDABLE, PRIMITIVES, Element, Type
from fhir_r4.profiles.facts import Definitions, Profile
from fhir_r4.profiles.invariants import BY_NAME
from fhir_r4.profiles.scope import Here, Map, Scope, Spot, Target
from fhir_r4.profiles.slices import Asked, Entry, Slicer, coded, contains, same
from fhir_r4.profiles.watch import Watch
from fhir_r4.resource import as_dict, as_list, dicts, kind, text_of

MAX_VALUES = 300_000  # looked at closely: about two seconds
_MAX_STEPS = 200  # in one FHIRPath
_MAX_CHAIN = 24  # resources in resources, and profiles that ask for profiles of what is referred to
_MAX_ISSUES = 1000
_ANY_RESOURCE = frozenset({"Resource", "DomainResource"})
_BACKBONE = frozenset({"BackboneElement", "Element"})


Targets = dict[Type, list[Profile] | None]


class TooMuchError(Exception):
    """The body asks for more work than is done for anyone."""


@dataclass
class Walk:
    """One check of one body.

    Attributes:
        closed: every relative reference must resolve within the body.
        quick: what is left to look at in a resource that keeps to its profile's schema; None where it does not.
        targets: what each type of reference may lead to; kept from one walk to the next.
        left: how many values may still be looked at.
    """

    definitions: Definitions
    slicer: Slicer
    deviations: Deviations
    closed: bool
    quick: Callable[[dict, Profile], Watch | None]
    targets: Targets
    left: int = MAX_VALUES
    issues: list[Issue] = field(default_factory=list)
    map: Map = field(default_factory=Map)
    _seen: set[int] = field(default_factory=set)
    _judged: dict[tuple[int, str], list[Issue]] = field(default_factory=dict)
    _chain: int = 0

    # --- resources -------------------------------------------------------------------------------------------

    def resource(self, value: Any, wanted: Iterable[str], path: str, scope: Scope) -> None:
        """Check a resource against the profiles ``wanted`` of it and those it claims, or else its bare type."""
        type_ = self.definitions.type(kind(value))
        if type_ is None or type_.kind != "resource" or type_.abstract:
            self.say("structure", "a resource of FHIR R4, named by resourceType", path)
            return
        asked = {profile.key: profile for profile in self._asked_of(value, wanted, path)}
        for profile in (asked or {type_.key: type_}).values():
            self.issues += self.judge(value, profile, path, scope)

    def _asked_of(self, value: dict, wanted: Iterable[str], path: str) -> Iterator[Profile]:
        for canonical in wanted:
            if (profile := self.definitions.profile(canonical)) is not None:
                yield profile
        for place, canonical in enumerate(as_list(as_dict(value.get("meta")).get("profile"))):
            profile = self.definitions.profile(canonical) if isinstance(canonical, str) else None
            at = f"{path}.meta.profile[{place}]"
            if profile is None:
                self.say("not-found", "a profile that is known here; this one is not checked", at, severity="warning")
            elif profile.type != kind(value):
                self.say("invalid", f"a profile of {kind(value)}", at)
            else:
                yield profile

    def judge(self, value: dict, profile: Profile, path: str, scope: Scope) -> list[Issue]:
        """Return the issues of a resource under one profile; what is being judged already is taken to be right."""
        key = (id(value), profile.key)
        if key in self._judged:
            return self._judged[key]
        if self._chain >= _MAX_CHAIN:
            raise TooMuchError
        found: list[Issue] = []
        self._judged[key] = found
        above, self.issues = self.issues, found
        self._chain += 1
        try:
            self._judge(value, profile, path, scope)
        finally:
            self._chain -= 1
            self.issues = above
        return found

    def _judge(self, value: dict, profile: Profile, path: str, scope: Scope) -> None:
        if profile.type != value.get("resourceType") and profile.type not in _ANY_RESOURCE:
            self.say("invalid", f"a {profile.type}", path)
            return
        root = self.definitions.root(profile)
        here = Here(root, Spot(None, profile.type, profile.type), scope)
        watch = self.quick(value, profile)
        if watch is not None and watch.look(value, self, path, scope):
            self._unnamed_extensions(value, root, path, here)
            return
        self.children(value, root, path, here)
        self.rules(value, root, path, scope)
        self.contained(value, path)

    def inside(self, value: Any, element: Element, path: str, scope: Scope) -> None:
        """Check a resource inside another one: contained, in a Bundle's entry, or in Parameters."""
        if not isinstance(value, dict):
            self.say("structure", "a resource", path)
            return
        code = value.get("resourceType")
        fitting = [t for t in element.types if t.code == code or t.code in _ANY_RESOURCE]
        if not fitting:
            self.say("invalid", f"a {' or '.join(sorted(t.code for t in element.types))}", path)
            return
        if self._chain >= _MAX_CHAIN:
            raise TooMuchError
        own = self.map.enter(value, path, scope)
        profiles = [p for t in fitting for key in t.profiles if (p := self.definitions.profile(key))]
        if len(profiles) > 1:
            self._one_of(value, profiles, path, own)
            profiles = []
        self.resource(value, [p.key for p in profiles], path, own)

    def _one_of(self, value: dict, profiles: list[Profile], path: str, scope: Scope) -> None:
        nearest = self._nearest(value, profiles, path, scope)
        if nearest:
            names = ", ".join(profile.url.rpartition("/")[2] for profile in profiles)
            self.issues += nearest
            self.say("invalid", f"one that keeps to {names}; the faults are those against the nearest", path)

    def _nearest(self, value: dict, profiles: list[Profile], path: str, scope: Scope) -> list[Issue]:
        """Return the issues under the profile that ``value`` is nearest to; none where it keeps to one of them."""
        claimed = as_list(as_dict(value.get("meta")).get("profile")) if len(profiles) > 1 else []
        best: list[Issue] = []
        for profile in sorted(profiles, key=lambda p: p.url not in claimed) if claimed else profiles:
            verdict = self.judge(value, profile, path, scope)
            if not _has_error(verdict):
                return []
            if not best or _errors(verdict) < _errors(best):
                best = verdict
        return best

    # --- what keeps to its schema --------------------------------------------------------------------------------

    def is_known(self, coding: dict) -> bool:
        system, code = coding.get("system"), coding.get("code")
        if system is None:
            return True
        codes = self.definitions.systems.get(system)
        return ":" in system if codes is None else code is None or code in codes

    def is_sound(self, reference: dict, type_: Type, scope: Scope) -> bool:
        """Tell whether a reference leads, within the body, to what its element asks for."""
        literal = reference.get("reference")
        if literal is None:
            return "type" not in reference
        target, known = self.map.follow(literal, scope), self._known_targets(type_)
        if target is None:
            said = (local_part(literal) or "").partition("/")[0]
            may_lead_out = not self.closed or literal.startswith(("http:", "https:"))
            return may_lead_out and literal[0] != "#" and (known is None or said in {p.type for p in known})
        if known is None or not target.path:
            return known is None
        fitting = [p for p in known if p.type == target.resource.get("resourceType")]
        return bool(fitting) and (
            not fitting[0].derived or not self._nearest(target.resource, fitting, target.path, target.scope)
        )

    def _unnamed_extensions(self, value: dict, root: Element, path: str, here: Here) -> None:
        """Check the extensions of a resource that its profile does not name; its schema lets them pass."""
        listed = value.get("extension", ())
        if not listed:
            return
        element = root.children["extension"]
        named = {self.slicer.url_of(slice_) for slice_ in element.slices.values()}
        for place, one in enumerate(listed):
            if one["url"] not in named and id(one) not in self._seen:
                self._seen.add(id(one))
                entry = Entry(one, None, Type("Extension"), f"{path}.extension[{place}]")
                self.value(entry, element, here.below("extension", "Extension"))
                self.extensions(value, "extension", [entry], set(), here.spot)

    # --- elements --------------------------------------------------------------------------------------------

    def children(self, value: dict, element: Element, path: str, here: Here, *, whole: bool = True) -> None:
        """Check the properties of an object against the children of an element.

        ``whole``: the children are all there are. Those of an element of a datatype may be the constrained ones
        only; the datatype's own definition is checked beside them.
        """
        self.spend(path)
        present = self._present(value, element, path, here, whole=whole)
        for name, spellings in present.items():
            if len(spellings) > 1:
                self.say("structure", f"one {name}, not several", f"{path}.{name.removesuffix('[x]')}")
            for spelling, type_ in spellings.items():
                self.child(value, spelling, name, element.children[name], type_, path, here)
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
                safe = key if key.isidentifier() and len(key) <= 64 else "?"
                self.say("structure", "no such element", f"{path}.{safe}")
        return present

    def _other_choice(self, key: str, element: Element, path: str) -> str | None:
        """Return the choice of which ``key`` is a spelling with a type that the element does not take."""
        plain = key.removeprefix("_")
        for name, child in element.children.items():
            stem = name.removesuffix("[x]")
            code = plain.removeprefix(stem)
            if stem == name or code == plain or not code[:1].isupper():
                continue
            if self.definitions.type(code) or self.definitions.type(code[0].lower() + code[1:]):
                types = " or ".join(t.code for t in child.types) or "none"
                self.say("structure", f"{name} of the type {types}", f"{path}.{stem}.ofType({code})")
                return name
        return None

    def _missing(self, child: Element, path: str, name: str) -> None:
        at = f"{path}.{name.removesuffix('[x]')}"
        if child.low:
            self.say("required", _times(child.low, child.high), at)
            return
        for slice_name, slice_ in child.slices.items():
            if slice_.low and self.slicer.decides(child, slice_):
                self.say("required", f"{_times(slice_.low, slice_.high)} of the slice {slice_name}", at)

    def child(
        self, holder: dict, spelling: str, name: str, element: Element, type_: Type | None, path: str, here: Here
    ) -> None:
        """Check all that stands under one property and its ``_`` sibling."""
        code = type_.code if type_ else "Element"
        at = f"{path}.{name[:-3]}.ofType({code})" if name.endswith("[x]") else f"{path}.{name}"
        entries = self._entries(holder, spelling, element, type_, at)
        if not entries:
            return
        if len(entries) < element.low:
            self.say("required", _times(element.low, element.high), at)
        elif element.high is not None and len(entries) > element.high:
            self.say("structure", _times(element.low, element.high), at)
        inner = here.below(name.removesuffix("[x]"), code)
        for entry in entries:
            self.value(entry, element, inner)
        sliced = self.slices(element, entries, inner)
        if name in ("extension", "modifierExtension"):
            knows = bool(element.slices) or here.spot.code != "Extension"
            self.extensions(holder, name, entries, sliced if knows else None, here.spot)

    def _entries(self, holder: dict, spelling: str, element: Element, type_: Type | None, at: str) -> list[Entry]:
        """Return the values of a property with their siblings; none after saying what is wrong with their list."""
        value, sibling, said = holder.get(spelling), holder.get(f"_{spelling}"), spelling in holder
        if element.many:
            return self._listed(value, sibling, type_, at, said=said)
        if isinstance(value, list) or isinstance(sibling, list):
            self.say("structure", "a single value, not a list", at)
        elif value is None and (said or sibling is None):
            self.say("structure", "a value, not null", at)
        else:
            return [Entry(value, sibling, type_, at)]
        return []

    def _listed(self, value: Any, sibling: Any, type_: Type | None, at: str, *, said: bool) -> list[Entry]:
        if not isinstance(value if said else sibling, list):
            self.say("structure", "a list", at)
            return []
        values, siblings = as_list(value), as_list(sibling)
        if not values and not siblings:
            self.say("structure", "a list of at least one; leave out what is empty", at)
        if values and siblings and len(values) != len(siblings):
            self.say("structure", "as many values as siblings with an underscore", at)
        found = []
        for place in range(max(len(values), len(siblings))):
            one = values[place] if place < len(values) else None
            other = siblings[place] if place < len(siblings) else None
            if one is None and other is None:
                self.say("structure", "a value, not null", f"{at}[{place}]")
            else:
                found.append(Entry(one, other, type_, f"{at}[{place}]"))
        return found

    # --- values ----------------------------------------------------------------------------------------------

    def value(self, entry: Entry, element: Element, here: Here) -> None:
        """Check one value against one element, that of a slice included."""
        self.spend(entry.path)
        code = entry.type.code if entry.type else ""
        if code in PRIMITIVES:
            self.primitive(entry, code, element, here)
        elif code in _ANY_RESOURCE or ((t := self.definitions.type(code)) is not None and t.kind == "resource"):
            self.inside(entry.value, element, entry.path, here.scope)
            return
        elif isinstance(entry.value, dict):
            self.complex(entry, code, element, here)
        else:
            self.say("structure", f"an object{f' ({code})' if code else ''}", entry.path)
            return
        if element.fixed is not None and not same(entry.value, element.fixed):
            self.say("value", "the value that the profile fixes", entry.path)
        elif element.pattern is not None and not contains(entry.value, element.pattern):
            self.say("value", "the values of the profile's pattern", entry.path)
        for binding in element.bindings if code in BINDABLE else ():
            if binding.codes and entry.value is not None:
                self.binding(entry, binding.strength, binding.codes)

    def primitive(self, entry: Entry, code: str, element: Element, here: Here) -> None:
        value, path = entry.value, entry.path
        if value is not None:
            if not primitives.is_shaped(code, value):
                self.say("structure", primitives.expected(code), path)
                return
            if not primitives.is_valid(code, value):
                self.say("value", primitives.expected(code), path)
                return
            self._bounds(value, element, path)
        if entry.sibling is not None:
            self._sibling(entry, element, here)
        elif element.children:
            self.children({}, element, path, here)
        self.rules(value, element, path, here.scope)

    def _sibling(self, entry: Entry, element: Element, here: Here) -> None:
        sibling, base = entry.sibling, self.definitions.type("Element")
        if not isinstance(sibling, dict) or not sibling:
            self.say("structure", "an object with an id or extensions", entry.path)
            return
        if entry.value is None and sibling.keys() <= {"id"}:
            self.say("structure", "a value or extensions", entry.path)
        holder = self.definitions.root(base) if base and not element.children else element
        self.children(sibling, holder, entry.path, here)

    def _bounds(self, value: Any, element: Element, path: str) -> None:
        if element.longest is not None and isinstance(value, str) and len(value) > element.longest:
            self.say("too-long", f"at most {element.longest} characters", path)
        if primitives.is_shaped("decimal", value):
            if isinstance(element.least, int | float) and value < element.least:
                self.say("value", f"at least {element.least}", path)
            if isinstance(element.most, int | float) and value > element.most:
                self.say("value", f"at most {element.most}", path)

    def complex(self, entry: Entry, code: str, element: Element, here: Here) -> None:
        value, path = entry.value, entry.path
        if value.keys() <= {"id"}:
            self.say("structure", "an object with content", path)
        if element.same_as:
            target = here.root.at(element.same_as)
            self.children(value, target, path, Here(here.root, Spot(None, "", element.same_as), here.scope))
            self.rules(value, target, path, here.scope)
            return
        if element.children:
            self.children(value, element, path, here, whole=code in _BACKBONE)
        self._typed(entry, code, element, here)
        self.rules(value, element, path, here.scope)
        if code == "Reference":
            self.reference(value, next((t for t in element.types if t.code == code), None), path, here.scope)
        elif code == "Coding":
            self.coding(value, path)

    def _typed(self, entry: Entry, code: str, element: Element, here: Here) -> None:
        """Check a value against the definition of its type, or the type's profiles that the element names."""
        type_ = self.definitions.type(code)
        if type_ is None or code in _BACKBONE:
            return
        named = [key for t in element.types if t.code == code for key in t.profiles]
        profiles = [p for key in named if (p := self.definitions.profile(key))]
        if code == "Extension" and not profiles and (known := self.definitions.profile(str(entry.value.get("url")))):
            profiles = [known] if known.type == "Extension" else []
        verdicts = [self._under(entry.value, profile, entry.path, here) for profile in profiles or [type_]]
        if len(verdicts) == 1 or all(map(_has_error, verdicts)):
            self.issues += min(verdicts, key=_errors)
        if profiles or element.children:
            self.rules(entry.value, self.definitions.root(type_), entry.path, here.scope)

    def _under(self, value: dict, profile: Profile, path: str, here: Here) -> list[Issue]:
        """Return the issues of a value of a datatype under one profile of it."""
        above, self.issues = self.issues, []
        try:
            root = self.definitions.root(profile)
            if profile.type == "Extension" and ("extension" in value) == _has_value(value):
                self.say("invariant", "ext-1: a value or extensions, not both", path)
            self.children(value, root, path, Here(root, here.spot, here.scope))
            self.rules(value, root, path, here.scope)
            return self.issues
        finally:
            self.issues = above

    # --- slices ----------------------------------------------------------------------------------------------

    def slices(self, element: Element, entries: list[Entry], here: Here) -> set[int]:
        """Check each entry against its slice, and the slices' counts and order; return the ids of those in one."""
        if not element.slices or element.slicing is None:
            return set()
        asked = Asked(lambda one: self._target_of(one, here.scope), lambda one, key: self._keeps(one, key, here.scope))
        names = list(element.slices)
        found: dict[str, list[Entry]] = {name: [] for name in names}
        order: list[int] = []
        for entry in entries:
            name = self.slicer.slice_of(element, entry, asked)
            if name is not None:
                found[name].append(entry)
                order.append(names.index(name))
            elif element.slicing.closed:
                self.say("structure", f"one of the slices {', '.join(names)}", entry.path)
        at = entries[0].path.rpartition("[")[0] if element.many else entries[0].path
        if element.slicing.ordered and order != sorted(order):
            self.say("structure", f"slices in the order {', '.join(names)}", at)
        for name, slice_ in element.slices.items():
            if self.slicer.decides(element, slice_, resolving=self.closed):
                self._slice(name, slice_, found[name], at, here)
        return {id(entry.value) for own in found.values() for entry in own}

    def _slice(self, name: str, slice_: Element, own: list[Entry], at: str, here: Here) -> None:
        if len(own) < slice_.low:
            self.say("required", f"{_times(slice_.low, slice_.high)} of the slice {name}", at)
        elif slice_.high is not None and len(own) > slice_.high:
            self.say("structure", f"{_times(slice_.low, slice_.high)} of the slice {name}", own[-1].path)
        for entry in own:
            self.value(entry, slice_, here)
        if own:
            self.slices(slice_, own, here)

    def _keeps(self, value: Any, key: str, scope: Scope) -> bool:
        profile = self.definitions.profile(key)
        if profile is None or not isinstance(value, dict):
            return profile is None
        if profile.kind != "resource":
            root = self.definitions.root(profile)
            return not _has_error(self._under(value, profile, "", Here(root, Spot(None, "", profile.type), scope)))
        return profile.type == kind(value) and not _has_error(self.judge(value, profile, "", scope))

    # --- extensions ------------------------------------------------------------------------------------------

    def extensions(self, holder: dict, name: str, entries: list[Entry], sliced: set[int] | None, spot: Spot) -> None:
        """Check what only an extension must keep to: a URL that someone defined, at a place it was defined for.

        ``sliced`` are the ids of those in slices, which alone may have relative URLs; None where the definition
        at hand does not say what they are (that of the extension around does).
        """
        for entry in entries:
            url = text_of(as_dict(entry.value).get("url"))
            if url is None:
                continue
            profile = self.definitions.profile(url)
            if ":" not in url:
                if sliced is not None and id(entry.value) not in sliced:
                    self.say(
                        "extension", "an absolute URL, or one that the extension around defines", f"{entry.path}.url"
                    )
            elif profile is None:
                if name == "modifierExtension":
                    self.say("extension", "a modifier extension that is known here", entry.path)
            elif not spot.allows(profile, holder.get("url")) and not self.deviations.allows(
                profile.url, spot.names() | {str(holder.get("url"))}
            ):
                self.say("extension", "a place that the extension is defined for", entry.path)

    # --- references ------------------------------------------------------------------------------------------

    def reference(self, value: dict, type_: Type | None, path: str, scope: Scope) -> None:
        """Check that a reference means something of the types and profiles that its element names."""
        literal = text_of(value.get("reference"))
        known = self._known_targets(type_) if type_ else None
        if literal is None:
            said = text_of(value.get("type"))
            if said and known and said.rpartition("/")[2] not in {p.type for p in known}:
                self.say("invalid", f"a reference to {_kinds(known)}", f"{path}.type")
            return
        target = self.map.follow(literal, scope)
        if target is None:
            self._unresolved(literal, known, path)
        elif known is not None:
            self._target_keeps(target, known, path)

    def _target_keeps(self, target: Target, known: list[Profile], path: str) -> None:
        fitting = [p for p in known if p.type == kind(target.resource)]
        if not fitting:
            self.say("invalid", f"a reference to {_kinds(known)}", path)
        elif fitting[0].derived and (
            nearest := self._nearest(target.resource, fitting, target.path or path, target.scope)
        ):
            names = " or ".join(profile.url.rpartition("/")[2] for profile in fitting)
            self.say("invalid", f"a target that keeps to {names}", path)
            self.issues += nearest

    def _known_targets(self, type_: Type) -> list[Profile] | None:
        """Return the profiles that a target must keep to one of; None where anything will do, or cannot be told.

        A type comes before its profiles: a reference to any Claim is one to a Claim under whatever profile.
        """
        if type_ not in self.targets:
            known = [profile for key in type_.targets if (profile := self.definitions.profile(key))]
            sure = known and len(known) == len(type_.targets) and not any(p.type in _ANY_RESOURCE for p in known)
            self.targets[type_] = sorted(known, key=lambda p: p.derived) if sure else None
        return self.targets[type_]

    def _unresolved(self, literal: str, known: list[Profile] | None, path: str) -> None:
        """Judge a reference out of the body: by the type that its URL names, and by its being relative."""
        said = (local_part(literal.partition("|")[0]) or "").partition("/")[0]
        if literal.startswith("#"):
            self.say("invariant", "ref-1: a resource that is contained here", path)
        elif known and said and self.definitions.type(said) and said not in {p.type for p in known}:
            self.say("invalid", f"a reference to {_kinds(known)}", path)
        elif self.closed and not literal.startswith(("http:", "https:")):
            self.say("not-found", "a reference to something that was sent along", path)

    def _target_of(self, reference: Any, scope: Scope) -> dict | None:
        literal = text_of(as_dict(reference).get("reference"))
        target = self.map.follow(literal, scope) if literal else None
        return target.resource if target else None

    # --- codes and rules -------------------------------------------------------------------------------------

    def coding(self, value: dict, path: str) -> None:
        system, code = value.get("system"), value.get("code")
        if not isinstance(system, str) or not system:
            return
        if ":" not in system:
            self.say("value", "an absolute URI", f"{path}.system")
        codes = self.definitions.systems.get(system)
        if codes is not None and isinstance(code, str) and code not in codes and code.lower() not in codes:
            self.say("code-invalid", "a code of the code system that is named", f"{path}.code")

    def binding(self, entry: Entry, strength: str, codes: str) -> None:
        found = coded(entry.value)
        if any(self.slicer.holds(codes, one) for one in found):
            return
        url = codes.partition("|")[0]
        if strength != "required":
            if found:
                self.say("code-invalid", f"a code from {url}, if one fits", entry.path, severity="warning")
        elif found or not _says_why_not(entry.value):
            self.say("code-invalid", f"a code from {url}", entry.path)

    def rules(self, value: Any, element: Element, path: str, scope: Scope) -> None:
        for name in element.invariants:
            rule = BY_NAME.get(name)
            if rule is not None and not self.deviations.holds(rule)(value, scope.resource):
                self.say("invariant", f"{rule.key}: {rule.says}", path, severity=rule.severity)

    def contained(self, value: dict, path: str) -> None:
        """Check what FHIR asks of contained resources (dom-2 to dom-5)."""
        inside = dicts(value.get("contained"))
        named = set(_local_references(value)) if inside else set()
        for place, one in enumerate(inside):
            at, meta = f"{path}.contained[{place}]", as_dict(one.get("meta"))
            if one.get("contained"):
                self.say("invariant", "dom-2: no contained resource inside a contained one", at)
            if "versionId" in meta or "lastUpdated" in meta:
                self.say("invariant", "dom-4: no version of a contained resource", at)
            if "security" in meta:
                self.say("invariant", "dom-5: no security label of a contained resource", at)
            if f"#{one.get('id')}" not in named and "#" not in _local_references(one):
                self.say("invariant", "dom-3: a contained resource that is referred to", at)

    # --- what was found --------------------------------------------------------------------------------------

    def say(self, code: str, expected: str, path: str, *, severity: str = "error") -> None:
        if len(self.issues) < _MAX_ISSUES:
            self.issues.append(Issue(code, f"expected {expected}", path, severity))

    def spend(self, path: str) -> None:
        self.left -= 1
        if self.left < 0 or path.count(".") > _MAX_STEPS:
            raise TooMuchError


def _errors(issues: Iterable[Issue]) -> int:
    return sum(issue.severity == "error" for issue in issues)


def _has_error(issues: Iterable[Issue]) -> bool:
    return any(issue.severity == "error" for issue in issues)


def _times(low: int, high: int | None) -> str:
    if high == 0:
        return "nothing here"
    if high is None:
        return f"at least {low}"
    return f"exactly {low}" if low == high else f"{low} to {high}"


def _kinds(profiles: list[Profile]) -> str:
    return " or ".join(sorted({profile.type for profile in profiles}))


def _has_value(extension: Mapping) -> bool:
    return any(key.removeprefix("_").startswith("value") for key in extension)


def _says_why_not(value: Any) -> bool:
    """Tell whether a value without a code has an extension in its place (data-absent-reason)."""
    return isinstance(value, dict) and "extension" in value and "text" not in value


def _local_references(value: Any) -> Iterator[str]:
    """Yield every reference, canonical and URI that starts with ``#``, at any depth."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
        elif isinstance(node, str) and node.startswith("#"):
            yield node
