"""What must still be looked at in a resource that its schema accepts?

References, codings of systems that we know, invariants, resources inside, codes that are recommended, and extensions
that no profile names. A ``Watch`` stands for an element: it knows the rules there and the properties that lead on,
and looks at nothing else; everything else was settled by the schema. What it finds in order needs no closer look;
where it finds a fault, the walk says which. What is no fault (a code that is not recommended) or stands alone (an
extension) is noted, and looked into by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fhir_r4.profiles.elements import Element
from fhir_r4.profiles.rules import Holds
from fhir_r4.profiles.scope import Scope
from fhir_r4.profiles.targets import Kinds

if TYPE_CHECKING:
    from fhir_r4.profiles.walk import Walk

_FEW = 3  # properties to look for, where most objects have more that need no look


Look = Callable[[Any, "Walk", str, Scope], bool]
"""(value, walk, path, scope) -> is all in order? The path matters where a resource is inside."""


@dataclass(eq=False)
class Watch:
    """One element.

    Attributes:
        rules: the invariants of the element and of its type, as they are checked here.
        reference: what it must lead to, if it is a Reference.
        resource: its element, where it is a resource of its own.
        below: JSON property -> what to look at there.
        slice_of: an entry of a list -> what its slice adds.
        settled: all of the above is known; not so yet where an element contains itself.
        advice: the extensible value sets that its codes are recommended from.
        itself: how to look at it, where it is an integer, or has a code of a system: a Coding or a Quantity.
        concept: the code systems of its codings, where it is a CodeableConcept of which only these matter.
        leads: there are resources below, so that paths matter.
        look: looks at a value; chosen by ``settle`` for what there is to look at.
    """

    rules: tuple[Holds, ...] = ()
    reference: Kinds | None = None
    advice: tuple["Advice", ...] = ()
    itself: Look | None = None
    resource: Element | None = None
    below: dict[str, Look] = field(default_factory=dict)
    slice_of: "Callable[[Any], Watch | None] | None" = None
    leads: bool = False
    concept: "Systems | None" = None
    settled: bool = False
    look: Look = field(init=False)
    _own: tuple[Look, ...] = ()

    def __post_init__(self) -> None:
        self.look = self._look

    @property
    def is_idle(self) -> bool:
        """There is nothing to look at but what slices add."""
        own = self.itself or self.resource or self.reference is not None
        return not (own or self.rules or self.advice or self.below)

    def settle(self) -> None:
        """Choose how to look, now that all is known."""
        self.settled = True
        leads = None if self.reference is None else leading(self.reference, None)
        self._own = tuple(filter(None, (self.itself, leads)))
        if self.concept is not None and not self.rules:
            self.look = concept_in(self.concept, self.advice)
            return
        if self.resource is not None:
            self.look = inside(self.resource)
        elif self.reference is not None and not (self.rules or self.itself):
            self.look = leading(self.reference, self._below() if self.below else None)
        elif self.itself and not (self.rules or self.below):
            self.look = self.itself
        elif not (self._own or self.below):
            self.look = self._look_at_one_rule if len(self.rules) == 1 else self._look_at_rules
        elif not (self.rules or self._own):
            self.look = self._below()
        if self.advice:
            only = not (self.rules or self._own or self.below)
            self.look = advised(None if only else self.look, self.advice)

    def _below(self) -> Look:
        return self._look_at_few if len(self.below) <= _FEW else self._look_below

    def _look(self, value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        for holds in self.rules:
            if not holds(value, scope.resource):
                return False
        for look in self._own:
            if not look(value, walk, path, scope):
                return False
        return self._look_below(value, walk, path, scope)

    def _look_at_rules(self, value: Any, _walk: "Walk", _path: str, scope: Scope) -> bool:
        for holds in self.rules:  # noqa: SIM110 a loop is faster
            if not holds(value, scope.resource):
                return False
        return True

    def _look_at_one_rule(self, value: Any, _walk: "Walk", _path: str, scope: Scope) -> bool:
        return self.rules[0](value, scope.resource)

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


SliceOf = Callable[[Any], Watch | None]
Systems = Mapping[str, frozenset[str]]
Advice = tuple[str, Mapping[str, frozenset[str] | None]]
"""A value set's key, and its codes by system; None: any."""


