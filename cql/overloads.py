"""Which operators mean one thing for lists, another for intervals and a third for points?

The value decides; where the container is null, the type that the ELM gives it does.

Source: CQL 1.5 appendix B, "Interval Operators", "List Operators", "Date and Time Operators".
"""

from collections.abc import Callable
from typing import Any

from cql import interval, lists
from cql.dates import precision_of
from cql.dates import same_as as same_moment
from cql.interval import in_zone
from cql.scope import Build, Frame, Scope, Thunk, operands
from cql.specifiers import is_interval, is_list
from cql.types import Interval


def _by_type(of_lists: Callable[..., Any], of_intervals: Callable[..., Any]) -> Build:
    """Make an operator of two containers of one kind; null if either is null."""

    def build(node: dict, scope: Scope) -> Thunk:
        left, right = scope.compile_all(operands(node))
        precision = precision_of(node)

        def run(frame: Frame) -> Any:
            first, second = left(frame), right(frame)
            if first is None or second is None:
                return None
            if type(first) is list and type(second) is list:
                return of_lists(first, second)
            if precision:
                return of_intervals(in_zone(first, frame[0].offset), in_zone(second, frame[0].offset), precision)
            return of_intervals(first, second)

        return run

    return build


def _timing(relation: Callable[..., Any]) -> Build:
    """Make a relation of points and intervals that takes a precision; null if either side is null."""

    def build(node: dict, scope: Scope) -> Thunk:
        left, right = scope.compile_all(operands(node))
        precision = precision_of(node)

        def run(frame: Frame) -> Any:
            first, second = left(frame), right(frame)
            if first is None or second is None:
                return None
            if precision:
                return relation(in_zone(first, frame[0].offset), in_zone(second, frame[0].offset), precision)
            return relation(first, second, None)

        return run

    return build


def _same_as(left: Any, right: Any, precision: int | None) -> bool | None:
    if type(left) is Interval or type(right) is Interval:
        return interval.same_as(left, right, precision)
    return same_moment(left, right, precision)


def _membership(
    of_list: Callable[..., Any], of_interval: Callable[..., Any], container: int, *, proper: bool = False
) -> Build:
    """Make ``contains`` (container 0) or ``in`` (container 1).

    Nothing is in a null container; whether anything is properly in a null interval is unknown.
    """

    def build(node: dict, scope: Scope) -> Thunk:
        given = operands(node)
        thunks = scope.compile_all(given)
        of_null = None if proper and is_interval(given[container]) else False
        holder, member = thunks[container], thunks[1 - container]
        precision = precision_of(node)

        def run(frame: Frame) -> bool | None:
            values, value = holder(frame), member(frame)
            if values is None:
                return of_null
            answer: bool | None
            if type(values) is list:
                answer = of_list(values, value)
            elif value is None:
                answer = None
            elif precision:
                answer = of_interval(in_zone(values, frame[0].offset), in_zone(value, frame[0].offset), precision)
            else:
                answer = of_interval(values, value)
            return answer

        return run

    return build


def _swapped(relation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda left, right, *precision: relation(right, left, *precision)


def _union(node: dict, scope: Scope) -> Thunk:
    """A null list adds nothing to a union; a null interval makes it null."""
    left, right = operands(node)
    first, second = scope.compile(left), scope.compile(right)
    of_lists = is_list(left) or is_list(right)

    def run(frame: Frame) -> Any:
        one, other = first(frame), second(frame)
        if type(one) is list or type(other) is list or of_lists:
            return lists.union(one or [], other or [])
        return None if one is None or other is None else interval.union(one, other)

    return run


def _except(node: dict, scope: Scope) -> Thunk:
    first, second = scope.compile_all(operands(node))

    def run(frame: Frame) -> Any:
        one, other = first(frame), second(frame)
        if type(one) is list:
            return lists.difference(one, other or [])
        return None if one is None or other is None else interval.difference(one, other)

    return run


def _included(of_lists: Callable[..., Any], of_intervals: Callable[..., Any]) -> Build:
    """Make ``included in``; a null member of a null type is asked as a point (CQL 1.5 appendix B, "Included In")."""
    return _by_type(_swapped(of_lists), _swapped(of_intervals))


NODES: dict[str, Build] = {
    "Union": _union,
    "Intersect": _by_type(lists.intersect, interval.intersect),
    "Except": _except,
    "Contains": _membership(lists.contains, interval.includes, 0),
    "In": _membership(lists.contains, interval.includes, 1),
    "ProperContains": _membership(lists.properly_contains, interval.properly_contains, 0, proper=True),
    "ProperIn": _membership(lists.properly_contains, interval.properly_contains, 1, proper=True),
    "Includes": _by_type(lists.includes, interval.includes),
    "IncludedIn": _included(lists.includes, interval.includes),
    "ProperIncludes": _by_type(lists.properly_includes, interval.properly_includes),
    "ProperIncludedIn": _included(lists.properly_includes, interval.properly_includes),
    "Before": _timing(interval.before),
    "After": _timing(interval.after),
    "SameAs": _timing(_same_as),
    "SameOrBefore": _timing(interval.same_or_before),
    "SameOrAfter": _timing(interval.same_or_after),
    "Overlaps": _timing(interval.overlaps),
    "OverlapsBefore": _timing(interval.overlaps_before),
    "OverlapsAfter": _timing(interval.overlaps_after),
    "Meets": _timing(interval.meets),
    "MeetsBefore": _timing(interval.meets_before),
    "MeetsAfter": _timing(interval.meets_after),
    "Starts": _timing(interval.starts),
    "Ends": _timing(interval.ends),
}
