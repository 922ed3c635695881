"""What is the least and the most that a question of a form takes? What the facts of its policies say is possible.

A policy's ``from-to`` says what a number can be at all; beyond it, an answer does not count. A question that asks for
such a number, and has no limits of its own, is sent with them, so that a DTR client says so while somebody types.
Where policies say different things of one question, it takes what any of them takes.

Source: FHIR R4, extensions minValue and maxValue, which are for whole numbers and decimals and not for quantities.
"""

from collections.abc import Collection
from decimal import Decimal
from math import ceil, floor

from fhir_r4.resource import extension
from fhir_r4.systems import MAX_VALUE, MIN_VALUE
from questionnaires.catalog import questions
from questionnaires.policies_of_form import extended, naming
from rules.book import PolicyBook

_VALUES = {"integer": "valueInteger", "decimal": "valueDecimal"}
Limits = dict[str, tuple[Decimal, Decimal]]
"""The least and the most by linkId."""


def with_policy_limits(form: dict, book: PolicyBook) -> dict:
    """Return the form with limits for its numbers that have none, from the active policies that name it."""
    asked = {link: item for link, item in questions(form).items() if _is_open(item)}
    limits = _limits(form, book, asked) if asked else {}
    return extended(form, {link: _written(asked[link], *said) for link, said in limits.items()}) if limits else form


def _is_open(item: dict) -> bool:
    return item.get("type") in _VALUES and not any(extension(item, url) for url in (MIN_VALUE, MAX_VALUE))


def _limits(form: dict, book: PolicyBook, asked: Collection[str]) -> Limits:
    """Return the widest limits; a question that one policy asks without limits has none."""
    found: dict[str, list[tuple[Decimal, Decimal] | None]] = {}
    for entry in naming(form, book):
        for one in entry.asks:
            if one.question in asked:
                found.setdefault(one.question, []).append(one.limits)
    return {
        link: (min(low for low, _ in given), max(high for _, high in given))
        for link, said in found.items()
        if len(given := [one for one in said if one is not None]) == len(said)
    }


def _written(item: dict, low: Decimal, high: Decimal) -> list[dict]:
    """Return the extensions that say so; of a whole number, those whole numbers that are within."""
    least, most = (ceil(low), floor(high)) if item["type"] == "integer" else (low, high)
    key = _VALUES[item["type"]]
    return [{"url": MIN_VALUE, key: least}, {"url": MAX_VALUE, key: most}]
