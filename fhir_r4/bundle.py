"""Which entry of a Bundle does a reference mean?

FHIR R4, Bundle "Resolving references in Bundles": by exact fullUrl, else relative to the base of the fullUrl
of the entry that holds the reference. Contained resources (``#id``) are the holder's own.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import orjson

from fhir_r4.resource import as_dict, dicts, kind, local_reference, references, text_of
from fhir_r4.wire import write_json

_TARGET = re.compile(r'"reference":("[^"\\]*(?:\\.[^"\\]*)*")')
_ABSOLUTE = re.compile(r"(?:https?://[^\s/]+/.*|urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|urn:oid:[\d.]+)")
_REST = re.compile(r"(?P<base>https?://.*/|)(?P<kind>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.\-]{1,64})(?:/_history/[^/]+)?")


@dataclass(slots=True)  # not frozen: a body has many of them, and that makes them three times as dear to make
class Entry:
    """One entry: its place in the Bundle, its fullUrl with the base it is relative to, its resource and what that is.

    Attributes:
        kind: the resource's type; empty where it says none.
    """

    index: int
    full_url: str
    base: str | None
    resource: dict
    kind: str

    @property
    def path(self) -> str:
        return f"Bundle.entry[{self.index}].resource"


class Entries:
    """The entries of one Bundle, looked up as FHIR says.

    ``lenient``: a relative reference that so leads nowhere means the only entry of that type and id, whatever its
    fullUrl; clients send ``Patient/1`` under a ``urn:uuid``. Where there are two of them, it means neither.
    """

    def __init__(self, bundle: dict, *, lenient: bool = False) -> None:
        self._entries = [
            Entry(index, url, base_of(url), resource, kind(resource))
            for index, entry in enumerate(dicts(bundle.get("entry")))
            if isinstance(resource := entry.get("resource"), dict)
            for url in [text_of(entry.get("fullUrl")) or ""]
        ]
        self._by_url = {entry.full_url: entry for entry in self._entries if entry.full_url}
        self._lenient = lenient
        self._texts: dict[int, str] = {}
        self._links: dict[int, list[Entry | None]] = {}
        self._unnamed: dict[int, list[str]] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index]

    def resolve(self, target: str | None, holder: Entry) -> Entry | None:
        """Return the entry that ``target``, written inside ``holder``, means; None where the Bundle has it not."""
        if not target:
            return None
        target = target.partition("|")[0]
        return self._named([target], holder)[0] or self._in_version(target, holder) or self._by_id.get(target)

    def _in_version(self, target: str, holder: Entry) -> Entry | None:
        """Return the entry that a version specific reference means: by fullUrl without it, and of no other version."""
        url, _, version = target.partition("/_history/")
        found = self._named([url], holder)[0] if version else None
        return found if found and as_dict(found.resource.get("meta")).get("versionId", version) == version else None

    def _named(self, targets: list[str], holder: Entry) -> list[Entry | None]:
        """Return the entries that have the fullUrls which ``targets`` say, or say from the base of their holder."""
        named, base = self._by_url, holder.base or ""
        return [named.get(target) or named.get(base + target) for target in targets]

    def guessed(self) -> list[str]:
        """Return the FHIRPaths of all references that lead somewhere by type and id alone."""
        for entry in self._entries:
            self._followed(entry)  # and what no fullUrl names is known
        return [
            path
            for entry in self._entries
            if entry.index in self._unnamed
            for target, path in self.references(entry)
            if target in self._by_id and target in self._unnamed[entry.index]
        ]

    def having(self, key: str) -> list[Entry]:
        """Return the entries in which any object has this key.

        In compact JSON a quote within a string is escaped: these bytes are a key and nothing else.
        """
        wanted = f'"{key}":'
        return [one for one in self._entries if wanted in self._written(one)]

    def dangles(self, entry: Entry) -> bool:
        """Tell whether a reference in an entry leads to no entry; ``references`` says which, and where it is."""
        return None in self._followed(entry)

    def references(self, entry: Entry) -> Iterator[tuple[str, str]]:
        """Yield every reference in an entry with its FHIRPath: a walk, for who has a fault to tell."""
        return references(entry.resource, entry.path)

    def _followed(self, entry: Entry) -> list[Entry | None]:
        """Return where the references of an entry lead, in the order they are written."""
        if entry.index not in self._links:
            said = _targets(self._written(entry))
            links = self._named(said, entry)
            if None in links:
                self._unnamed[entry.index] = [target for target, link in zip(said, links, strict=True) if not link]
                links = [link or self.resolve(target, entry) for target, link in zip(said, links, strict=True)]
            self._links[entry.index] = links
        return self._links[entry.index]

    def _written(self, entry: Entry) -> str:
        """Return an entry's resource as compact JSON, in which more is found than a walk finds in the same time."""
        if entry.index not in self._texts:
            self._texts[entry.index] = write_json(entry.resource).decode()
        return self._texts[entry.index]

    @cached_property
    def _by_id(self) -> dict[str, Entry]:
        """``Type/id`` -> the entry, for those that there is one of; looked at where no fullUrl is meant."""
        found: dict[str, list[Entry]] = {}
        for entry in self._entries if self._lenient else ():
            if text_of(entry.resource.get("id")):
                found.setdefault(local_reference(entry.resource), []).append(entry)
        return {local: listed[0] for local, listed in found.items() if len(listed) == 1}

    @cached_property
    def reached(self) -> list[Entry]:
        """The first entry and all that it reaches; see ``closure``."""
        return self.closure(self._entries[:1])

    def closure(self, roots: Iterable[Entry], *, leave: Iterable[str] = ()) -> list[Entry]:
        """Return ``roots`` and all that they reach, each entry once, in the order of reaching.

        ``leave`` names fullUrls that are not followed. Circles end where they began.
        """
        seen = set(leave)
        reached: list[Entry] = []
        waiting = deque(roots)
        while waiting:
            entry = waiting.popleft()
            if entry.full_url not in seen:
                seen.add(entry.full_url)
                reached.append(entry)
                waiting.extend(filter(None, self._followed(entry)))
        return reached


