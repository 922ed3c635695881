"""Does an expression compare what can never be equal? A number with a text, a date with yes or no.

FHIRPath answers no to such an ``=``, whatever the fact is: the criterion reads well and never holds. Only what is
certain is told: where the type of a side is not known (a function, a path), nothing is said of it.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from rules.facts import FactType, is_day

_COMPARES = frozenset({"EqualityExpression", "InequalityExpression", "MembershipExpression"})
_LITERALS = {
    "NumberLiteral": FactType.NUMBER,
    "StringLiteral": FactType.CODE,
    "BooleanLiteral": FactType.BOOLEAN,
    "DateTimeLiteral": FactType.DATE,
}
_INSTEAD = {
    FactType.NUMBER: "compare it with a number, without quotes: %weeks >= 6",
    FactType.BOOLEAN: "ask for the fact itself, or compare it with true or false",
    FactType.DATE: "compare it with a date: @2026-01-31, or %authored - 30 days",
    FactType.CODE: "compare it with a code in quotes: %place = '11'",
}
Types = Mapping[str, FactType]


class _Side(NamedTuple):
    """One side of a comparison, or one of the values that it may be."""

    type: FactType
    written: str
    is_fact: bool


def mismatches(tree: Any, types: Types) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and what to write instead, for each comparison that never holds.

    Args:
        tree: an expression as ``fhir_r4.path.tree`` parses it.
        types: of the facts, by name.
    """
    children = tree.get("children", [])
    if tree.get("type") in _COMPARES:
        left, right = (list(_sides(one, types)) for one in children)
        for one, other in product(left, right):
            fact, beside = (one, other) if one.is_fact else (other, one)
            if fact.is_fact and not _alike(fact, beside):
                say = f"{fact.written} is a {fact.type}, and {beside.written} is a {beside.type}"
                yield f"{say}: no value of one is ever one of the other", _INSTEAD[fact.type]
    for child in children:
        yield from mismatches(child, types)


def _sides(node: Any, types: Types) -> Iterator[_Side]:
    """Yield what a side is, of a list in brackets each; nothing where that is not certain."""
    children = node.get("children", [])
    match node.get("type"):
        case "TermExpression" | "ParenthesizedTerm" | "LiteralTerm" | "PolarityExpression":
            yield from _sides(children[0], types)
        case "UnionExpression":
            yield from (side for child in children for side in _sides(child, types))
        case "ExternalConstantTerm":
            name = _name(node)
            if name in types:
                yield _Side(types[name], f"%{name}", is_fact=True)
        case "AdditiveExpression" if node["terminalNodeText"] != ["&"]:
            yield from _sides(children[0], types)  # a date and some days are a date
        case str(literal) if literal in _LITERALS:
            yield _Side(_LITERALS[literal], node["text"], is_fact=False)


def _name(node: Any) -> str:
    while node.get("children"):
        node = node["children"][0]
    return str(node.get("text"))


def _alike(one: _Side, other: _Side) -> bool:
    """Tell whether both are of one type; a day in quotes is a date as well."""
    dated = {one.type, other.type} == {FactType.DATE, FactType.CODE}
    return one.type is other.type or (dated and not other.is_fact and is_day(other.written.strip("'")))
