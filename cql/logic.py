"""What do the logical, nullological and conditional operators answer?

Logic is three-valued (Kleene): a null operand decides nothing unless the other one decides all.

Source: CQL 1.5 appendix B, "Logical Operators", "Nullological Operators"; ELM 1.5, If, Case, Coalesce.
"""

from typing import Any

from cql.compare import equal
from cql.scope import Build, Frame, Scope, Thunk, lenient, operands, strict


def _and(node: dict, scope: Scope) -> Thunk:
    left, right = scope.compile_all(operands(node))

    def run(frame: Frame) -> bool | None:
        first = left(frame)
        if first is False:
            return False
        second = right(frame)
        return second if first is True or second is False else None

    return run


def _or(node: dict, scope: Scope) -> Thunk:
    left, right = scope.compile_all(operands(node))

    def run(frame: Frame) -> bool | None:
        first = left(frame)
        if first is True:
            return True
        second = right(frame)
        return second if first is False or second is True else None

    return run


def _implies(node: dict, scope: Scope) -> Thunk:
    left, right = scope.compile_all(operands(node))

    def run(frame: Frame) -> bool | None:
        first = left(frame)
        if first is False:
            return True
        second = right(frame)
        return second if first is True or second is True else None

    return run


def _if(node: dict, scope: Scope) -> Thunk:
    condition, then, otherwise = (scope.compile(node.get(part)) for part in ("condition", "then", "else"))
    return lambda frame: then(frame) if condition(frame) is True else otherwise(frame)


def _case(node: dict, scope: Scope) -> Thunk:
    items = [(scope.compile(item["when"]), scope.compile(item["then"])) for item in node.get("caseItem", ())]
    otherwise = scope.compile(node.get("else"))
    if node.get("comparand") is None:
        return _first_true(items, otherwise)
    comparand = scope.compile(node["comparand"])

    def run(frame: Frame) -> Any:
        value = comparand(frame)
        for when, then in items:
            if equal(value, when(frame)) is True:
                return then(frame)
        return otherwise(frame)

    return run


def _first_true(items: list[tuple[Thunk, Thunk]], otherwise: Thunk) -> Thunk:
    def run(frame: Frame) -> Any:
        for when, then in items:
            if when(frame) is True:
                return then(frame)
        return otherwise(frame)

    return run


def _coalesce(node: dict, scope: Scope) -> Thunk:
    thunks = scope.compile_all(operands(node))

    def run(frame: Frame) -> Any:
        for thunk in thunks:
            value = thunk(frame)
            if len(thunks) == 1 and type(value) is list:
                return next((one for one in value if one is not None), None)
            if value is not None:
                return value
        return None

    return run


NODES: dict[str, Build] = {
    "And": _and,
    "Or": _or,
    "Xor": strict(lambda left, right: left is not right),
    "Not": strict(lambda value: not value),
    "Implies": _implies,
    "IsNull": lenient(lambda value: value is None),
    "IsTrue": lenient(lambda value: value is True),
    "IsFalse": lenient(lambda value: value is False),
    "Coalesce": _coalesce,
    "If": _if,
    "Case": _case,
}
