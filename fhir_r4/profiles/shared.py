"""Which parts do the schemas of several profiles share?"""

from collections.abc import Callable
from typing import Any

import orjson

from fhir_r4.profiles.keywords import Schema

_LARGE = 200  # bytes of JSON; what is smaller costs less than a reference to it
_NAMED = frozenset({"properties", "$defs", "dependentSchemas"})
_LISTED = frozenset({"anyOf", "allOf"})
_SINGLE = frozenset({"items", "if", "then", "else", "contains", "additionalProperties"})


class Shared:
    """Schemas of types, value sets and the like, under names: written once, whichever profiles use them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._written: dict[str, Schema] = {}
        self._uses: dict[str, set[str]] = {}
        self._open: list[set[str]] = []

    def ref(self, key: str, write: Callable[[], Schema]) -> Schema:
        """Return a reference to what ``key`` stands for, written when it is first asked for."""
        name = self._names.setdefault(key, f"d{len(self._names)}")
        self._open[-1].add(name)
        if name not in self._uses:  # being there, it stands for itself while it is being written
            self._uses[name] = set()
            self._open.append(self._uses[name])
            self._written[name] = write()
            self._open.pop()
        return {"$ref": f"#/$defs/{name}"}

    def document(self, write: Callable[[], dict]) -> dict:
        """Return a whole schema, with all that it uses under ``$defs``."""
        self._open.append(set())
        root, waiting, needed = write(), list(self._open.pop()), set[str]()
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += self._uses[name]
        defs = {name: self._written[name] for name in sorted(needed)}
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **folded(root | {"$defs": defs})}


def folded(document: dict) -> dict:
    """Return a schema whose larger parts are written once, however often they stand in it: half the memory, compiled.

    >>> one = {"enum": ["x" * _LARGE]}
    >>> [*folded({"properties": {"a": one, "b": one}})["properties"].values()]
    [{'$ref': '#/$defs/part0'}, {'$ref': '#/$defs/part0'}]
    """
    parts: dict[bytes, tuple[str, Schema]] = {}

    def fold(schema: Schema) -> Schema:
        if not isinstance(schema, dict):
            return schema
        folded_inside = _each(schema, fold)
        text = orjson.dumps(folded_inside)
        if len(text) < _LARGE:
            return folded_inside
        name, _ = parts.setdefault(text, (f"part{len(parts)}", folded_inside))
        return {"$ref": f"#/$defs/{name}"}

    whole = _each(document, fold)
    return whole | {"$defs": whole.get("$defs", {}) | dict(parts.values())}


def _each(schema: dict, do: Callable[[Schema], Schema]) -> dict:
    """Return a schema after ``do`` was done to each schema in it."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED:
            found[key] = {name: do(one) for name, one in value.items()}
        elif key in _LISTED:
            found[key] = [do(one) for one in value]
        else:
            found[key] = do(value) if key in _SINGLE else value
    return found
