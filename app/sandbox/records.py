"""SANDBOX. Which resources does the EHR hold, and how are they found?

A small FHIR R4 server's worth of search: what US Core asks for of the types in ``fixtures/ehr``.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

from fhir_r4.resource import as_dict, as_list, codings, dicts, identifiers, kind, local_reference, reference
from fhir_r4.wire import read_object

_DAY = re.compile(r"\{\{today([+-]\d+)?\}\}")
_REFERENCES = {
    "patient": ("subject", "patient", "beneficiary"),
    "subject": ("subject",),
    "beneficiary": ("beneficiary",),
    "requester": ("requester",),
    "performer": ("performer",),
    "payor": ("payor",),
}
_CODES = ("code", "codeCodeableConcept", "medicationCodeableConcept")
_DAYS = frozenset({"date", "authored", "authored-on", "authoredon", "recorded-date"})  # search parameters
_DATES = ("effectiveDateTime", "authoredOn", "recordedDate", "onsetDateTime", "authored")


class BadSearch(ValueError):
    """A search parameter that this server does not have."""


class Records:
    """Resources by ``Type/id``, in memory."""

    def __init__(self, resources: Iterable[dict]) -> None:
        self._held = {local_reference(resource): resource for resource in resources}
        self._next = 1

    @classmethod
    def load(cls, folder: Path, today: date) -> "Records":
        """Read a folder's ``*.json``, resources and Bundles of them; ``{{today-10}}`` becomes the day ten days ago."""

        def day(found: re.Match[str]) -> str:
            return (today + timedelta(days=int(found[1] or 0))).isoformat()

        texts = (file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.json")))
        read = [read_object(_DAY.sub(day, text).encode()) for text in texts]
        return cls(resource for one in read for resource in _resources(one))

    def __iter__(self) -> Iterator[dict]:
        return iter(list(self._held.values()))

    def get(self, target: str) -> dict | None:
        return self._held.get(target)

    def put(self, resource: dict) -> dict:
        """Keep a resource under its id, or under a new one."""
        if "id" not in resource:
            resource = resource | {"id": f"s{self._next}"}
            self._next += 1
        self._held[local_reference(resource)] = resource
        return resource

    def search(self, resource_type: str, query: str) -> list[dict]:
        """Return the matches, then what ``_include`` brings; BadSearch for a parameter that is not known."""
        parameters = parse_qsl(query, keep_blank_values=True)
        found = [one for key, one in self._held.items() if key.startswith(f"{resource_type}/")]
        for name, value in parameters:
            if not name.startswith("_") or name == "_id":
                test = _test(name, value)
                found = [one for one in found if test(one)]
        options = dict(parameters)
        if "_sort" in options:
            found.sort(key=_date, reverse=options["_sort"].startswith("-"))
        if "_count" in options:
            found = found[: int(options["_count"])]
        included = [
            target
            for name, value in parameters
            if name == "_include"
            for one in found
            for target in self._included(one, value)
        ]
        return found + [one for one in included if one not in found]

    def _included(self, resource: dict, include: str) -> list[dict]:
        _, _, name = include.partition(":")
        targets = _targets(resource, _REFERENCES.get(name, ()))
        return [held for target in targets if (held := self._held.get(target))]


def _resources(read: dict) -> list[dict]:
    """Return what a file holds: one resource, or those of a Bundle."""
    return [as_dict(entry.get("resource")) for entry in dicts(read.get("entry"))] if kind(read) == "Bundle" else [read]


def _test(name: str, value: str) -> Callable[[dict], bool]:
    wanted = value.split(",")
    if name == "_id":
        return lambda one: one["id"] in wanted
    if name in _REFERENCES:
        return lambda one: any(
            target in wanted or target.partition("/")[2] in wanted for target in _targets(one, _REFERENCES[name])
        )
    if name == "code":
        return lambda one: any(
            f"{c.system}|{c.code}" in wanted or c.code in wanted
            for element in _CODES
            for c in codings(one.get(element))
        )
    if name == "category":
        return lambda one: any(
            f"{c.system}|{c.code}" in wanted or c.code in wanted
            for category in dicts(one.get("category"))
            for c in codings(category)
        )
    if name in {"status", "url", "version"} | _DAYS:
        return lambda one: _is_on(_date(one), value) if name in _DAYS else one.get(name) in wanted
    if name == "identifier":
        return lambda one: any(str(i) in wanted or i.value in wanted for i in identifiers(one))
    raise BadSearch(name)


def _targets(resource: dict, elements: Iterable[str]) -> list[str]:
    return [
        target
        for element in elements
        for held in (as_list(resource.get(element)) or [as_dict(resource.get(element))])
        if (target := reference(held))
    ]


def _date(resource: dict) -> str:
    return next((resource[name] for name in _DATES if name in resource), "")


def _is_on(day: str, wanted: str) -> bool:
    """Tell whether a day is the one searched (``2026-02-01``), or one from it on (``ge``) or until it (``le``)."""
    prefix, bound = (wanted[:2], wanted[2:]) if wanted[:2].isalpha() else ("eq", wanted)
    day = day[: len(bound)]
    return bool(day) and {"eq": day == bound, "ge": day >= bound, "le": day <= bound}.get(prefix, False)


def searchset(matches: list[dict], base: str, resource_type: str, url: str) -> dict:
    """Return the search's answer as FHIR's Bundle."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": sum(kind(one) == resource_type for one in matches),
        "link": [{"relation": "self", "url": url}],
        "entry": [
            {
                "fullUrl": f"{base}/{local_reference(one)}",
                "resource": one,
                "search": {"mode": "match" if kind(one) == resource_type else "include"},
            }
            for one in matches
        ],
    }
