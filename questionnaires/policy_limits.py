"""What is the least and the most that a question of a form takes? What the facts of its policies say is possible.

A policy's ``from-to`` says what a number can be at all; beyond it, an answer does not count. A question that asks for
such a number, and has no limits of its own, is sent with them, so that a DTR client says so while somebody types,
and fills in nothing beyond them.
Where policies say different things of one question, it takes what any of them takes.

Source: FHIR R4, extensions minValue and maxValue, for whole numbers and decimals; SDC 4.0.0, minQuantity and
maxQuantity, for quantities.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor
from typing import Any, Self

from fhir_r4.resource import extension
from fhir_r4.systems import MAX_QUANTITY, MAX_VALUE, MIN_QUANTITY, MIN_VALUE, UCUM
from questionnaires.catalog import questions
from questionnaires.policies_of_form import extended, naming
from rules.book import PolicyBook
from rules.entry import Asks

_ELEMENTS = {"integer": "valueInteger", "decimal": "valueDecimal", "quantity": "valueQuantity"}
_OWN = (MIN_VALUE, MAX_VALUE, MIN_QUANTITY, MAX_QUANTITY)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The least and the most of a question; the unit is that of a quantity."""

    least: Decimal
    most: Decimal
    unit: str | None

    @classmethod
    def widest(cls, asks: list[Asks]) -> Self | None:
        """Return what any of the facts takes; none where one has no limits, or another unit."""
        limits = [one.limits for one in asks if one.limits]
        units = {one.unit for one in asks}
        if len(limits) < len(asks) or len(units) > 1:
            return None
        return cls(min(low for low, _ in limits), max(high for _, high in limits), *units)


def with_policy_limits(form: dict, book: PolicyBook) -> dict:
    """Return the form with limits for its numbers that have none, from the active policies that name it."""
    asked = {link: item for link, item in questions(form).items() if _is_open(item)}
    limits = _limits(form, book, asked) if asked else {}
    written = {link: _written(asked[link]["type"], said) for link, said in limits.items()}
    return extended(form, written) if written else form


def _is_open(item: dict) -> bool:
    return item.get("type") in _ELEMENTS and not any(extension(item, url) for url in _OWN)


def _limits(form: dict, book: PolicyBook, asked: Mapping[str, dict]) -> dict[str, _Limits]:
    found: dict[str, list[Asks]] = {}
    for entry in naming(form, book):
        for one in entry.asks:
            if one.question in asked and (one.unit is not None) == (asked[one.question]["type"] == "quantity"):
                found.setdefault(one.question, []).append(one)
    return {link: widest for link, asks in found.items() if (widest := _Limits.widest(asks))}


def _written(type_: str, limits: _Limits) -> list[dict]:
    """Return the extensions that say so; of a whole number, those whole numbers that are within."""
    values: tuple[Any, Any] = limits.least, limits.most
    if type_ == "integer":
        values = ceil(limits.least), floor(limits.most)
    if limits.unit is not None:
        unit = {"unit": limits.unit, "system": UCUM, "code": limits.unit}
        values = {"value": limits.least} | unit, {"value": limits.most} | unit
    urls = (MIN_VALUE, MAX_VALUE) if limits.unit is None else (MIN_QUANTITY, MAX_QUANTITY)
    return [{"url": url, _ELEMENTS[type_]: value} for url, value in zip(urls, values, strict=True)]
