"""What is the least and the most that a question of a form takes? What the facts of its policies say is possible.

A policy's ``from-to`` says what a number can be at all; beyond it, an answer does not count. A question that asks for
such a number, and has no limits of its own, is sent with them, so that a DTR client says so while somebody types.
Where policies say different things of one question, it takes what any of them takes.

Source: FHIR R4, extensions minValue and maxValue, which are for whole numbers and decimals and not for quantities.
"""

from collections.abc import Iterable
from decimal import Decimal
from math import ceil, floor

from fhir_r4.resource import extension, text_of
from fhir_r4.systems import MAX_VALUE, MIN_VALUE
from questionnaires.adaptive import SUFFIX
from questionnaires.catalog import questions
from rules.book import PolicyBook
from rules.policy import Status

_VALUES = {"integer": "valueInteger", "decimal": "valueDecimal"}
Limits = dict[str, tuple[Decimal, Decimal]]
"""The least and the most by linkId."""


def with_policy_limits(form: dict, book: PolicyBook) -> dict:
    """Return the form with limits for its numbers that have none, from the active policies that name it."""
    asked = {link for link, item in questions(form).items() if _is_open(item)}
    limits = _limits(f"{form['id']}|{form['version']}", book, asked) if asked else {}
    return form | {"item": _written(form["item"], limits)} if limits else form


def _is_open(item: dict) -> bool:
    return item.get("type") in _VALUES and not any(extension(item, url) for url in (MIN_VALUE, MAX_VALUE))


def _limits(name: str, book: PolicyBook, asked: set[str]) -> Limits:
    """Return the widest limits; a question that one policy asks without limits has none."""
    found: dict[str, list[tuple[Decimal, Decimal] | None]] = {}
    for entry in book.entries:
        if entry.status is Status.ACTIVE and (entry.questionnaire or "").replace(f"{SUFFIX}|", "|") == name:
            for one in entry.asks:
                if one.question in asked:
                    found.setdefault(one.question, []).append(one.limits)
    return {
        link: (min(low for low, _ in given), max(high for _, high in given))
        for link, said in found.items()
        if len(given := [one for one in said if one is not None]) == len(said)
    }


def _written(items: Iterable[dict], limits: Limits) -> list[dict]:
    return [_with_limits(item, limits) for item in items]


def _with_limits(item: dict, limits: Limits) -> dict:
    held = item | ({"item": _written(item["item"], limits)} if item.get("item") else {})
    found = limits.get(text_of(item.get("linkId")) or "")
    if found is None:
        return held
    key, (low, high) = _VALUES[item["type"]], found
    least, most = (ceil(low), floor(high)) if item["type"] == "integer" else found
    added = [{"url": MIN_VALUE, key: least}, {"url": MAX_VALUE, key: most}]
    return held | {"extension": [*item.get("extension", []), *added]}
