"""SANDBOX. What does a search of the EHR find? Filters, then order, a page of it, and what is included with it.

Source: FHIR R4, "Search"; US Core 6.1.0 asks for combinations, date prefixes and ``_revinclude=Provenance:target``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

from app.sandbox.matching import Asked, BadSearch, Test, test_of, values
from app.sandbox.parameters import PARAMETERS, parameter
from app.sandbox.search_dates import Stretch
from fhir_r4.problems import Issue, operation_outcome
from fhir_r4.resource import as_dict, kind, local_reference, text_of, whole_number_of

PAGE = 100
MOST = 500
OFFSET = "_offset"
_ROUNDS = 3
"""How deep ``_include:iterate`` goes."""


class Shelf(Protocol):
    """Where resources are looked for; of the one type, in the order in which they came."""

    def of_type(self, resource_type: str) -> Iterable[dict]: ...

    def get(self, target: str) -> dict | None: ...


@dataclass
class Query:
    """A search as it was understood.

    Attributes:
        used: the parameters that were, as they stand in the self link.
        ignored: names of those that this server does not know.
    """

    resource_type: str
    tests: list[Test] = field(default_factory=list)
    sort: list[tuple[str, bool]] = field(default_factory=list)
    includes: list[tuple[str, str, str, bool]] = field(default_factory=list)
    reversed: list[tuple[str, str, bool]] = field(default_factory=list)
    count: int | None = None
    offset: int = 0
    only_count: bool = False
    used: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def read_query(resource_type: str, parameters: str, *, base: str, now: datetime, strict: bool) -> Query:
    """Read ``name=value&…``; BadSearch for a value or modifier that cannot be used, and, if ``strict``, for a name.

    Source: FHIR R4, "Search", "Handling errors": a parameter that is not known may be ignored, a modifier not.
    """
    if resource_type not in PARAMETERS:
        raise BadSearch("the type of resource")
    query = Query(resource_type)
    for name, value in parse_qsl(parameters, keep_blank_values=True):
        asked = Asked.read(name, value)
        known = parameter(resource_type, asked.name)
        if known is not None:
            if not value:
                continue  # "a parameter without a value is ignored"
            query.tests.append(test_of(known, asked, base, now))
        elif asked.name in _RESULT:
            _RESULT[asked.name](query, asked)
        elif strict:
            raise BadSearch(asked.whole)
        else:
            query.ignored.append(asked.whole)
            continue
        if asked.name != OFFSET:
            query.used.append((name, value))
    return query


def _sort(query: Query, asked: Asked) -> None:
    for one in asked.alternatives():
        name = one.removeprefix("-")
        if parameter(query.resource_type, name) is None:
            raise BadSearch("_sort")
        query.sort.append((name, one.startswith("-")))


def _number(asked: Asked) -> int:
    number = whole_number_of(asked.value)
    if number is None:
        raise BadSearch(asked.name)
    return number


def _count(query: Query, asked: Asked) -> None:
    query.count = min(_number(asked), MOST)
    query.only_count = query.only_count or query.count == 0


def _offset(query: Query, asked: Asked) -> None:
    query.offset = _number(asked)


def _summary(query: Query, asked: Asked) -> None:
    if asked.value not in {"count", "false"}:
        raise BadSearch("_summary")
    query.only_count = asked.value == "count"


def _format(_query: Query, asked: Asked) -> None:
    if asked.value not in {"json", "application/json", "application/fhir+json", "application/fhir json"}:
        raise BadSearch("_format")


def _total(_query: Query, asked: Asked) -> None:
    if asked.value not in {"accurate", "estimate", "none"}:
        raise BadSearch("_total")


def _include(query: Query, asked: Asked) -> None:
    source, name, target = (*asked.value.split(":"), "", "")[:3]
    if asked.value == "*":
        source, name = query.resource_type, "*"
    known = parameter(source, name)
    if name != "*" and (known is None or known.type != "reference"):
        raise BadSearch("_include")
    query.includes.append((source, name, target, _iterates(asked)))


def _revinclude(query: Query, asked: Asked) -> None:
    source, name = (*asked.value.split(":"), "")[:2]
    known = parameter(source, name)
    if known is None or known.type != "reference":
        raise BadSearch("_revinclude")
    query.reversed.append((source, name, _iterates(asked)))


def _iterates(asked: Asked) -> bool:
    if asked.modifier not in {"", "iterate", "recurse"}:
        raise BadSearch(asked.whole)
    return bool(asked.modifier)


_RESULT = {
    "_sort": _sort,
    "_count": _count,
    OFFSET: _offset,
    "_summary": _summary,
    "_format": _format,
    "_total": _total,
    "_include": _include,
    "_revinclude": _revinclude,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One page: the matches on it, what came with them, and how many there are in all."""

    query: Query
    matches: Sequence[dict]
    included: Sequence[dict]
    total: int
    page: int

    def bundle(self, base: str) -> dict:
        """Return it as FHIR's searchset; what was ignored is told in an outcome among the entries."""
        entries = [_entry(one, base, "match") for one in self.matches]
        entries += [_entry(one, base, "include") for one in self.included]
        if self.query.ignored:
            words = f"ignored, since they are not known here: {', '.join(self.query.ignored)}"
            told = operation_outcome([Issue("not-supported", words, severity="warning")])
            entries.append({"resource": told, "search": {"mode": "outcome"}})
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": self.total, "link": list(self._links(base))}
        return bundle | ({"entry": entries} if entries else {})

    def _links(self, base: str) -> Iterable[dict]:
        at, step = self.query.offset, self.page
        yield self._link(base, "self", at)
        if self.query.only_count:
            return
        if at:
            yield self._link(base, "previous", max(0, at - step))
        if at + len(self.matches) < self.total:
            yield self._link(base, "next", at + step)

    def _link(self, base: str, relation: str, offset: int) -> dict:
        used = self.query.used + ([(OFFSET, str(offset))] if offset else [])
        query = f"?{urlencode(used)}" if used else ""
        return {"relation": relation, "url": f"{base}/{self.query.resource_type}{query}"}


