"""What does a form ask, what must be answered, and which policies weigh the answers? One form as a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask import render_template

from app.current import the_service
from app.pages.door import pages, the_person
from fhir_r4.problems import Unknown
from fhir_r4.resource import dicts, extension, link_of, text_of
from fhir_r4.systems import ENABLE_WHEN_EXPRESSION
from questionnaires.catalog import canonical_of
from rules.entry import Entry


@dataclass(frozen=True, slots=True)
class Weighed:
    """A policy's fact that a question answers."""

    policy: str
    version: str
    fact: str


@dataclass(frozen=True, slots=True)
class Line:
    """A group's heading, words, or a question, as the form has them."""

    text: str
    kind: str
    is_required: bool
    is_conditional: bool
    choices: tuple[str, ...]
    weighed: tuple[Weighed, ...]


@pages.get("/forms/<identity>/<version>")
def one_form(identity: str, version: str) -> str:
    service = the_service()
    name = f"{identity}|{version}"
    try:
        form = service.catalog.named(name)
    except KeyError:
        raise Unknown("there is no such form, or not in this version") from None
    entries = [one for one in service.book.entries if one.questionnaire == name]
    lines = list(_lines(dicts(form.get("item")), _by_question(entries)))
    return render_template(
        "form.html",
        person=the_person(),
        title=text_of(form.get("title")) or identity,
        canonical=canonical_of(form),
        lines=lines,
        policies=entries,
    )


def _by_question(entries: Sequence[Entry]) -> Mapping[str, tuple[Weighed, ...]]:
    found: dict[str, tuple[Weighed, ...]] = {}
    for entry in entries:
        for one in entry.asks:
            found[one.question] = (*found.get(one.question, ()), Weighed(entry.id, entry.version, one.name))
    return found


def _lines(items: Sequence[dict], weighed: Mapping[str, tuple[Weighed, ...]]) -> Iterator[Line]:
    for item in items:
        link = link_of(item)
        yield Line(
            text_of(item.get("text")) or link,
            text_of(item.get("type")) or "",
            item.get("required") is True,
            bool(item.get("enableWhen") or extension(item, ENABLE_WHEN_EXPRESSION)),
            tuple(_choices(item)),
            weighed.get(link, ()),
        )
        yield from _lines(dicts(item.get("item")), weighed)


def _choices(item: dict) -> Iterator[str]:
    for option in dicts(item.get("answerOption")):
        value = next((found for name, found in option.items() if name.startswith("value")), None)
        words = text_of(value.get("display")) or text_of(value.get("code")) if isinstance(value, dict) else str(value)
        if words:
            yield words
