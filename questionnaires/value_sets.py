"""Which codes has a value set, and what does its expansion look like?

Only value sets that list their codes, or name others that do, are ours to expand; one that is defined by a filter over
a code system needs a terminology server, and says so.

Source: FHIR R4, ValueSet.expansion and operation $expand; DTR 2.2.0, operation DTR-ValueSet-expand.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cql import Code, CqlError, PackageTerminology
from cql.types import ValueSet
from fhir_r4.problems import Issue, Unknown, Unprocessable
from fhir_r4.resource import text_of

IN_A_PACKAGE = 40
"""From this many codes on, 2.2 leaves the expansion to the client's $expand (DTR 2.2.0 oper-15)."""
MOST = 1_000
"""Codes in one answer; who wants more pages on."""


class ValueSets:
    """The value sets of this payer's forms, by canonical."""

    def __init__(self, resources: Iterable[dict]) -> None:
        held = sorted(resources, key=lambda one: one.get("version", ""))
        self._held = {(one["url"], one.get("version")): one for one in held}
        self._newest = {one["url"]: one for one in held}
        self._terminology = PackageTerminology(held)

    def __iter__(self) -> Iterator[dict]:
        return iter(self._held.values())

    def find(self, canonical: str) -> dict | None:
        """Return the value set of ``url|version``, or the newest of ``url``."""
        url, _, version = canonical.partition("|")
        return self._held.get((url, version)) if version else self._newest.get(url)

    def codes(self, resource: dict) -> Sequence[Code]:
        """Return the codes of one of these value sets; CqlError where nobody here can list them."""
        wanted = ValueSet(resource["url"], text_of(resource.get("version")), None)
        return self._terminology.codes(wanted).listed

    def expanded(self, resource: dict, now: datetime) -> dict:
        """Return the value set with all its codes as of ``now``; CqlError as above."""
        return _with_expansion(resource, self.codes(resource), now, 0, None, {})

    def expand(self, canonical: str, now: datetime, *, text: str, offset: int, count: int | None) -> dict:
        """Answer $expand.

        Args:
            canonical: url, or url|version.
            text: what a code or its display holds, whatever its case; every word of it.
            offset, count: which page; ``total`` counts all that match.

        Raises:
            Unknown: no value set of ours has this canonical.
            Unprocessable: it cannot be listed here, or has more codes than an answer takes.
        """
        resource = self.find(canonical)
        if resource is None:
            raise Unknown(Issue("not-found", "no value set of ours has this url", "ValueSet.url"))
        try:
            listed = self.codes(resource)
        except CqlError:
            raise Unprocessable(
                Issue("not-supported", "the value set needs a terminology server to be listed", "ValueSet.compose")
            ) from None
        words = text.casefold().split()
        found = [code for code in listed if _has(code, words)]
        if count is None and len(found) > MOST:
            raise Unprocessable(Issue("too-costly", f"more than {MOST} codes: ask with a filter or a count", None))
        return _with_expansion(resource, found, now, offset, count, {"filter": text} if text else {})


def _has(code: Code, words: list[str]) -> bool:
    held = f"{code.code} {code.display or ''}".casefold()
    return all(word in held for word in words)


def _with_expansion(
    resource: dict, found: Sequence[Code], now: datetime, offset: int, count: int | None, asked: dict[str, str]
) -> dict:
    page = found[offset : offset + min(count, MOST) if count is not None else None]
    paging = {"offset": offset, "count": count} if count is not None else {"offset": offset} if offset else {}
    parameters = [
        *({"name": name, "valueString": value} for name, value in asked.items()),
        *({"name": name, "valueInteger": value} for name, value in paging.items()),
    ]
    name = uuid5(NAMESPACE_URL, f"{resource['url']}|{resource.get('version')}#{now.isoformat()}")
    expansion = {
        "identifier": f"urn:uuid:{name}",
        "timestamp": now.isoformat(timespec="seconds"),
        "total": len(found),
        **({"offset": offset} if paging else {}),
        **({"parameter": parameters} if parameters else {}),
        **({"contains": [_contained(code) for code in page]} if page else {}),
    }
    return resource | {"expansion": expansion}


def _contained(code: Code) -> dict:
    told = {"system": code.system, "code": code.code, "display": code.display}
    return {name: value for name, value in told.items() if value}
