"""What do the list operators answer?

Membership counts null as a member like any other; two values are the same member when they are equal, or when both
are null.

Source: CQL 1.5 appendix B, "List Operators".
"""

from decimal import Decimal
from typing import Any

from cql.compare import equal
from cql.errors import CqlError, Exhausted
from cql.fhir_model import Element
from cql.scope import Build, Scope, Thunk, lenient, named, strict
from cql.three_valued import conjunction, disjunction
from cql.types import Interval, Long, Tuple

_EXACT = (str, bool, int, Long, Decimal)
_MAX_ITEMS = 100_000
_MAX_ALIKE = 5_000


def bounded(values: list[Any]) -> list[Any]:
    """Return a list that a few defines could have doubled again and again, if it is not too long."""
    if len(values) > _MAX_ITEMS:
        raise Exhausted("a list grows too long", f"at most {_MAX_ITEMS} members")
    return values


def is_same(left: Any, right: Any) -> bool:
    return right is None if left is None else equal(left, right) is True


class Members:
    """The members of a list, asked many times: by hash, then by equality among those that hash alike."""

    def __init__(self) -> None:
        self._alike: dict[Any, list[Any]] = {}

    def add(self, value: Any) -> bool:
        """Add a value; False where it was there."""
        bucket = _bucket(value)
        alike = self._alike.get(bucket)
        if alike is None:
            self._alike[bucket] = [value]
            return True
        for one in alike:
            if is_same(one, value):
                return False
        if len(alike) >= _MAX_ALIKE:
            raise Exhausted("too many values are compared with each other", f"at most {_MAX_ALIKE}")
        alike.append(value)
        return True

    def __contains__(self, value: object) -> bool:
        return any(is_same(one, value) for one in self._alike.get(_bucket(value), ()))


def _bucket(value: Any) -> Any:
    """Return a key that two equal values share. Dates of several zones and converted units share no cheap one."""
    kind = type(value)
    if kind in _EXACT:
        return value
    if kind is Element:
        return (value.type.name, value.json.get("id") if type(value.json) is dict else value.json)
    return kind.__name__


def members(values: list[Any]) -> Members:
    found = Members()
    for value in values:
        found.add(value)
    return found


def distinct(values: list[Any]) -> list[Any]:
    seen = Members()
    return [value for value in values if seen.add(value)] if len(values) > 1 else values


def flatten(values: list[Any]) -> list[Any]:
    return bounded([member for one in values for member in (one if type(one) is list else [one])])


def contains(values: list[Any], value: Any) -> bool | None:
    """Null is in a list that holds null; whether it is in one that does not is unknown, unless that is empty."""
    if value is None:
        return True if None in values else None if values else False
    return disjunction(*(equal(one, value) for one in values if one is not None))


def properly_contains(values: list[Any], value: Any) -> bool | None:
    """Tell whether the list holds the value and another one besides."""
    held = contains(values, value) if value is not None else None in values
    same = [one is None if value is None else equal(one, value) for one in values]
    others = (None if answer is None else not answer for answer in same)
    return conjunction(held, disjunction(*others))


def includes(left: list[Any], right: list[Any]) -> bool:
    held = members(left)
    return all(value in held for value in right)


def properly_includes(left: list[Any], right: list[Any]) -> bool:
    return len(left) > len(right) and includes(left, right)


def union(left: list[Any], right: list[Any]) -> list[Any]:
    return bounded(distinct(left + right))


def intersect(left: list[Any], right: list[Any]) -> list[Any]:
    held = members(right)
    return [value for value in distinct(left) if value in held]


def difference(left: list[Any], right: list[Any]) -> list[Any]:
    held = members(right)
    return [value for value in distinct(left) if value not in held]


def _list(node: dict, scope: Scope) -> Thunk:
    thunks = scope.compile_all(node.get("element"))
    return lambda frame: [thunk(frame) for thunk in thunks]


def _indexer(source: Any, index: int) -> Any:
    return source[index] if 0 <= index < len(source) else None


def _singleton(values: list[Any]) -> Any:
    if len(values) > 1:
        raise CqlError("a list of more than one member was to be single", "a list of one member or none")
    return values[0] if values else None


def _slice(source: list[Any] | None, start: int | None, end: int | None) -> list[Any] | None:
    """A missing start is the first member, a missing end the last; a negative bound counts for none."""
    if source is None:
        return None
    start = start or 0
    if start < 0 or (end is not None and end < 0):
        return []
    return source[start:end]


def _index_of(source: list[Any], element: Any) -> int:
    return next((place for place, one in enumerate(source) if equal(one, element) is True), -1)


def _times(source: list[Any] | None, other: list[Any] | None) -> list[Any] | None:
    if source is None or other is None:
        return None
    bounded([None] * (len(source) * len(other)))
    return [Tuple({**one, **two}) for one in source for two in other]


def _exists(values: list[Any] | None) -> bool:
    return values is not None and any(value is not None for value in values)


def descendents(value: Any) -> list[Any] | None:
    """Return all that a value holds, at every depth, in document order."""
    if value is None:
        return None
    found: list[Any] = []
    stack = _children(value)[::-1]
    while stack:
        one = stack.pop()
        found.append(one)
        stack.extend(_children(one)[::-1])
    return found


def _children(value: Any) -> list[Any]:
    if type(value) is Tuple:
        held = list(value.values())
    elif type(value) is Element:
        held = [value.get(name) for name in value.type.properties]
    elif type(value) is list:
        held = value
    elif hasattr(value, "__dataclass_fields__") and type(value) not in (int, Long, Decimal, Interval):
        held = [getattr(value, name) for name in value.__dataclass_fields__ if name not in ("fields", "offset")]
    else:
        return []
    return [one for one in flatten(held) if one is not None]


NODES: dict[str, Build] = {
    "List": _list,
    "Distinct": strict(distinct),
    "Flatten": strict(flatten),
    "Exists": lenient(_exists),
    "First": strict(lambda values: values[0] if values else None),
    "Last": strict(lambda values: values[-1] if values else None),
    "Indexer": strict(_indexer),
    "IndexOf": named(_index_of, "source", "element"),
    "SingletonFrom": strict(_singleton),
    "Slice": named(_slice, "source", "startIndex", "endIndex", needs=0),
    "Times": lenient(_times),
    "Children": strict(_children),
    "Descendents": strict(descendents),
    "Descendants": strict(descendents),
}
