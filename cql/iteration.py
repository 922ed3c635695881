"""What do the operators answer that ask one expression of each member of a list?

``$this`` is the member, ``$index`` its place and ``$total`` what an Aggregate has so far. ELM names the scope, so
that one iteration may speak of another around it.

Source: ELM 1.5, Filter, ForEach, Repeat, Aggregate, Current, Iteration, Total.
"""

from collections.abc import Callable
from typing import Any

from cql.errors import Exhausted
from cql.lists import Members, flatten
from cql.scope import Build, Frame, Scope, Thunk

_INDEX, _TOTAL = " index", " total"  # beside the scope's own name, which has no blank at its end


def _name(node: dict) -> str:
    return str(node.get("scope") or "$this")


def _each(node: dict, scope: Scope, body: str) -> Callable[[Frame, Any, int], Any]:
    """Compile ``body`` in a scope of its own; the function answers it for a member and its index."""
    inner = scope.child()
    this, index = inner.declare(_name(node)), inner.declare(_name(node) + _INDEX)
    expression = inner.compile(node.get(body))

    def ask(frame: Frame, member: Any, place: int) -> Any:
        frame[0].tick()
        frame[this], frame[index] = member, place
        return expression(frame)

    return ask


def _filter(node: dict, scope: Scope) -> Thunk:
    source, holds = scope.compile(node.get("source")), _each(node, scope, "condition")

    def run(frame: Frame) -> list[Any] | None:
        values = source(frame)
        return None if values is None else [one for place, one in enumerate(values) if holds(frame, one, place) is True]

    return run


def _for_each(node: dict, scope: Scope) -> Thunk:
    source, element = scope.compile(node.get("source")), _each(node, scope, "element")

    def run(frame: Frame) -> list[Any] | None:
        values = source(frame)
        return None if values is None else [element(frame, one, place) for place, one in enumerate(values)]

    return run


def _repeat(node: dict, scope: Scope) -> Thunk:
    """Ask the element of the members, then of its answers, until nothing new comes; each answer is told once."""
    source, element = scope.compile(node.get("source")), _each(node, scope, "element")

    def run(frame: Frame) -> list[Any] | None:
        waiting = source(frame)
        if waiting is None:
            return None
        found, seen = [], Members()
        while waiting:
            answers = flatten([element(frame, one, place) for place, one in enumerate(waiting)])
            waiting = [one for one in answers if one is not None and seen.add(one)]
            found += waiting
            if len(found) > frame[0].limits.items:
                raise Exhausted("a repetition finds too many values", f"at most {frame[0].limits.items}")
        return found

    return run


def _aggregate(node: dict, scope: Scope) -> Thunk:
    source, initial = scope.compile(node.get("source")), scope.compile_or_null(node.get("initialValue"))
    outer = scope.child()
    total = outer.declare(_name(node) + _TOTAL)
    iteration = _each(node, outer, "iteration")

    def run(frame: Frame) -> Any:
        values = source(frame)
        if values is None:
            return None
        frame[total] = initial(frame)
        for place, one in enumerate(values):
            frame[total] = iteration(frame, one, place)
        return frame[total]

    return run


def _reference(suffix: str) -> Build:
    def build(node: dict, scope: Scope) -> Thunk:
        slot = scope.slot_of(_name(node) + suffix)
        return lambda frame: frame[slot]

    return build


NODES: dict[str, Build] = {
    "Filter": _filter,
    "ForEach": _for_each,
    "Repeat": _repeat,
    "Aggregate": _aggregate,
    "Current": _reference(""),
    "Iteration": _reference(_INDEX),
    "Total": _reference(_TOTAL),
}
