"""Where in its resource does a value stand that was only looked over?

Whoever looks over a resource carries no paths: of most there is nothing to be said. The few values of which there is
are found again by what they are, and their way is then walked down beside the definitions, which spell a FHIRPath.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from fhir_r4.profiles.elements import Element, Type
from fhir_r4.profiles.facts import Definitions
from fhir_r4.profiles.scope import Here, Spot

_Trail = tuple[Any, str | int] | None  # the trail of what holds it, and the step from there
_NOTHING = Element()


@dataclass(frozen=True, slots=True)
class Place:
    """One value found again.

    Attributes:
        holder: the object whose property it is, or whose list it is in; ``here`` is where that stands.
        element: what is said of it by the definition of its holder.
        path: its FHIRPath.
    """

    value: Any
    holder: dict
    here: Here
    element: Element
    path: str


def places(definitions: Definitions, value: dict, path: str, here: Here, wanted: AbstractSet[int]) -> Iterator[Place]:
    """Yield the place of each value below ``value``, at ``path``, whose id is ``wanted``."""
    for trail in _trails(value, wanted):
        yield _place(definitions, value, path, here, trail)


def _trails(value: dict, wanted: AbstractSet[int]) -> Iterator[list[str | int]]:
    """Yield the way to each value, in the order they are written in: FHIR writes extensions and codes first."""
    waiting: list[tuple[Any, _Trail]] = [(value, None)]
    while waiting:
        node, trail = waiting.pop()
        if trail is not None and id(node) in wanted:
            yield _steps(trail)
        members = node.items() if type(node) is dict else enumerate(node)
        below = [(child, (trail, step)) for step, child in members if type(child) is dict or type(child) is list]
        waiting += reversed(below)


def _steps(trail: _Trail) -> list[str | int]:
    steps: list[str | int] = []
    while trail is not None:
        trail, step = trail
        steps.append(step)
    return steps[::-1]


def _place(definitions: Definitions, value: Any, path: str, here: Here, trail: list[str | int]) -> Place:
    holder, around, element = value, here, here.root
    elements = [here.root]  # that may define the properties of ``value``
    for step in trail:
        if isinstance(step, int):
            path = f"{path}[{step}]"
        else:
            holder, around = value, here
            name, type_, element = next((f for one in elements if (f := _property(one, step))), (step, None, _NOTHING))
            code = type_.code if type_ else "Element"
            path = f"{path}.{name[:-3]}.ofType({code})" if name.endswith("[x]") else f"{path}.{name}"
            here = here.below(name.removesuffix("[x]"), code)
            if element.same_as:
                here = Here(here.root, Spot(None, "", element.same_as), here.scope)
            elements = list(_definitions_of(definitions, element, code, here.root))
        value = value[step]
    return Place(value, holder, around, element, path)


def _property(element: Element, key: str) -> tuple[str, Type | None, Element] | None:
    known = element.properties.get(key)
    return (*known, element.children[known[0]]) if known else None


def _definitions_of(definitions: Definitions, element: Element, code: str, root: Element) -> Iterator[Element]:
    if element.same_as:
        yield root.at(element.same_as)
    yield element
    type_ = definitions.type(code)
    if type_ is not None:
        yield definitions.root(type_)
