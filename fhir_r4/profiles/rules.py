"""What is an invariant in Python, and of what words is it made?

A rule is a function of the element and of the resource that holds it; most are put together from the words here.
No word raises on any JSON: a fault of shape is reported by whoever looks at shape.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhir_r4.resource import as_dict, dicts, kind

Holds = Callable[[Any, dict], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One invariant.

    Attributes:
        key: as published; ``start`` how its expression begins, where the key alone is not enough.
        says: what is expected, as a sentence for the developer on the other side.
        holds: (element, resource that holds it) -> does it keep to the rule? Never raises on any JSON.
    """

    key: str
    says: str
    holds: Holds
    start: str = ""
    severity: str = "error"

    @property
    def name(self) -> str:
        return f"{self.key}:{self.start}" if self.start else self.key


def has(element: Any, name: str) -> bool:
    """Tell whether an element has a child: itself, its ``_`` sibling, or any type of a choice.

    >>> has({"valueString": "x"}, "value"), has({"_status": {"id": "1"}}, "status"), has({}, "status")
    (True, True, False)
    """
    if not isinstance(element, dict):
        return False
    if element.get(name) not in (None, []) or f"_{name}" in element:
        return True
    size = len(name)
    for key in element:  # noqa: SIM110 a loop is faster, and this is asked some hundred times of every body
        if len(key) > size and key[size].isupper() and key.startswith(name):
            return True
    return False


def is_one_of(value: Any, texts: set[str]) -> bool:
    """Tell whether a value is one of some texts, whatever JSON it is.

    >>> is_one_of(["a"], {"a"}), is_one_of("a", {"a"})
    (False, True)
    """
    return isinstance(value, str) and value in texts


def any_of(*names: str) -> Holds:
    return lambda element, _: any(has(element, name) for name in names)


def needs(one: str, other: str) -> Holds:
    return lambda element, _: not has(element, one) or has(element, other)


def not_both(one: str, other: str) -> Holds:
    return lambda element, _: not (has(element, one) and has(element, other))


def either(one: str, other: str) -> Holds:
    return lambda element, _: has(element, one) != has(element, other)


def when(name: str, values: set[str], then: Holds) -> Holds:
    """If the code ``name`` is one of ``values``, ``then`` must hold."""
    return lambda element, resource: not is_one_of(as_dict(element).get(name), values) or then(element, resource)


def unless(name: str, values: set[str], then: Holds) -> Holds:
    return lambda element, resource: is_one_of(as_dict(element).get(name), values) or then(element, resource)


def absent(*names: str) -> Holds:
    return lambda element, _: not any(has(element, name) for name in names)


def both(one: Holds, other: Holds) -> Holds:
    return lambda element, resource: one(element, resource) and other(element, resource)


def coded(concept: Any, system: str | None, codes: set[str]) -> bool:
    """Tell whether a CodeableConcept, or one of a list of them, carries one of ``codes`` (of ``system``)."""
    return any(
        is_one_of(coding.get("code"), codes) and system in (None, coding.get("system"))
        for one in (dicts(concept) or [as_dict(concept)])
        for coding in dicts(one.get("coding"))
    )


def matches(pattern: str, name: str = "value") -> Holds:
    compiled = re.compile(pattern)

    def holds(element: Any, _: dict) -> bool:
        value = as_dict(element).get(name)
        return not isinstance(value, str) or compiled.fullmatch(value) is not None

    return holds


def first_is(*kinds: str) -> Holds:
    def holds(bundle: Any, _: dict) -> bool:
        entries = dicts(as_dict(bundle).get("entry"))
        return bool(entries) and kind(entries[0].get("resource")) in kinds

    return holds


def values(element: Any, url: str) -> list[Any]:
    """Return the values of the sub-extensions ``url``."""
    found = [x for x in dicts(as_dict(element).get("extension")) if x.get("url") == url]
    return [v for x in found for k, v in x.items() if k.startswith("value")]


def extended(element: Any, url: str) -> bool:
    return any(x.get("url") == url for x in dicts(as_dict(element).get("extension")))


def either_holds(one: Holds, other: Holds) -> Holds:
    return lambda element, resource: one(element, resource) or other(element, resource)


def negated(one: Holds) -> Holds:
    return lambda element, resource: not one(element, resource)


def without_extension(url: str) -> Holds:
    return lambda element, _: not extended(element, url)
