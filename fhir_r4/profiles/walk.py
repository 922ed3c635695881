"""What is wrong with a resource, and where?

The walk goes down a resource beside the elements of its profile and names every fault by its FHIRPath. It follows
references to the entries of the same Bundle, and stops where a body asks for more work than any honest one. What
keeps to its profile's schema is only looked over for what a schema cannot say; of the rest, the parts that the
schema refused are looked at closely, value by value.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema_rs import Draft202012Validator

from fhir_r4.problems import Issue
from fhir_r4.profiles.children import Children
from fhir_r4.profiles.codes import Codes
from fhir_r4.profiles.contained import check_contained
from fhir_r4.profiles.deviations import Deviations
from fhir_r4.profiles.elements import Element, Type
from fhir_r4.profiles.facts import Definitions, Profile
from fhir_r4.profiles.findings import Findings, Found, TooMuchError, errors, has_error
from fhir_r4.profiles.invariants import rules_of
from fhir_r4.profiles.places import Place, places
from fhir_r4.profiles.scope import Here, Map, Scope, Spot
from fhir_r4.profiles.sliced import Slices
from fhir_r4.profiles.slices import Entry, Slicer
from fhir_r4.profiles.suspects import EVERYTHING, Suspects, accepted, refused
from fhir_r4.profiles.targets import ANY_RESOURCE, Targets, Wanted
from fhir_r4.profiles.values import Values
from fhir_r4.profiles.watch import Watch
from fhir_r4.profiles.watches import Watches
from fhir_r4.resource import as_dict, as_list, kind

_MAX_CHAIN = 24  # resources in resources, and profiles that ask for profiles of what is referred to


@dataclass(frozen=True, slots=True)
class Measure:
    """What a resource is measured by under one profile: its schema, and what is left to look at then.

    Attributes:
        schema: of several profiles, of which ``key`` is one.
        again: what to look at where the resource was found in order under another profile.
        implied: the keys of the profiles that what keeps to this one keeps to as well.
    """

    schema: Draft202012Validator
    key: str
    watch: Watch
    again: Watch
    implied: Collection[str]

    def accepts(self, value: dict) -> bool:
        """Tell whether the schema has nothing against a value."""
        return self.schema.is_valid({self.key: value})

    def refused(self, value: dict) -> Suspects:
        """Return what the schema has something against."""
        return refused(self.schema.iter_errors({self.key: value}), value)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all checks of one generation share.

    Attributes:
        measure: what a resource is measured by under a profile.
        watches: what is left to look at in what keeps to its schema.
        wanted: what each type of reference may lead to.
    """

    definitions: Definitions
    slicer: Slicer
    deviations: Deviations
    measure: Callable[[Profile], Measure]
    watches: Watches
    wanted: Wanted


