"""What stands at a path of elements, each of which may repeat?"""

from collections.abc import Iterator
from typing import Any

from fhir_r4.resource import as_dict

Paths = tuple[tuple[str, ...], ...]


def paths(*written: str) -> Paths:
    """Return paths of element names, each written with dots.

    >>> paths("period.start")
    (('period', 'start'),)
    """
    return tuple(tuple(one.split(".")) for one in written)


def at(resource: dict, named: Paths) -> Iterator[Any]:
    """Yield what stands at these paths, the first path's first.

    >>> list(at({"type": [{"text": "a"}, {"text": "b"}]}, paths("status", "type.text")))
    ['a', 'b']
    """
    for path in named:
        if path[0] in resource:
            found: list[Any] = [resource]
            for step in path:
                found = [one for holder in found for one in _each(as_dict(holder).get(step))]
            yield from found


def _each(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if one is not None]
