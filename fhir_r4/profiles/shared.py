"""Which parts do the schemas of several profiles share?"""

from collections.abc import Callable

from fhir_r4.profiles.keywords import Schema


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
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": defs}
