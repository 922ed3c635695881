"""Which values does CQL compute with, and how are they held in Python?

==========================  =======================================================
CQL                         Python
==========================  =======================================================
Boolean, Integer, String    ``bool``, ``int``, ``str``
Long                        :class:`Long`, an ``int`` that remembers its type
Decimal                     ``decimal.Decimal``, 28 digits of which 8 are decimals
Date, DateTime, Time        :mod:`cql.temporal`
Quantity, Ratio             :class:`Quantity`, :class:`Ratio`
Code, Concept               :class:`Code`, :class:`Concept`
ValueSet, CodeSystem        :class:`ValueSet`, :class:`CodeSystem`
Tuple                       :class:`Tuple`, a ``dict``
List, Interval              ``list``, :class:`Interval`
FHIR types                  :class:`cql.fhir_model.Element` over the JSON as it came
==========================  =======================================================

Source: CQL 1.5 Author's Guide, "Values"; appendix B, "Types".
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any


class Long(int):
    """A 64-bit integer. Python's own ``int`` stands for the 32-bit Integer."""

    __slots__ = ()


MAX_INTEGER, MIN_INTEGER = 2**31 - 1, -(2**31)
MAX_LONG, MIN_LONG = Long(2**63 - 1), Long(-(2**63))
STEP = Decimal("0.00000001")
MAX_DECIMAL = Decimal("99999999999999999999.99999999")
MIN_DECIMAL = -MAX_DECIMAL
WIDE = Context(prec=60, rounding=ROUND_HALF_UP)
"""Wide enough that a product of two Decimals is exact before it is rounded to 8 decimals."""


def to_scale(value: Decimal) -> Decimal:
    """Round to CQL's 8 decimals, half away from zero.

    >>> to_scale(Decimal(2) / 3)
    Decimal('0.66666667')
    """
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and exponent >= -8 else value.quantize(STEP, context=WIDE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit: UCUM, or one of CQL's calendar words such as ``month``."""

    value: Decimal
    unit: str = "1"


@dataclass(frozen=True, slots=True)
class Ratio:
    numerator: Quantity
    denominator: Quantity


@dataclass(frozen=True, slots=True)
class Code:
    code: str | None
    system: str | None = None
    version: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Concept:
    codes: tuple[Code, ...]
    display: str | None = None


@dataclass(frozen=True, slots=True)
class ValueSet:
    id: str
    version: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CodeSystem:
    id: str
    version: str | None = None
    name: str | None = None


class Tuple(dict[str, Any]):
    """Named elements; an element that was not given is null."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of points. A closed null bound is the end of the type's range, an open one is unknown.

    ``point`` is the Python type of the points where neither bound tells it.
    """

    low: Any
    high: Any
    low_closed: bool = True
    high_closed: bool = True
    point: type | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """A number that lies somewhere in low..high, such as the days between two dates of unequal precision.

    Source: CQL 1.5 Author's Guide, "Uncertainty"; developer's guide, "Implementing Uncertainty".
    """

    low: Any
    high: Any


RANGE: dict[type, tuple[Any, Any]] = {
    int: (MIN_INTEGER, MAX_INTEGER),
    Long: (MIN_LONG, MAX_LONG),
    Decimal: (MIN_DECIMAL, MAX_DECIMAL),
}


def fitted(value: Any, kind: type) -> Any:
    """Return a number as ``kind``, rounded to its step; null where it is beyond the type's range."""
    if kind is Decimal:
        value = to_scale(value)
    low, high = RANGE[kind]
    return kind(value) if low <= value <= high else None
