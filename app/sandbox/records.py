"""SANDBOX. Which resources does the EHR hold, of which version, and how are they found?"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from app.sandbox.search import Result, read_query, search
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import as_dict, dicts, kind, local_reference, text_of
from fhir_r4.wire import read_object

_DAY = re.compile(r"\{\{today([+-]\d+)?\}\}")


class BadRecords(ValueError):
    """A file holds no FHIR resource; the message names it."""


class Records:
    """Resources by ``Type/id``, in memory.

    Attributes:
        base: the server's FHIR base, by which absolute references to it are known.
        as_of: when the records were loaded; they were last changed then.
    """

    def __init__(self, resources: Iterable[dict], base: str, as_of: datetime) -> None:
        self.base, self.as_of = base, as_of
        self._held = {local_reference(resource): resource for resource in resources}
        self._versions: dict[str, tuple[int, datetime]] = {}
        self._next = 1

    @classmethod
    def load(cls, folder: Path, today: date, base: str = "") -> "Records":
        """Read a folder's ``*.json``, resources and Bundles of them; ``{{today-10}}`` becomes the day ten days ago.

        Raises:
            BadRecords: a file is something else.
        """

        def day(found: re.Match[str]) -> str:
            return (today + timedelta(days=int(found[1] or 0))).isoformat()

        read = [resource for file in sorted(folder.rglob("*.json")) for resource in _resources(file, day)]
        return cls(read, base, datetime.combine(today, time(), UTC))

    def __iter__(self) -> Iterator[dict]:
        return iter(list(self._held.values()))

    def get(self, target: str) -> dict | None:
        return self._held.get(target)

    def version(self, target: str) -> tuple[int, datetime]:
        """Return which version it is and since when."""
        return self._versions.get(target, (1, self.as_of))

    def put(self, resource: dict, now: datetime | None = None) -> dict:
        """Keep a resource under its id, or under a new one."""
        if "id" not in resource:
            resource = resource | {"id": f"s{self._next}"}
            self._next += 1
        target = local_reference(resource)
        version = self.version(target)[0] + 1 if target in self._held else 1
        self._held[target] = resource
        self._versions[target] = version, now or self.as_of
        return resource

    def told(self, target: str) -> dict | None:
        """Return a resource as the server tells it: with its version and when that came to be."""
        held = self._held.get(target)
        if held is None:
            return None
        version, since = self.version(target)
        meta = {"versionId": str(version), "lastUpdated": since.isoformat(timespec="milliseconds")}
        return held | {"meta": as_dict(held.get("meta")) | meta}

    def search(self, resource_type: str, query: str) -> list[dict]:
        """Return the matches, then what ``_include`` brings; BadSearch for a parameter that is not known."""
        found = self.found(resource_type, query)
        return [*found.matches, *found.included]

    def found(self, resource_type: str, query: str) -> Result:
        """Return the same with its number; nothing is left for a further page."""
        read = read_query(resource_type, query, base=self.base, now=self.as_of, strict=True)
        return search(_Bare(self), read, page=len(self._held))


class _Bare:
    """The records as they were put, for the EHR's own use."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def of_type(self, resource_type: str) -> Iterable[dict]:
        return (one for one in self._records if kind(one) == resource_type)

    def get(self, target: str) -> dict | None:
        return self._records.get(target)


class Told(_Bare):
    """The records as the server tells them to a guest: those that the guest ``sees``."""

    def __init__(self, records: Records, sees: Callable[[dict], bool]) -> None:
        super().__init__(records)
        self._sees = sees

    def of_type(self, resource_type: str) -> Iterable[dict]:
        return (held for one in super().of_type(resource_type) if (held := self.get(local_reference(one))))

    def get(self, target: str) -> dict | None:
        held = self._records.told(target)
        return held if held and self._sees(held) else None


def _resources(file: Path, day: Callable[[re.Match[str]], str]) -> list[dict]:
    """Return what a file holds: one resource, or those of a Bundle."""
    try:
        read = read_object(_DAY.sub(day, file.read_text(encoding="utf-8")).encode())
    except (InvalidRequest, UnicodeDecodeError) as bad:
        raise BadRecords(f"{file}: {bad}") from None
    held = [as_dict(entry.get("resource")) for entry in dicts(read.get("entry"))] if kind(read) == "Bundle" else [read]
    if not all(kind(one) and text_of(one.get("id")) for one in held):
        raise BadRecords(f"{file}: a FHIR resource has a resourceType and an id")
    return held