def search(shelf: Shelf, query: Query, page: int = PAGE) -> Result:
    """Return the page that is asked for; without ``_sort`` in the order in which the resources came.

    Args:
        page: how many are on it where the search does not say.
    """
    found = [one for one in shelf.of_type(query.resource_type) if all(test(one) for test in query.tests)]
    for name, downwards in reversed(query.sort):
        found.sort(key=lambda one, name=name: _sort_key(one, name), reverse=downwards)  # type: ignore[misc]
    page = page if query.count is None else query.count
    matches = [] if query.only_count else found[query.offset : query.offset + page]
    return Result(query, matches, _with_them(shelf, query, matches), len(found), page)


def _sort_key(resource: dict, name: str) -> Any:
    known = parameter(kind(resource), name)
    held = [] if known is None else list(values(resource, known.paths))
    if not held:
        return ""
    if known and known.type == "date":
        stretch = Stretch.of(held[0])
        return stretch.start.isoformat() if stretch else ""
    return str(as_dict(held[0]).get("code") or as_dict(held[0]).get("text") or held[0])


def _with_them(shelf: Shelf, query: Query, matches: Sequence[dict]) -> list[dict]:
    seen = {local_reference(one) for one in matches}
    found: list[dict] = []
    waiting: Sequence[dict] = matches
    for number in range(_ROUNDS):
        new = [one for one in _related(shelf, query, waiting, first=number == 0) if local_reference(one) not in seen]
        new = list({local_reference(one): one for one in new}.values())
        if not new:
            break
        seen |= {local_reference(one) for one in new}
        found += new
        waiting = new
    return found


def _related(shelf: Shelf, query: Query, resources: Sequence[dict], *, first: bool) -> Iterable[dict]:
    """Yield what the resources lead to, and what leads to them."""
    for source, name, target, iterates in query.includes:
        if first or iterates:
            for one in resources:
                if kind(one) == source:
                    yield from (held for held in _targets(shelf, one, name) if target in {"", kind(held)})
    mine = {local_reference(one) for one in resources}
    for source, name, iterates in query.reversed:
        if first or iterates:
            yield from (one for one in shelf.of_type(source) if mine & set(_references(one, name)))


def _targets(shelf: Shelf, resource: dict, name: str) -> Iterable[dict]:
    every = [one for one, known in PARAMETERS.get(kind(resource), {}).items() if known.type == "reference"]
    for one in every if name == "*" else [name]:
        for target in _references(resource, one):
            if held := shelf.get(target):
                yield held


def _references(resource: dict, name: str) -> list[str]:
    known = parameter(kind(resource), name)
    held = values(resource, known.paths) if known else ()
    return [found for one in held if (found := text_of(as_dict(one).get("reference")))]


def _entry(resource: dict, base: str, mode: str) -> dict:
    return {"fullUrl": f"{base}/{local_reference(resource)}", "resource": resource, "search": {"mode": mode}}
