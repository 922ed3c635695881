"""How does a query run over its sources?

The rows of several sources are their cross product. Each row is written into the aliases' slots of the frame;
lets, relationships and the condition are asked in that order; what remains is returned, aggregated and sorted.
A source or relationship that speaks of an earlier alias is asked again for each row, any other once.

Source: CQL 1.5 Author's Guide, "Queries"; ELM 1.5, Query, With, Without, ReturnClause, AggregateClause, SortClause.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cmp_to_key
from operator import itemgetter
from typing import Any

from cql.compare import order, plain_primitive
from cql.errors import CqlError
from cql.lists import distinct
from cql.scope import Build, Frame, Scope, Thunk, constant
from cql.structure import reader
from cql.temporal import TEMPORAL, lowest
from cql.types import Tuple

_DESCENDING = {"desc", "descending"}


@dataclass(frozen=True, slots=True)
class _Source:
    alias: str
    slot: int
    values: Thunk
    depends: bool
    """Whether the values are others for each row of the sources before."""


@dataclass(frozen=True, slots=True)
class _Relation:
    source: _Source
    known: int
    """The slot that keeps the values of an independent source while the query runs."""
    such_that: Thunk
    wanted: bool
    """True for ``with``, False for ``without``."""

    def prepare(self, frame: Frame) -> None:
        if not self.source.depends:
            frame[self.known] = self.source.values(frame)

    def holds(self, frame: Frame) -> bool:
        values = self.source.values(frame) if self.source.depends else frame[self.known]
        slot, such_that, tick = self.source.slot, self.such_that, frame[0].tick
        for value in _listed(values)[0] or ():
            tick()
            frame[slot] = value
            if such_that(frame) is True:
                return self.wanted
        return not self.wanted


def _query(node: dict, outer: Scope) -> Thunk:
    scope = outer.child()
    sources = _sources(node, scope)
    lets = [(scope.compile(let["expression"]), scope.declare(let["identifier"])) for let in node.get("let", ())]
    names = {source.alias for source in sources} | {let["identifier"] for let in node.get("let", ())}
    relations = [_relation(one, scope, names) for one in node.get("relationship", ())]
    where = scope.compile(node["where"]) if node.get("where") is not None else constant(value=True)
    passes = _passes(lets, relations, where) if lets or relations else where
    finish = _finish(node, scope, sources)
    if len(sources) == 1 and not relations:
        return _over_one(sources[0], passes, finish)
    return _over_several(sources, relations, passes, finish)


def _passes(lets: list[tuple[Thunk, int]], relations: list[_Relation], where: Thunk) -> Thunk:
    def run(frame: Frame) -> Any:
        for value, slot in lets:
            frame[slot] = value(frame)
        for relation in relations:
            if not relation.holds(frame):
                return False
        return where(frame)

    return run


def _over_one(source: _Source, passes: Thunk, finish: "_Finish") -> Thunk:
    """Run a query as most are: over one source, without relationships."""
    values, slot, of_row = source.values, source.slot, finish.of_row

    def run(frame: Frame) -> Any:
        given = values(frame)
        if given is None:
            return None
        single = type(given) is not list
        tick = frame[0].tick
        rows = []
        for value in [given] if single else given:
            tick()
            frame[slot] = value
            if passes(frame) is True:
                rows.append(of_row(frame))
        return finish.of(frame, rows, single=single)

    return run


def _over_several(sources: list[_Source], relations: list[_Relation], passes: Thunk, finish: "_Finish") -> Thunk:
    def run(frame: Frame) -> Any:
        fixed = [None if source.depends else _listed(source.values(frame)) for source in sources]
        if any(one is not None and one[0] is None for one in fixed):
            return None
        for relation in relations:
            relation.prepare(frame)
        rows = [finish.of_row(frame) for _ in _rows(frame, sources, fixed, 0) if passes(frame) is True]
        return finish.of(frame, rows, single=all(one is not None and one[1] for one in fixed))

    return run


def _listed(value: Any) -> tuple[list[Any] | None, bool]:
    """Return a source's members, and whether it was no list but a single value."""
    if type(value) is list:
        return value, False
    return (None if value is None else [value]), True


def _rows(frame: Frame, sources: list[_Source], fixed: list[Any], place: int) -> Iterator[None]:
    """Write each row into the frame in turn."""
    source = sources[place]
    values = fixed[place] or _listed(source.values(frame))
    last = place == len(sources) - 1
    run = frame[0]
    for value in values[0] or ():
        run.tick()
        frame[source.slot] = value
        if last:
            yield None
        else:
            yield from _rows(frame, sources, fixed, place + 1)


def _sources(node: dict, scope: Scope) -> list[_Source]:
    sources: list[_Source] = []
    seen: set[str] = set()
    for one in node.get("source", ()):
        values = scope.compile(one["expression"])
        depends = mentions(one["expression"], seen)
        sources.append(_Source(one["alias"], scope.declare(one["alias"]), values, depends))
        seen.add(one["alias"])
    if not sources:
        raise CqlError("a query has no source", "at least one source")
    return sources


def mentions(node: Any, names: set[str]) -> bool:
    """Tell whether ELM speaks of one of the aliases or lets ``names``."""
    if isinstance(node, dict):
        if node.get("type") in ("AliasRef", "QueryLetRef") and node.get("name") in names:
            return True
        if node.get("type") == "Property" and node.get("scope") in names:
            return True
        return any(mentions(part, names) for part in node.values())
    return isinstance(node, list) and any(mentions(part, names) for part in node)


