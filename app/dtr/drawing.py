"""How is a form drawn with the plain controls of HTML? Questions and answers become what a template puts on the page.

The renderer of our own: it needs no script library, no inline style and no network. The template escapes every word of
the form and of the record; what cannot be drawn is shown as text and stays as it is.

Source: FHIR R4, Questionnaire.item; SDC 4.0.0, "Advanced rendering"; DTR 2.0.1 @4 to @16, DTR 2.2.0 conf-3 to conf-6.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any

from app.dtr.controls import Control, control_of
from app.dtr.markup import marked
from app.dtr.offered import Offer, offer_of, offers
from app.dtr.wording import help_of, is_help, is_hidden, kinds_of_file, label_of, needs_signature, support_link, unit_of
from fhir_r4.resource import as_dict, dicts, link_of, text_of, value_of
from fhir_r4.wire import write_json
from questionnaires.asked import DEEPEST, Place, inside, is_apart


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer in its control.

    Attributes:
        held: the answer as it stands, JSON; what is not touched on the page goes back as it came.
        value: what the control shows: text, or the code of what is chosen.
        unit: of a quantity.
        chosen: the offers that are chosen, by their number.
    """

    name: str
    held: str
    value: str
    unit: str
    chosen: frozenset[int]
    below: tuple["Drawn", ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One item.

    Attributes:
        name: unique on the page.
        offers: choices, ``units`` units, each with the JSON that it stands for.
        rows: a group's questions, once for each repetition.
        blank: an empty repetition, for one more.
    """

    name: str
    link: str
    control: Control
    label: str
    item: dict
    help: tuple[str, ...]
    support: str | None
    unit: str
    is_hidden: bool
    is_asked: bool
    is_signed: bool
    offers: tuple[Offer, ...]
    answers: tuple[Answered, ...]
    rows: tuple[tuple["Drawn", ...], ...]
    blank: tuple["Drawn", ...] | Answered | None

    @property
    def repeats(self) -> bool:
        return self.item.get("repeats") is True

    @property
    def marked(self) -> str:
        """Return the item's words as safe HTML, where the form marks them up."""
        told, prefix = marked(as_dict(self.item.get("_text"))), text_of(self.item.get("prefix"))
        return f"{escape(prefix)} {told}" if told and prefix else told

    @property
    def has_words(self) -> bool:
        """Tell whether the form says anything of the item: not every group has a heading."""
        return bool(text_of(self.item.get("text")) or text_of(self.item.get("prefix")) or self.marked)

    @property
    def offers_json(self) -> str:
        return write_json([{"label": one.label, "value": one.answer} for one in self.offers]).decode()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of file that an attachment may be."""
        return kinds_of_file(self.item)

    @property
    def is_apart(self) -> bool:
        """Tell whether each answer has its own questions below."""
        return is_apart(self.item)

    @property
    def is_fixed(self) -> bool:
        return self.item.get("readOnly") is True


def drawn(form: dict, response: dict, off: Collection[Place]) -> tuple[Drawn, ...]:
    """Return the form as it is drawn; ``off`` are the places of what is not asked now."""
    return tuple(_Drawing(off).items(dicts(form.get("item")), [response], 0, ""))


@dataclass(frozen=True, slots=True)
class _Asked:
    """An item with what is worked out of it once."""

    item: dict
    control: Control
    offers: tuple[Offer, ...]
    depth: int
    place: Place

    @property
    def below(self) -> list[dict]:
        return dicts(self.item.get("item"))

    @property
    def is_group(self) -> bool:
        return self.control is Control.GROUP

    @property
    def comes_again(self) -> bool:
        """Tell whether one more of it may be added; check boxes are all there already."""
        return self.item.get("repeats") is True and self.control is not Control.CHECKS


class _Drawing:
    """One page on its way to being drawn; every control gets a name of its own."""

    def __init__(self, off: Collection[Place]) -> None:
        self.off = off
        self.number = count(1)

    def items(self, items: list[dict], given: list[dict], depth: int, above: Place) -> Iterator[Drawn]:
        """Draw items; ``given`` is where in the response their answers are."""
        for item in items if depth < DEEPEST else []:
            if not depth or not is_help(item):  # help for a question is drawn with it
                link = link_of(item)
                held = [one for parent in given for one in dicts(parent.get("item")) if one.get("linkId") == link]
                yield self.item(_Asked(item, control_of(item), tuple(offers(item)), depth, above + link), link, held)

    def item(self, one: _Asked, link: str, held: list[dict]) -> Drawn:
        return Drawn(
            name=f"q{next(self.number)}",
            link=link,
            control=one.control,
            label=label_of(one.item),
            item=one.item,
            help=tuple(help_of(one.item)),
            support=support_link(one.item),
            unit=unit_of(one.item),
            is_hidden=is_hidden(one.item),
            is_asked=one.place not in self.off,
            is_signed=needs_signature(one.item),
            offers=one.offers,
            answers=() if one.is_group else tuple(self.answers(one, held)),
            rows=tuple(self.rows(one, held)) if one.is_group else (),
            blank=self.blank(one, held) if one.comes_again else None,
        )

    def rows(self, one: _Asked, held: list[dict]) -> Iterator[tuple[Drawn, ...]]:
        for number, row in enumerate((held if one.comes_again else held[:1]) or [{}], 1):
            yield tuple(self.items(one.below, [row], one.depth + 1, inside(one.place, number)))

    def answers(self, one: _Asked, held: list[dict]) -> Iterator[Answered]:
        given = [answer for item in held for answer in dicts(item.get("answer"))]
        beside = [item for item in held if item.get("item")]
        together = [given] if one.control is Control.CHECKS else [[answer] for answer in given] or [[]]
        for number, several in enumerate(together, 1):
            yield self.answer(one, several, beside, number)

    def answer(self, one: _Asked, given: list[dict], beside: list[dict], number: int) -> Answered:
        values = [{name: part for name, part in each.items() if name.startswith("value")} for each in given]
        values = [each for each in values if each]
        chosen = frozenset(found for each in values if (found := offer_of(each, one.offers)) is not None)
        place = inside(one.place, number if is_apart(one.item) else 1)
        below = tuple(self.items(one.below, [*given, *(beside if number == 1 else [])], one.depth + 1, place))
        held = write_json(values if one.control is Control.CHECKS else values[0]).decode() if values else ""
        first = value_of(values[0]) if values else None
        return Answered(f"a{next(self.number)}", held, shown(first), _unit(first), chosen, below)

    def blank(self, one: _Asked, held: list[dict]) -> tuple[Drawn, ...] | Answered:
        if not one.is_group:
            return self.answer(one, [], [], sum(len(dicts(item.get("answer"))) for item in held) + 1)
        return tuple(self.items(one.below, [], one.depth + 1, inside(one.place, len(held) + 1)))


def shown(value: Any) -> str:
    """Return a value as its control shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, dict):
        return str(value)
    if "value" in value:
        return str(value["value"])
    told = (value.get(name) for name in ("display", "title", "code", "reference", "url"))
    return next((found for one in told if (found := text_of(one))), "")


def held_json(answer: dict) -> str:
    """Return the value of an answer as the page holds it."""
    value = {name: part for name, part in answer.items() if name.startswith("value")}
    return write_json(value).decode() if value else ""


def _unit(value: Any) -> str:
    quantity = value if isinstance(value, dict) and "value" in value else {}
    return text_of(quantity.get("unit")) or text_of(quantity.get("code")) or ""
