"""Which invariants of an element does its schema state, so that they need no look where it accepts?"""

from fhir_r4.profiles.deviations import Deviations
from fhir_r4.profiles.elements import PRIMITIVES, Element, Type, spellings
from fhir_r4.profiles.facts import Definitions
from fhir_r4.profiles.invariants import OF_FHIR, rules_of
from fhir_r4.profiles.keywords import Schema
from fhir_r4.profiles.rules import Holds, Word

_OF_ALL = {"id", "extension", "modifierExtension"}


class Stated:
    """Tells the invariants that schemas state from those that are looked at.

    ``holder``: the element that names the children of a value; None where no schema says what is inside it.
    """

    def __init__(self, definitions: Definitions, deviations: Deviations) -> None:
        self._definitions = definitions
        self._deviations = deviations

    def schemas(self, element: Element, holder: Element | None) -> list[Schema]:
        """Return what the schema of an element states of its invariants."""
        children = holder.children if holder is not None else {}

        def spelt(name: str) -> list[str]:
            return [spelling for spelling, _ in spellings(name, children[name])] if name in children else []

        rules = (self._deviations.holds(rule) for rule in rules_of(element.invariants))
        return [holds.schema(spelt) for holds in rules if isinstance(holds, Word)] if children else []

    def others(self, element: Element, holder: Element | None, *, again: bool) -> tuple[Holds, ...]:
        """Return the invariants that are looked at; ``again``: without FHIR's own, which were looked at before."""
        rules = (rule for rule in rules_of(element.invariants) if not (again and rule.name in OF_FHIR))
        found = (self._deviations.holds(rule) for rule in rules)
        return tuple(holds for holds in found if holder is None or not isinstance(holds, Word))

    def holder(self, element: Element, type_: Type | None, root: Element) -> Element | None:
        """Return the element that names the children of a value of ``type_`` at an element below ``root``."""
        known = self._definitions.type(type_.code) if type_ else None
        if (type_ and type_.code in PRIMITIVES) or (known is not None and known.kind == "resource"):
            return None
        if element.same_as:
            return root.at(element.same_as)
        found = element if element.children or known is None else self._definitions.root(known)
        return found if found.children.keys() - _OF_ALL else None