def _relation(node: dict, scope: Scope, names: set[str]) -> _Relation:
    values, depends = scope.compile(node["expression"]), mentions(node["expression"], names)
    inner = scope.child()
    source = _Source(node["alias"], inner.declare(node["alias"]), values, depends)
    such_that = inner.compile(node["suchThat"]) if node.get("suchThat") else constant(value=True)
    return _Relation(source, inner.layout.slot(), such_that, node.get("type") == "With")


@dataclass(frozen=True, slots=True)
class _Finish:
    of_row: Callable[[Frame], Any]
    of_rows: Callable[[Frame, list[Any]], Any]
    aggregates: bool = False

    def of(self, frame: Frame, rows: list[Any], *, single: bool) -> Any:
        """Return what the query answers; one member where no source is a list, unless it is the aggregate."""
        found = self.of_rows(frame, rows)
        return (found[0] if found else None) if single and not self.aggregates else found


def _finish(node: dict, scope: Scope, sources: list[_Source]) -> _Finish:
    """Return what becomes of the rows: a tuple of the aliases or the return clause, sorted, or the aggregate."""
    if node.get("aggregate") is not None:
        return _aggregate(node["aggregate"], scope, [source.slot for source in sources], node)
    clause = node.get("return")
    each = _row(sources) if clause is None else scope.compile(clause["expression"])
    sort = _sort(node.get("sort"), scope) or (lambda _frame, rows: rows)
    if clause is not None and clause.get("distinct", True):
        return _Finish(each, lambda frame, rows: sort(frame, distinct(rows)))
    return _Finish(each, sort)


def _row(sources: list[_Source]) -> Callable[[Frame], Any]:
    if len(sources) == 1:
        slot = sources[0].slot
        return lambda frame: frame[slot]
    return lambda frame: Tuple({source.alias: frame[source.slot] for source in sources})


def _aggregate(clause: dict, scope: Scope, slots: list[int], node: dict) -> _Finish:
    inner = scope.child()
    starting = scope.compile_or_null(clause.get("starting"))
    result = inner.declare(clause["identifier"])
    each = inner.compile(clause["expression"])
    slots = slots + [scope.slot_of(let["identifier"]) for let in node.get("let", ())]

    def of_rows(frame: Frame, rows: list[Any]) -> Any:
        total = starting(frame)
        for row in distinct(rows) if clause.get("distinct") else rows:
            for slot, value in zip(slots, row, strict=True):
                frame[slot] = value
            frame[result] = total
            total = each(frame)
        return total

    return _Finish(lambda frame: [frame[slot] for slot in slots], of_rows, aggregates=True)


# Sorting --------------------------------------------------------------------------------------------------------


def _sort(clause: dict | None, scope: Scope) -> Callable[[Frame, list[Any]], list[Any]] | None:
    if not clause:
        return None
    keys: list[tuple[Callable[[Frame, Any], Any], int]]
    keys = [(_key(item, scope), -1 if item.get("direction") in _DESCENDING else 1) for item in clause["by"]]

    def run(frame: Frame, rows: list[Any]) -> list[Any]:
        for key, sign in reversed(keys):  # Python's sort is stable: the least important key goes first
            told = [(plain_primitive(key(frame, row)), row) for row in rows]
            if len({type(value) for value, _ in told}) == 1 and type(told[0][0]) in (int, str, Decimal):
                told.sort(key=itemgetter(0), reverse=sign < 0)
            else:
                told.sort(key=_by_key(sign))
            rows = [row for _, row in told]
        return rows

    return run


def _by_key(sign: int) -> Callable[[tuple[Any, Any]], Any]:
    def compared(one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
        return sign * nulls_first(one[0], other[0])

    return cmp_to_key(compared)


def nulls_first(left: Any, right: Any) -> int:
    """Order two sort keys: null before all else, a moment known in part by the first that it may be."""
    if left is None or right is None:
        return int(left is not None) - int(right is not None)
    found = order(left, right)
    if found is None and type(left) in TEMPORAL:
        return order(lowest(left), lowest(right)) or 0
    return found or 0


def _key(item: dict, scope: Scope) -> Callable[[Frame, Any], Any]:
    match item.get("type"):
        case "ByColumn":
            read = reader(item["path"])
            return lambda frame, row: read(frame[0], row)
        case "ByExpression":
            inner = scope.child()
            slot = inner.declare("$this")
            expression = inner.compile(item["expression"])

            def by_expression(frame: Frame, row: Any) -> Any:
                frame[slot] = row
                return expression(frame)

            return by_expression
    return lambda _frame, row: row


def _identifier(node: dict, scope: Scope) -> Thunk:
    """An identifier inside a sort is an element of the row."""
    slot, read = scope.slot_of("$this"), reader(node["name"])
    return lambda frame: read(frame[0], frame[slot])


def _reference(node: dict, scope: Scope) -> Thunk:
    slot = scope.slot_of(node["name"])
    return lambda frame: frame[slot]


def _sorted(node: dict, scope: Scope) -> Thunk:
    source, sort = scope.compile(node["source"]), _sort(node, scope)

    def run(frame: Frame) -> Any:
        values = source(frame)
        return values if values is None or sort is None else sort(frame, values)

    return run


NODES: dict[str, Build] = {
    "Query": _query,
    "AliasRef": _reference,
    "QueryLetRef": _reference,
    "OperandRef": _reference,
    "IdentifierRef": _identifier,
    "Sort": _sorted,
}
