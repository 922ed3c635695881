"""What does a response say, for whoever only reads it? Its form, when and by whom, each question's words and answers.

Source: DTR 2.0.1 @5 to @14; DTR 2.2.0 conf-5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.dtr.determined import determined
from fhir_r4.resource import as_dict, dicts, extension, kind, link_of, reference, text_of, value_of
from questionnaires.asked import DEEPEST
from questionnaires.words import in_words, moment_in_words

_DISPLAY = "http://hl7.org/fhir/StructureDefinition/display"
_STATUS = {
    "in-progress": "Begun, not complete",
    "completed": "Complete",
    "amended": "Complete, amended",
    "entered-in-error": "Entered in error",
    "stopped": "Stopped before it was complete",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A question or a group with its answers in words; ``below`` what is inside of it or of an answer."""

    text: str
    answers: tuple[str, ...]
    below: tuple["Line", ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A response as it is read; ``about`` is what is said of the whole, as label and words."""

    title: str
    about: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]


def people_of(response: dict) -> tuple[str, ...]:
    """Return the references whose names a sheet shows."""
    return tuple(found for name in ("subject", "author", "source") if (found := reference(response.get(name))))


def sheet(response: dict, title: str | None, names: Mapping[str, str]) -> Sheet:
    """Return what a response says.

    Args:
        title: of its form, where that is at hand; else the response's own word for it is shown.
        names: by reference, of ``people_of``.
    """
    told = extension(as_dict(response.get("_questionnaire")), _DISPLAY)
    form = title or text_of(value_of(told)) or text_of(response.get("questionnaire")) or "Form"
    status = text_of(response.get("status")) or ""
    about = [
        ("Patient", _name(response.get("subject"), names)),
        ("State", _STATUS.get(status, status)),
        ("Written", moment_in_words(text_of(response.get("authored")) or "")),
        ("By", _name(response.get("author"), names)),
        ("Answered by", _name(response.get("source"), names)),
        *(("The payer says", "; ".join(one.words)) for one in determined(response)),
    ]
    return Sheet(form, tuple((label, words) for label, words in about if words), _lines(response, 0))


def titled(form: dict) -> dict:
    """Return the element by which a response says its form's title, for whoever cannot have the form (DTR 2.0.1 @6)."""
    title = text_of(form.get("title"))
    return {"_questionnaire": {"extension": [{"url": _DISPLAY, "valueString": title}]}} if title else {}


def _lines(parent: dict, depth: int) -> tuple[Line, ...]:
    if depth >= DEEPEST:
        return ()
    return tuple(_line(one, depth) for one in dicts(parent.get("item")))


def _line(item: dict, depth: int) -> Line:
    answers = dicts(item.get("answer"))
    below = [*_lines(item, depth + 1), *(line for one in answers for line in _lines(one, depth + 1))]
    words = tuple(found for one in answers if (found := in_words(value_of(one))))
    return Line(text_of(item.get("text")) or link_of(item), words, tuple(below))


def _name(held: Any, names: Mapping[str, str]) -> str:
    target = reference(held)
    return (names.get(target or "") or text_of(as_dict(held).get("display")) or target) or ""


def name_of(resource: dict) -> str:
    """Return the name of a person or an organization.

    >>> name_of({"name": [{"given": ["Greg"], "family": "Lindqvist", "suffix": ["MD"]}]})
    'Greg Lindqvist MD'
    """
    held = resource.get("name")
    if isinstance(held, str):
        return held
    name = next(iter(dicts(held)), {})
    parts = [*_strings(name.get("prefix")), *_strings(name.get("given")), text_of(name.get("family")) or ""]
    words = " ".join(one for one in (*parts, *_strings(name.get("suffix"))) if one)
    return text_of(name.get("text")) or words or kind(resource)


def named(resource: dict) -> str:
    """Return by what a person is told from others: a patient also by the day of birth.

    >>> named({"resourceType": "Patient", "name": [{"text": "Amy Baxter"}], "birthDate": "1950-02-04"})
    'Amy Baxter, born 4 Feb 1950'
    """
    born = text_of(resource.get("birthDate")) if kind(resource) == "Patient" else None
    return f"{name_of(resource)}, born {moment_in_words(born)}" if born else name_of(resource)


def _strings(held: Any) -> list[str]:
    return [one for one in held if isinstance(one, str)] if isinstance(held, list) else []
