"""Which code of a code system is above which?

A parent is told by nesting, by a ``parent`` or ``subsumedBy`` property of the child, or by a ``child`` property of
the parent.

Source: FHIR R4, CodeSystem.concept and its standard properties.
"""

from collections.abc import Iterator

from fhir_r4.resource import dicts, text_of

_UPWARD = frozenset({"parent", "subsumedBy"})


class Hierarchy:
    """Who is whose parent in one code system; a code may have several."""

    def __init__(self, system: dict) -> None:
        self._parents: dict[str, set[str]] = {}
        stack: list[tuple[str | None, dict]] = [(None, one) for one in dicts(system.get("concept"))]
        while stack:
            above, concept = stack.pop()
            code = text_of(concept.get("code")) or ""
            parents = self._parents.setdefault(code, set())
            parents.update({above} if above else set())
            for name, other in _properties(concept):
                if name in _UPWARD:
                    parents.add(other)
                elif name == "child":
                    self._parents.setdefault(other, set()).add(code)
            stack.extend((code, one) for one in dicts(concept.get("concept")))

    def has(self, code: str | None) -> bool:
        return code in self._parents

    def is_above(self, ancestor: str, descendant: str) -> bool:
        """Tell whether ``ancestor`` is met on the way up; a circle ends the way."""
        seen: set[str] = set()
        waiting = [descendant]
        while waiting:
            code = waiting.pop()
            if code == ancestor:
                return True
            if code not in seen:
                seen.add(code)
                waiting.extend(self._parents.get(code, ()))
        return False


def _properties(concept: dict) -> Iterator[tuple[str, str]]:
    for one in dicts(concept.get("property")):
        name, other = text_of(one.get("code")), text_of(one.get("valueCode"))
        if name and other:
            yield name, other
