"""Which codes does a value set hold?

Enumerated are: listed concepts, complete code systems, the filters that a complete code system's hierarchy can
answer, other value sets, and what is excluded from these. Of everything else (SNOMED CT, LOINC, X12, VSAC) only
the system is known, or not even that; such a value set accepts what it cannot rule out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fhir_r4.resource import as_dict, as_list, dicts, text_of

_DEEP = 20  # value sets that include one another


@dataclass
class Codes:
    """The codes of a value set by system; None means any code of that system.

    ``unknown`` says that some part is named by a value set or without a system that no package holds, so nothing
    can be ruled out.
    """

    systems: dict[str, set[str] | None] = field(default_factory=dict)
    unknown: bool = False

    def add(self, other: "Codes") -> None:
        self.unknown |= other.unknown
        for system, codes in other.systems.items():
            mine = self.systems.get(system, set())
            self.systems[system] = None if codes is None or mine is None else mine | codes

    def remove(self, other: "Codes") -> None:
        """Take out what ``other`` certainly holds."""
        for system, codes in other.systems.items():
            mine = self.systems.get(system)
            if codes is not None and mine is not None:
                self.systems[system] = mine - codes

    def narrowed(self, other: "Codes") -> "Codes":
        """Return what is in both (``include`` with a system and value sets, or with several value sets)."""
        if other.unknown:
            return self
        if self.unknown:
            return other
        both: dict[str, set[str] | None] = {}
        for system in self.systems.keys() & other.systems.keys():
            mine, theirs = self.systems[system], other.systems[system]
            both[system] = theirs if mine is None else mine if theirs is None else mine & theirs
        return Codes(both)

    @property
    def checkable(self) -> bool:
        return not self.unknown and bool(self.systems)

    def to_facts(self) -> dict[str, list[str] | None]:
        return {system: None if codes is None else sorted(codes) for system, codes in sorted(self.systems.items())}


Find = Callable[[str], dict | None]


def expanded(value_set: dict, value_sets: Find, code_systems: Find, depth: int = 0) -> Codes:
    """Return the codes of ``value_set``; the two functions find definitions by canonical."""
    compose = as_dict(value_set.get("compose"))
    if not dicts(compose.get("include")):
        return _listed(as_dict(value_set.get("expansion")))
    result = Codes()
    for include in dicts(compose.get("include")):
        result.add(_part(include, value_sets, code_systems, depth))
    for exclude in dicts(compose.get("exclude")):
        result.remove(_part(exclude, value_sets, code_systems, depth))
    return result


def _listed(expansion: dict) -> Codes:
    found = Codes(unknown=not dicts(expansion.get("contains")))
    waiting = dicts(expansion.get("contains"))
    while waiting:
        entry = waiting.pop()
        waiting += dicts(entry.get("contains"))
        if (system := text_of(entry.get("system"))) and (code := text_of(entry.get("code"))):
            found.add(Codes({system: {code}}))
    return found


def _part(include: dict, value_sets: Find, code_systems: Find, depth: int) -> Codes:
    system = text_of(include.get("system"))
    found = _of_system(system, include, code_systems) if system else None
    for canonical in as_list(include.get("valueSet")):
        inner = value_sets(canonical) if depth < _DEEP else None
        codes = expanded(inner, value_sets, code_systems, depth + 1) if inner else Codes(unknown=True)
        found = codes if found is None else found.narrowed(codes)
    return found or Codes(unknown=True)


def _of_system(system: str, include: dict, code_systems: Find) -> Codes:
    concepts = {code for c in dicts(include.get("concept")) if (code := text_of(c.get("code")))}
    if concepts:
        return Codes({system: concepts})
    version = text_of(include.get("version"))
    defined = code_systems(f"{system}|{version}" if version else system)
    if defined is None or not is_complete(defined):
        return Codes({system: None})
    filters = dicts(include.get("filter"))
    chosen = all_codes(defined)
    for one in filters:
        answer = _filtered(defined, one)
        if answer is None:
            return Codes({system: None})
        chosen &= answer
    return Codes({system: chosen})


def is_complete(code_system: dict) -> bool:
    return code_system.get("content") == "complete" and bool(dicts(code_system.get("concept")))


def all_codes(code_system: dict) -> set[str]:
    return {code for code, _, _ in _concepts(code_system)}


def _concepts(code_system: dict) -> Iterable[tuple[str, tuple[str, ...], dict]]:
    """Yield each code with its ancestors (by nesting and by ``parent``/``subsumedBy`` properties) and its concept."""
    waiting: list[tuple[dict, tuple[str, ...]]] = [(c, ()) for c in dicts(code_system.get("concept"))]
    while waiting:
        concept, above = waiting.pop()
        code = text_of(concept.get("code")) or ""
        parents = tuple(
            p["valueCode"]
            for p in dicts(concept.get("property"))
            if p.get("code") in ("parent", "subsumedBy") and isinstance(p.get("valueCode"), str)
        )
        yield code, above + parents, concept
        waiting += [(c, (*above, code)) for c in dicts(concept.get("concept"))]


def _filtered(code_system: dict, one: dict) -> set[str] | None:
    """Return the codes that one filter lets through, or None where it cannot be answered."""
    wanted, operator = one.get("value"), one.get("op")
    if one.get("property") == "concept" and operator in ("is-a", "descendent-of", "is-not-a"):
        below = _descendants(code_system, str(wanted))
        if operator == "is-not-a":
            return all_codes(code_system) - below - {wanted}
        return below | {str(wanted)} if operator == "is-a" else below
    if operator in ("=", "in", "not-in"):
        values = {v.strip() for v in str(wanted).split(",")} if operator != "=" else {str(wanted)}
        holding = {c for c, _, concept in _concepts(code_system) if _values(concept, one.get("property")) & values}
        return all_codes(code_system) - holding if operator == "not-in" else holding
    return None


def _values(concept: dict, name: Any) -> set[str]:
    if name in ("code", "concept"):
        return {str(concept.get("code"))}
    found = [p for p in dicts(concept.get("property")) if p.get("code") == name]
    return {
        str(v).lower() if isinstance(v, bool) else str(v) for p in found for k, v in p.items() if k.startswith("value")
    }


def _descendants(code_system: dict, root: str) -> set[str]:
    parents: dict[str, set[str]] = {}
    for code, above, _ in _concepts(code_system):
        parents.setdefault(code, set()).update(above)
    below, grew = {root}, True
    while grew:
        more = {code for code, above in parents.items() if code not in below and above & below}
        below |= more
        grew = bool(more)
    return below - {root}
