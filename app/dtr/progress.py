"""How far is a form, and what is still missing, in words?

A question counts when it is asked: shown by its ``enableWhen`` and those of the groups above it.

Source: FHIR R4 Questionnaire.item.enableWhen and enableBehavior.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.dtr.revising import same
from fhir_r4.resource import dicts, extensions, text_of, value_of
from fhir_r4.systems import ENABLE_WHEN_EXPRESSION, HIDDEN
from questionnaires.answers import answers_by_question

_NO_QUESTION = frozenset({"group", "display"})
Given = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Missing:
    """A question that needs an answer before the form is complete."""

    link_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Questions asked, questions answered, and the required ones that are not."""

    asked: int
    answered: int
    missing: tuple[Missing, ...]


def progress(form: dict, response: dict) -> Progress:
    """Return how far ``response`` is."""
    given = answers_by_question(response)
    asked = [item for item in _asked(dicts(form.get("item")), given) if item.get("type") not in _NO_QUESTION]
    links = [text_of(item.get("linkId")) or "" for item in asked]
    missing = tuple(
        Missing(link, text_of(item.get("text")) or link)
        for item, link in zip(asked, links, strict=True)
        if item.get("required") is True and not given.get(link)
    )
    return Progress(len(asked), sum(bool(given.get(link)) for link in links), missing)


def _asked(items: list[dict], given: Given) -> Iterator[dict]:
    for item in items:
        if is_asked(item, given):
            yield item
            yield from _asked(dicts(item.get("item")), given)


def is_asked(item: dict, given: Given) -> bool:
    """Tell whether an item is shown, as far as this can be told without its expressions.

    One that depends on an expression is not asked for here: the page that evaluates it shows and requires it.
    """
    if extensions(item, ENABLE_WHEN_EXPRESSION) or any(value_of(one) is True for one in extensions(item, HIDDEN)):
        return False
    holds = [_holds(one, given) for one in dicts(item.get("enableWhen"))]
    return not holds or (any(holds) if item.get("enableBehavior") == "any" else all(holds))


def _holds(condition: dict, given: Given) -> bool:
    values = given.get(text_of(condition.get("question")) or "", [])
    wanted = next((value for name, value in condition.items() if name.startswith("answer")), None)
    operator = condition.get("operator")
    if operator == "exists":
        return bool(values) is (wanted is True)
    if operator == "!=":
        return bool(values) and not any(same(value, wanted) for value in values)
    test = _OPERATORS.get(operator) if isinstance(operator, str) else None
    return test is not None and any(test(value, wanted) for value in values)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(value: Any, wanted: Any) -> bool:
        one, other = (each.get("value") if isinstance(each, dict) else each for each in (value, wanted))
        try:
            return test(one, other)
        except TypeError:
            return False

    return compared


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": same,
    ">": _ordered(lambda one, other: one > other),
    "<": _ordered(lambda one, other: one < other),
    ">=": _ordered(lambda one, other: one >= other),
    "<=": _ordered(lambda one, other: one <= other),
}
