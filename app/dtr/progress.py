"""How far is a form, and what is still missing, in words?

A question counts when it is asked: shown by its ``enableWhen`` and those of the groups above it.

Source: FHIR R4 Questionnaire.item.enableWhen and enableBehavior.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.dtr.revising import same
from app.dtr.wording import is_hidden
from fhir_r4.resource import dicts, link_of, text_of
from questionnaires.answers import answers_by_question

_NO_QUESTION = frozenset({"group", "display"})
Given = dict[str, list[Any]]
ROUNDS = 8
"""How long a chain of conditions, and of calculations, is followed; one that runs in a circle has no end."""


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


def progress(form: dict, response: dict, off: Collection[str] | None = None) -> Progress:
    """Return how far ``response`` is.

    Args:
        off: the linkIds that are not asked; worked out here where it is left out.
    """
    off = disabled(form, response) if off is None else off
    given = answers_by_question(response)
    asked = [item for item in _counted(dicts(form.get("item")), off) if item.get("type") not in _NO_QUESTION]
    links = [link_of(item) for item in asked]
    missing = tuple(
        Missing(link, text_of(item.get("text")) or link)
        for item, link in zip(asked, links, strict=True)
        if item.get("required") is True and not given.get(link)
    )
    return Progress(len(asked), sum(bool(given.get(link)) for link in links), missing)


def disabled(form: dict, response: dict, said: Mapping[str, bool] | None = None) -> frozenset[str]:
    """Return the linkIds of what is not asked as things stand, with all that is inside.

    Args:
        said: what each enableWhenExpression says, by linkId; one that nobody has evaluated hides nothing.
    """
    given = answers_by_question(response)
    off = _off(form, given, said or {})
    for _ in range(ROUNDS):  # what is not asked counts as not answered, which may end other questions
        before, off = off, _off(form, {link: one for link, one in given.items() if link not in off}, said or {})
        if off == before:
            break
    return off


def _off(form: dict, given: Given, said: Mapping[str, bool]) -> frozenset[str]:
    off: set[str] = set()

    def walk(items: list[dict], is_off: bool) -> None:
        for item in items:
            link = link_of(item)
            mine = is_off or said.get(link) is False or not is_enabled(item, given)
            off.update({link} if mine else ())
            walk(dicts(item.get("item")), mine)

    walk(dicts(form.get("item")), False)
    return frozenset(off)


def _counted(items: list[dict], off: Collection[str]) -> Iterator[dict]:
    """Yield what is asked and seen; what only an expression shows is counted where the expression was evaluated."""
    for item in items:
        if text_of(item.get("linkId")) not in off and not is_hidden(item):
            yield item
            yield from _counted(dicts(item.get("item")), off)


def is_enabled(item: dict, given: Given) -> bool:
    """Tell whether an item's ``enableWhen`` lets it be asked."""
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