class Walk:
    """One check of one body.

    Args:
        closed: every relative reference must resolve within the body.
        claimed: what a resource claims in ``meta.profile`` counts, and the profiles of what references lead to.
        closely: do without the schemas; the answer is the same.
        most: how many values may be looked at closely.
    """

    def __init__(self, tools: Tools, *, closed: bool, claimed: bool, closely: bool, most: int) -> None:
        self.definitions, self.slicer, self.deviations = tools.definitions, tools.slicer, tools.deviations
        self.watches = tools.watches
        self.findings = Findings(most)
        self.map = Map()
        self.suspects = EVERYTHING
        self.targets = Targets(self, tools.wanted, closed=closed, profiled=claimed)
        self._tools = tools
        self._claimed = claimed
        self._closely = closely
        self._judged: dict[tuple[int, str], list[Issue]] = {}
        self._looked_over: set[int] = set()
        self._unnamed: dict[tuple[int, int], list[Issue]] = {}
        self._judging: list[int] = []

    def end(self) -> None:
        """Let go of the parts, which know the walk: a body goes as its check ends, and not when garbage is sought."""
        vars(self).clear()

    # --- what looks closely, and is made when there is something to look at ---------------------------------------

    @cached_property
    def children(self) -> Children:
        return Children(self)

    @cached_property
    def values(self) -> Values:
        return Values(self)

    @cached_property
    def slices(self) -> Slices:
        return Slices(self)

    @cached_property
    def codes(self) -> Codes:
        return Codes(self.definitions, self.slicer, self.findings)

    # --- profiles --------------------------------------------------------------------------------------------

    def resource(self, value: Any, wanted: Collection[Profile], path: str, scope: Scope) -> None:
        """Check a resource against the profiles ``wanted`` of it and those it claims, or else its bare type."""
        type_ = self.definitions.resources.get(scope.kind)
        if type_ is None:
            self.findings.say("structure", "a resource of FHIR R4, named by resourceType", path)
            return
        if self._claimed and "meta" in value:
            wanted = dict.fromkeys([*wanted, *self._claims(value, path)])
        for profile in wanted or (type_,):
            if verdict := self.judge(value, profile, path, scope):
                self.findings.include(verdict)

    def _claims(self, value: dict, path: str) -> Iterator[Profile]:
        for place, canonical in enumerate(as_list(as_dict(value["meta"]).get("profile"))):
            profile = self.definitions.profile(canonical) if isinstance(canonical, str) else None
            at = f"{path}.meta.profile[{place}]"
            if profile is None:
                said = "a profile that is known here; this one is not checked"
                self.findings.say("not-found", said, at, severity="warning")
            elif profile.type != kind(value):
                self.findings.say("invalid", f"a profile of {kind(value)}", at)
            else:
                yield profile

    def inside(self, value: Any, element: Element, path: str, scope: Scope) -> None:
        """Check a resource inside another one: contained, in a Bundle's entry, or in Parameters."""
        if not isinstance(value, dict):
            self.findings.say("structure", "a resource", path)
            return
        own = self.map.enter(value, path, scope)
        wanted = self._tools.wanted.inside(element, own.kind)
        if wanted is None:
            self.findings.say("invalid", f"a {' or '.join(sorted(t.code for t in element.types))}", path)
            return
        if len(wanted) > 1:
            self._one_of(value, wanted, path, own)
        self.resource(value, wanted if len(wanted) == 1 else (), path, own)

    def _one_of(self, value: dict, profiles: list[Profile], path: str, scope: Scope) -> None:
        nearest = self.nearest(value, profiles, path, scope)
        if nearest:
            names = ", ".join(profile.url.rpartition("/")[2] for profile in profiles)
            self.findings.here.issues += nearest
            said = f"one that keeps to {names}; the faults are those against the nearest"
            self.findings.say("invalid", said, path)

    def nearest(self, value: dict, profiles: list[Profile], path: str, scope: Scope) -> list[Issue]:
        """Return the issues under the profile that ``value`` is nearest to; none where it keeps to one of them."""
        best: list[Issue] = []
        for profile in self._likeliest_first(profiles, value) if len(profiles) > 1 else profiles:
            verdict = self.judge(value, profile, path, scope)
            if not (verdict and has_error(verdict)):
                return []
            if not best or errors(verdict) < errors(best):
                best = verdict
        return best

    def _likeliest_first(self, profiles: list[Profile], value: dict) -> Iterator[Profile]:
        """Yield first what its schema accepts, which costs least to judge; of these first what ``value`` claims."""
        claimed = as_list(as_dict(value.get("meta")).get("profile"))
        refusing = []
        for profile in sorted(profiles, key=lambda p: p.url not in claimed):
            if self._tools.measure(profile).accepts(value):
                yield profile
            else:
                refusing.append(profile)
        yield from refusing

    # --- one resource under one profile --------------------------------------------------------------------------

    def judge(self, value: dict, profile: Profile, path: str, scope: Scope) -> list[Issue]:
        """Return the issues of a resource under one profile; what is being judged already is taken to be right."""
        key = (id(value), profile.key)
        known = self._judged.get(key)
        if known is not None:
            return known
        if len(self._judging) >= _MAX_CHAIN:
            raise TooMuchError
        measure = self._tools.measure(profile)
        above, found = self.findings.here, Found()
        self.findings.here, self._judged[key] = found, found.issues
        self._judging.append(id(value))
        suspects = EVERYTHING if self._closely else self._suspects_in(value, measure, path, scope)
        if suspects is not None or found.advice or found.unnamed:
            self._look_closer(value, profile, suspects, path, scope)
        self._judging.pop()
        self.findings.here = above
        if not (found.issues or self._closely):
            for implied in measure.implied:
                self._judged.setdefault((id(value), implied), found.issues)
        return found.issues

    def is_judging(self, value: dict) -> bool:
        """Tell whether a resource is being judged, so that its verdict is not out yet."""
        return id(value) in self._judging

    def _suspects_in(self, value: dict, measure: Measure, path: str, scope: Scope) -> Suspects | None:
        """Return what must be looked at closely; None where looking over the resource found all in order."""
        if not measure.accepts(value):
            return measure.refused(value)
        watch = measure.again if id(value) in self._looked_over else measure.watch
        if not watch.look(value, self, path, scope):
            return accepted(value)
        self._looked_over.add(id(value))
        return None

    def _look_closer(self, value: dict, profile: Profile, suspects: Suspects | None, path: str, scope: Scope) -> None:
        """Say what is wrong with the ``suspects`` in a resource, and what was noted while it was looked over."""
        if profile.type != value.get("resourceType") and profile.type not in ANY_RESOURCE:
            self.findings.say("invalid", f"a {profile.type}", path)
            return
        root = self.definitions.root(profile)
        here = Here(root, Spot(None, profile.type, profile.type), scope)
        if suspects is not None:
            with self.suspecting(suspects):
                self.children.check(value, root, path, here)
                self.rules(value, root, path, scope)
                check_contained(value, path, self.findings)
        self.settle(value, path, here)

    @contextmanager
    def suspecting(self, suspects: Suspects) -> Iterator[None]:
        """Let ``suspects`` say for a while what must be looked at closely."""
        above, self.suspects = self.suspects, suspects
        try:
            yield
        finally:
            self.suspects = above

    def settle(self, value: dict, path: str, here: Here) -> None:
        """Say what there is to say of what was noted while ``value``, at ``path``, was looked over."""
        found = self.findings.here
        advice: dict[int, set[str]] = {}
        for one, codes in found.advice:
            advice.setdefault(id(one), set()).add(codes)
        unnamed = {(listed, id(one)) for listed, one in found.unnamed} - found.named
        missing = unnamed - self._unnamed.keys()
        wanted = advice.keys() | {one for _, one in missing}
        for place in places(self.definitions, value, path, here, wanted) if wanted else ():
            for codes in sorted(advice.pop(id(place.value), ())):
                self.codes.binding(Entry(place.value, None, None, place.path), "extensible", codes)
            of_one = id(place.holder.get("extension")), id(place.value)
            if of_one in missing:
                self._unnamed[of_one] = self._of_unnamed(place)
                missing.remove(of_one)
            if not (advice or missing):
                break
        for of_one in unnamed:
            self.findings.here.issues += self._unnamed[of_one]

    def _of_unnamed(self, place: Place) -> list[Issue]:
        """Return what is wrong with an extension that no profile names, which its schema lets pass."""
        entry = Entry(place.value, None, Type("Extension"), place.path)
        self.findings.spend(place.path)
        with self.findings.apart() as found:
            if not self._keeps_to_its_own(entry, place.here):
                with self.suspecting(EVERYTHING):
                    self.values.check(entry, place.element, place.here.below("extension", "Extension"), accepted=False)
            self.slices.extensions(place.holder, "extension", [entry], set(), place.here.spot)
        return found

    def _keeps_to_its_own(self, entry: Entry, around: Here) -> bool:
        """Tell whether an extension keeps to its own definition, and say what is recommended of it."""
        profile = self.definitions.profile(entry.value["url"])
        if profile is None or profile.type != "Extension":
            return False
        measure = self._tools.measure(profile)
        if not measure.accepts(entry.value):
            return False
        if not measure.watch.look(entry.value, self, entry.path, around.scope):
            return False
        here = around.below("extension", "Extension")
        self.settle(entry.value, entry.path, Here(self.definitions.root(profile), here.spot, here.scope))
        return True

    def rules(self, value: Any, element: Element, path: str, scope: Scope) -> None:
        """Check the invariants of an element."""
        for rule in rules_of(element.invariants):
            if not self.deviations.holds(rule)(value, scope.resource):
                self.findings.say("invariant", f"{rule.key}: {rule.says}", path, severity=rule.severity)
