"""What is an invariant in Python, and of what words is it made?

A rule is a function of the element and of the resource that holds it; most are put together from the words here.
No word raises on any JSON: a fault of shape is reported by whoever looks at shape. Most words are said in JSON Schema
as well: what the schema of an element states (``stated``) need not be looked at where the schema accepts it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fhir_r4.profiles.keywords import Schema, all_of
from fhir_r4.profiles.keywords import any_of as one_of
from fhir_r4.resource import as_dict, dicts, kind

Holds = Callable[[Any, dict], bool]
Spelt = Callable[[str], list[str]]
"""A child's name -> the JSON properties that it may stand under."""


@dataclass(frozen=True, slots=True)
class Word:
    """A condition that a schema states as well: what it accepts, of an object of which it accepts all else, holds.

    Most schemas say the very same; one may refuse more, which the walk then judges.
    """

    holds: Holds
    schema: Callable[[Spelt], Schema]

    def __call__(self, element: Any, resource: dict) -> bool:
        return self.holds(element, resource)


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

    >>> has({"valueString": "x"}, "value[x]"), has({"_status": {"id": "1"}}, "status"), has({"periodMax": 2}, "period")
    (True, True, False)
    """
    if not isinstance(element, dict):
        return False
    if not name.endswith("[x]"):
        return element.get(name) not in (None, []) or f"_{name}" in element
    stem, size = name[:-3], len(name) - 3
    for key, value in element.items():
        plain = key.removeprefix("_")
        if plain.startswith(stem) and plain[size : size + 1].isupper() and value not in (None, []):
            return True
    return False


def is_one_of(value: Any, texts: set[str]) -> bool:
    """Tell whether a value is one of some texts, whatever JSON it is.

    >>> is_one_of(["a"], {"a"}), is_one_of("a", {"a"})
    (False, True)
    """
    return isinstance(value, str) and value in texts


def any_of(*names: str) -> Word:
    return Word(lambda element, _: any(has(element, name) for name in names), lambda spelt: _present(spelt, names))


def absent(*names: str) -> Word:
    return Word(
        lambda element, _: not any(has(element, name) for name in names),
        lambda spelt: {"not": _present(spelt, names)},
    )


def needs(one: str, other: str) -> Word:
    return Word(
        lambda element, _: not has(element, one) or has(element, other),
        lambda spelt: _where(spelt, one, _present(spelt, [other])),
    )


def not_both(one: str, other: str) -> Word:
    return Word(
        lambda element, _: not (has(element, one) and has(element, other)),
        lambda spelt: _where(spelt, other, {"not": _present(spelt, [one])}),
    )


def only_one(*names: str) -> Word:
    return Word(
        lambda element, _: sum(has(element, name) for name in names) == 1,
        lambda spelt: {"oneOf": [_present(spelt, [name]) for name in names]},
    )


def either(one: str, other: str) -> Word:
    return Word(
        lambda element, _: has(element, one) != has(element, other),
        lambda spelt: {
            "if": _present(spelt, [one]),
            "then": {"not": _present(spelt, [other])},
            "else": _present(spelt, [other]),
        },
    )


def when(name: str, values: set[str], then: Holds) -> Holds:
    """If the code ``name`` is one of ``values``, ``then`` must hold."""

    def holds(element: Any, resource: dict) -> bool:
        return not is_one_of(as_dict(element).get(name), values) or then(element, resource)

    if not isinstance(then, Word):
        return holds
    return Word(holds, lambda spelt: {"if": _is_one_of(name, values), "then": then.schema(spelt)})


def unless(name: str, values: set[str], then: Holds) -> Holds:
    def holds(element: Any, resource: dict) -> bool:
        return is_one_of(as_dict(element).get(name), values) or then(element, resource)

    if not isinstance(then, Word):
        return holds
    return Word(holds, lambda spelt: {"if": _is_one_of(name, values), "else": then.schema(spelt)})


def if_else(name: str, values: set[str], then: Word, otherwise: Word) -> Word:
    """Where the code ``name`` is one of ``values``, ``then`` must hold, else ``otherwise``."""

    def holds(element: Any, resource: dict) -> bool:
        word = then if is_one_of(as_dict(element).get(name), values) else otherwise
        return word(element, resource)

    return Word(
        holds,
        lambda spelt: {
            "if": _is_one_of(name, values),
            "then": then.schema(spelt),
            "else": otherwise.schema(spelt),
        },
    )


def both(one: Word, other: Word) -> Word:
    return Word(
        lambda element, resource: one(element, resource) and other(element, resource),
        lambda spelt: all_of([one.schema(spelt), other.schema(spelt)]),
    )


def _present(spelt: Spelt, names: Iterable[str]) -> Schema:
    return one_of([{"required": [spelling]} for name in names for spelling in spelt(name)])


def _where(spelt: Spelt, name: str, then: Schema) -> Schema:
    """Say that ``then`` holds where there is a child ``name``."""
    return {"dependentSchemas": dict.fromkeys(spelt(name), then)}


def _is_one_of(name: str, values: set[str]) -> Schema:
    return {"properties": {name: {"enum": sorted(values)}}, "required": [name]}


def coded(concept: Any, system: str | None, codes: set[str]) -> bool:
    """Tell whether a CodeableConcept, or one of a list of them, carries one of ``codes`` (of ``system``)."""
    return any(
        is_one_of(coding.get("code"), codes) and system in (None, coding.get("system"))
        for one in (dicts(concept) or [as_dict(concept)])
        for coding in dicts(one.get("coding"))
    )


def matches(pattern: str, name: str = "value") -> Word:
    compiled = re.compile(pattern)

    def holds(element: Any, _: dict) -> bool:
        value = as_dict(element).get(name)
        return not isinstance(value, str) or compiled.fullmatch(value) is not None

    return Word(holds, lambda _: {"properties": {name: {"pattern": f"^(?:{pattern})$"}}})


def first_is(*kinds: str) -> Word:
    """A Bundle's first entry holds a resource of one of these types."""

    def holds(bundle: Any, _: dict) -> bool:
        entries = dicts(as_dict(bundle).get("entry"))
        return bool(entries) and kind(entries[0].get("resource")) in kinds

    typed = _is_one_of("resourceType", set(kinds))
    first = {"properties": {"resource": typed}, "required": ["resource"]}
    return Word(holds, lambda _: {"properties": {"entry": {"prefixItems": [first]}}, "required": ["entry"]})


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