def targets(resource: dict) -> list[str]:
    """Return what the references in a resource say, in the order they are written.

    >>> targets({"resourceType": "Claim", "patient": {"reference": "Patient/1"}})
    ['Patient/1']
    """
    return _targets(write_json(resource).decode())


def _targets(text: str) -> list[str]:
    said: list[str] = orjson.loads(f"[{','.join(_TARGET.findall(text))}]")
    return said


def searchset(matches: Iterable[dict], base: str, resource_type: str, asked: Mapping[str, Iterable[str]]) -> dict:
    """Return a search's answer; ``asked`` are the parameters that were understood (FHIR R4, "Search", self link).

    >>> searchset([], "https://payer.example.org/fhir", "Subscription", {"status": ["active"]})["link"][0]["url"]
    'https://payer.example.org/fhir/Subscription?status=active'
    """
    query = urlencode([(name, value) for name, values in asked.items() for value in values])
    url = f"{base}/{resource_type}" + (f"?{query}" if query else "")
    entries = [
        {"fullUrl": f"{base}/{resource_type}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in matches
    ]
    found = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return found | {"link": [{"relation": "self", "url": url}]} | ({"entry": entries} if entries else {})


def is_absolute(url: Any) -> bool:
    """Tell whether a fullUrl is an absolute http(s) URL, a urn:uuid or a urn:oid (FHIR R4, Bundle.entry.fullUrl).

    >>> is_absolute("urn:uuid:5d1f0c3e-7a35-4d59-8a55-2f3cb0f1c001"), is_absolute("Patient/1")
    (True, False)
    """
    return isinstance(url, str) and _ABSOLUTE.fullmatch(url) is not None


def base_of(full_url: str) -> str | None:
    """Return the base of a RESTful URL with its slash, or None for a URN.

    >>> base_of("https://ehr.example.org/fhir/Patient/1")
    'https://ehr.example.org/fhir/'
    """
    found = _REST.fullmatch(full_url)
    return found["base"] or None if found else None


def local_part(target: str | None) -> str | None:
    """Return ``Type/id`` of a RESTful reference, absolute or relative, or None.

    >>> local_part("https://ehr.example.org/fhir/Coverage/c1/_history/3")
    'Coverage/c1'
    """
    found = _REST.fullmatch(target) if target else None
    return f"{found['kind']}/{found['id']}" if found else None


def local_to(server: str | None, target: str) -> str | None:
    """Return ``Type/id`` of a reference to a resource of this server: relative, or absolute, by http and https alike.

    >>> local_to("https://ehr.example.org/fhir/", "http://ehr.example.org/fhir/Coverage/c1/_history/3")
    'Coverage/c1'
    >>> local_to("https://ehr.example.org/fhir", "https://elsewhere.example.org/fhir/Coverage/c1") is None
    True
    """
    scheme, absolute, rest = target.partition("://")
    if not absolute:
        return local_part(target)
    base = (server or "").rstrip("/").partition("://")[2]
    ours = base and scheme in {"http", "https"} and rest.startswith(f"{base}/")
    return local_part(rest[len(base) + 1 :]) if ours else None
