"""How far is a form, and what is still missing, in words?

A question counts when it is asked: shown by its ``enableWhen`` and those of the groups above it; in each entry of a
group that repeats by itself. A group that is required needs an answer somewhere in it.

Source: FHIR R4, Questionnaire.item.required.
"""

from collections.abc import Collection
from dataclasses import dataclass

from app.dtr.wording import is_hidden
from fhir_r4.resource import dicts, link_of, text_of, value_of
from questionnaires.asked import Occurrence, Place, asked, disabled


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


def progress(form: dict, response: dict, off: Collection[Place] | None = None) -> Progress:
    """Return how far ``response`` is; what only an expression shows is counted where the expression was evaluated.

    Args:
        off: the places of what is not asked; worked out here where it is left out.
    """
    off = disabled(form, response) if off is None else off
    shown = [one for one in asked(form, response, off, is_hidden) if one.item.get("type") != "display"]
    every = [one for one in shown if not one.is_group]
    answered = [one for one in every if _is_answered(one)]
    empty = {one.place for one in every} - {one.place for one in answered}
    required = [one for one in shown if one.item.get("required") is True]
    told = [one for one in required if one.place in empty]
    bare = _around(every) - _around(answered) - _around(told)
    missing = tuple(Missing(link_of(one.item), _words(one)) for one in required if one.place in empty | bare)
    return Progress(len(every), len(answered), missing)


def _around(occurrences: list[Occurrence]) -> set[Place]:
    """Return the places of all groups and questions around these."""
    return {place for one in occurrences for place in one.around}


def _is_answered(one: Occurrence) -> bool:
    return any(value_of(answer) is not None for item in one.held for answer in dicts(item.get("answer")))


def _words(one: Occurrence) -> str:
    words = text_of(one.item.get("text")) or link_of(one.item)
    least = f"{words}: at least one answer" if one.is_group else words
    return f"{least} (entry {'.'.join(map(str, one.entry))})" if one.entry else least
