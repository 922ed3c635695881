"""How is a checked policy kept on disk, so that a start costs no check and no parsing? By content, as JSON.

A record is found by the digest of the policy's text and of the code that checked it, so it never has to be thrown
away: a changed policy, or another version of priorauth, looks for another record. What a policy names beside itself
(value sets, tables) is named in its record with its digest. A record that cannot be read is made anew.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from fhir_r4.path import from_tree
from fhir_r4.problems import Problem
from fhir_r4.wire import read_json, write_json
from rules.build import policy_from
from rules.codes import CodeSet
from rules.entry import Entry, pattern_from_json, pattern_to_json
from rules.policy import Policy

_OPEN = 512  # policies that are kept open; the least used is closed again
Depends = Mapping[str, str]
"""Digests by the name of what a policy depends on beside its own text."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A policy's data and its parsed expressions, compressed: some 3 KB instead of 80."""

    content: bytes = field(repr=False)

    @classmethod
    def of(cls, data: dict[str, Any], value_sets: Mapping[str, CodeSet], trees: Mapping[str, Any]) -> "Packed":
        named = {name: [pattern_to_json(one) for one in codes.patterns] for name, codes in value_sets.items()}
        return cls(zlib.compress(json.dumps({"data": data, "value-sets": named, "trees": dict(trees)}).encode(), 6))

    def open(self) -> Policy:
        """Return the policy, kept open as long as it is among those used last."""
        return _opened(self)


@lru_cache(maxsize=_OPEN)
def _opened(packed: Packed) -> Policy:
    kept = json.loads(zlib.decompress(packed.content))  # floats as YAML has them, not Decimals
    value_sets = {name: CodeSet(map(pattern_from_json, codes)) for name, codes in kept["value-sets"].items()}
    trees = kept["trees"]
    return policy_from(kept["data"], value_sets, lambda expression: from_tree(trees[expression]))


class Shelf:
    """A folder of records. Without one, everything is checked anew at each start.

    It remembers what it has given: of a folder in which one policy has changed, that one alone is read again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._given: dict[Path, tuple[Entry, Depends]] = {}

    def __reduce__(self) -> tuple[type["Shelf"], tuple[Path]]:
        """Go to another process without what is remembered here."""
        return Shelf, (self._folder,)

    def get(self, name: str, text: bytes, depends: Callable[[str], str | None]) -> Entry | None:
        """Return the entry of a policy that was checked before, in this text and with the same beside it.

        Args:
            name: ``<id>/<version>.yaml``.
            depends: the present digest of what a policy names beside itself; None where it is not there.
        """
        file = self._file(name, text)
        found = self._given.get(file) or _record(file)
        if found is None or any(depends(one) != digest for one, digest in found[1].items()):
            return None
        self._given[file] = found
        return found[0]

    def put(self, name: str, text: bytes, entry: Entry, packed: Packed, depends: Depends) -> None:
        """Keep a checked policy; a disk that takes nothing costs time at the next start and no more."""
        file = self._file(name, text)
        self._given[file] = entry, depends
        digest = hashlib.sha256(packed.content).hexdigest()
        head = write_json({"entry": entry.to_json(), "depends": dict(depends), "content": digest})
        mine = file.with_suffix(f".{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            mine.write_bytes(head + b"\n" + packed.content)
            mine.replace(file)
        except OSError:
            with suppress(OSError):
                mine.unlink()

    def _file(self, name: str, text: bytes) -> Path:
        key = hashlib.sha256(b"\0".join((checker().encode(), name.encode(), text))).hexdigest()
        return self._folder / key[:2] / key[2:]


def _record(file: Path) -> tuple[Entry, Depends] | None:
    """Return a record and what it depends on; None where there is none that can be read."""
    try:
        head, _, content = file.read_bytes().partition(b"\n")
        kept = read_json(head)
        if hashlib.sha256(content).hexdigest() != kept["content"]:
            return None
        return Entry.from_json(kept["entry"], Packed(content).open), kept["depends"]
    except (OSError, Problem, KeyError, TypeError, ValueError, AttributeError):
        return None


@cache
def checker() -> str:
    """Return the digest of the code that checks and reads policies."""
    found = hashlib.sha256(metadata.version("fhirpathpy").encode())
    for room, suffixes in (("rules", (".py", ".json")), ("fhir_r4", (".py",))):
        for file in sorted(resources.files(room).iterdir(), key=lambda one: one.name):
            if file.is_file() and file.name.endswith(suffixes):
                found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()
