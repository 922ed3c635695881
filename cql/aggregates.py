"""What do the aggregate functions answer? Nulls are left out first; of nothing, most answer null.

Source: CQL 1.5 appendix B, "Aggregate Functions".
"""

import decimal
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import cmp_to_key, reduce
from typing import Any

from cql.arithmetic import add, divide, multiply
from cql.compare import order
from cql.errors import CqlError
from cql.lists import is_same
from cql.quantities import in_unit
from cql.scope import Build, Frame, Scope, Thunk, operands
from cql.structure import reader
from cql.types import WIDE, Quantity, fitted


def _aggregate(function: Callable[[list[Any]], Any], *, empty: Any = None, of_null: Any = None) -> Build:
    """Make an aggregate of a function over the values that are not null; ``empty`` is the answer for none."""

    def build(node: dict, scope: Scope) -> Thunk:
        (source,) = scope.compile_all(operands(node))
        read = reader(node["path"]) if node.get("path") else None

        def run(frame: Frame) -> Any:
            values = source(frame)
            if values is None:
                return of_null
            if read:
                values = [read(frame[0], value) for value in values]
            known = [value for value in values if value is not None]
            return function(known) if known else empty

        return run

    return build


def extreme(values: list[Any], sign: int) -> Any:
    """Return the greatest value for ``sign`` 1, the least for -1."""
    return reduce(lambda best, value: value if order(value, best) == sign else best, values)


def _mean(values: list[Any]) -> Any:
    return divide(reduce(add, values), len(values))


def ascending(values: list[Any]) -> list[Any]:
    return sorted(values, key=cmp_to_key(lambda one, other: order(one, other) or 0))


def _median(values: list[Any]) -> Any:
    ordered = ascending(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else _mean(ordered[middle - 1 : middle + 1])


def _mode(values: list[Any]) -> Any:
    """The most frequent value; of several the least, or the first where they have no order."""
    best, most = None, 0
    with suppress(CqlError):
        values = ascending(values)
    for value in values:
        count = sum(is_same(value, other) for other in values)
        if count > most:
            best, most = value, count
    return best


def _spread(*, of_sample: bool, root: bool) -> Callable[[list[Any]], Any]:
    """Make a variance or standard deviation; that of a sample divides by one less."""

    def spread(values: list[Any]) -> Any:
        first = values[0]
        unit = first.unit if type(first) is Quantity else None
        numbers = [in_unit(value, unit) if unit else Decimal(value) for value in values]
        known = [number for number in numbers if number is not None]
        count = len(known) - of_sample
        if count < 1 or len(known) != len(numbers):
            return None
        with decimal.localcontext(WIDE):
            mean = sum(known, Decimal(0)) / len(known)
            found = sum(((number - mean) ** 2 for number in known), Decimal(0)) / count
            found = fitted(found.sqrt() if root else found, Decimal)
        return Quantity(found, unit) if unit else found

    return spread


def _geometric_mean(values: list[Any]) -> Any:
    with decimal.localcontext(WIDE):
        product = reduce(lambda one, other: one * other, map(Decimal, values))
        return None if product < 0 else fitted(product ** (Decimal(1) / len(values)), Decimal)


NODES: dict[str, Build] = {
    "Count": _aggregate(len, empty=0, of_null=0),
    "Sum": _aggregate(lambda values: reduce(add, values)),
    "Product": _aggregate(lambda values: reduce(multiply, values)),
    "Min": _aggregate(lambda values: extreme(values, -1)),
    "Max": _aggregate(lambda values: extreme(values, 1)),
    "Avg": _aggregate(_mean),
    "GeometricMean": _aggregate(_geometric_mean),
    "Median": _aggregate(_median),
    "Mode": _aggregate(_mode),
    "Variance": _aggregate(_spread(of_sample=True, root=False)),
    "PopulationVariance": _aggregate(_spread(of_sample=False, root=False)),
    "StdDev": _aggregate(_spread(of_sample=True, root=True)),
    "PopulationStdDev": _aggregate(_spread(of_sample=False, root=True)),
    "AllTrue": _aggregate(all, empty=True, of_null=True),
    "AnyTrue": _aggregate(any, empty=False, of_null=False),
}