def inside(element: Element, step: str = "") -> Look:
    """Return how to look at a resource inside another one, ``step`` below the path of its holder."""

    def look(value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        walk.inside(value, element, path + step, scope)
        return True

    return look


def leading(wanted: Kinds, below: Look | None) -> Look:
    """Return how to look at a reference, of which a body has hundreds, most of them to the same few."""
    this = id(wanted)

    def look(value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        literal = value.get("reference")
        if literal is None:
            if "type" in value:
                return False
        elif (this, literal) not in scope.sound and not walk.targets.is_sound(literal, wanted, scope):
            return False
        return below is None or len(value) == 1 or below(value, walk, path, scope)

    return look


def coding_in(systems: Systems) -> Look:
    """Return how to look at a Coding: is its code one of its system's, where that is known?"""

    def is_known(coding: Any, _walk: "Walk", _path: str, _scope: Scope) -> bool:
        system = coding.get("system")
        codes = systems.get(system)
        if codes is None:
            return system is None or ":" in system
        return coding.get("code") in codes or "code" not in coding

    return is_known


def concept_in(systems: Systems, advice: tuple[Advice, ...]) -> Look:
    """Return how to look at a CodeableConcept, of which a body has hundreds: all codings in one call."""

    def are_known(concept: Any, walk: "Walk", _path: str, _scope: Scope) -> bool:
        codings = concept.get("coding", ())
        for coding in codings:
            system = coding.get("system")
            codes = systems.get(system)
            if codes is None:
                if system is not None and ":" not in system:
                    return False
            elif coding.get("code") not in codes and "code" in coding:
                return False
        for key, recommended in advice if codings else ():
            if not _is_among(codings, recommended):
                walk.findings.here.advice.append((concept, key))
        return True

    return are_known


def advised(look: Look | None, advice: tuple[Advice, ...]) -> Look:
    """Return how to look at a coded value whose codes are recommended, not asked for: one that is not is noted.

    ``look``: how to look at what else there is of it.
    """

    def look_and_note(value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        if look is not None and not look(value, walk, path, scope):
            return False
        codings = value.get("coding") or ((value,) if "code" in value else ())
        for key, recommended in advice if codings else ():
            if not _is_among(codings, recommended):
                walk.findings.here.advice.append((value, key))
        return True

    return look_and_note


def _is_among(codings: Any, recommended: Mapping[str, frozenset[str] | None]) -> bool:
    for one in codings:
        codes = recommended.get(one.get("system", ""), ())
        if codes is None or one.get("code") in codes:
            return True
    return False


def extensions_beside(named: frozenset[str | None], slice_of: SliceOf | None) -> Look:
    """Return how to look at extensions: those that slices name, there; the others are noted."""

    def look(values: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        found, listed = walk.findings.here, id(values)
        for one in values:
            if one["url"] not in named:
                found.unnamed.append((listed, one))
                continue
            found.named.add((listed, id(one)))
            own = slice_of(one) if slice_of is not None else None
            if own is not None and not own.look(one, walk, path, scope):
                return False
        return True

    return look


def single(name: str, inner: Watch) -> Look:
    """Return how to look at a single value."""
    if inner.resource is not None and inner.slice_of is None:
        return inside(inner.resource, f".{name}")

    def look(value: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        at = f"{path}.{name}" if inner.leads else path
        own = inner.slice_of(value) if inner.slice_of is not None else None
        if own is not None and not own.look(value, walk, at, scope):
            return False
        return inner.look(value, walk, at, scope)

    return look if inner.leads or inner.slice_of is not None else inner.look


def listed(name: str, inner: Watch) -> Look:
    """Return how to look at a list."""
    if inner.leads or not inner.settled or (inner.slice_of is not None and not inner.is_idle):
        return _with_paths(name, inner)
    return _plainly(inner.look) if inner.slice_of is None else _in_slices(inner.slice_of)


def _with_paths(name: str, inner: Watch) -> Look:
    def look(values: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        for place, value in enumerate(values):
            at = f"{path}.{name}[{place}]"
            own = inner.slice_of(value) if inner.slice_of is not None else None
            if own is not None and not own.look(value, walk, at, scope):
                return False
            if not inner.look(value, walk, at, scope):
                return False
        return True

    return look


def _plainly(inner: Look) -> Look:
    def look(values: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        for value in values:  # noqa: SIM110 a loop is faster
            if not inner(value, walk, path, scope):
                return False
        return True

    return look


def _in_slices(slice_of: SliceOf) -> Look:
    def look(values: Any, walk: "Walk", path: str, scope: Scope) -> bool:
        for value in values:
            own = slice_of(value)
            if own is not None and not own.look(value, walk, path, scope):
                return False
        return True

    return look


def look_closer(_value: Any, _resource: dict) -> bool:
    """Leave it to the walk: which of several profiles a value keeps to decides what to watch."""
    return False


def is_written_whole(value: Any, _walk: "Walk", _path: str, _scope: Scope) -> bool:
    """Tell whether an integer came without a fraction: to JSON Schema 1.0 is one, to FHIR it is not."""
    return isinstance(value, int)
