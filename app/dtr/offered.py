"""Between what does a question let one choose?

Source: FHIR R4, Questionnaire.item.answerOption; extension questionnaire-optionExclusive.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.dtr.markup import marked
from fhir_r4.resource import as_dict, dicts, extension, extensions, text_of, value_of
from fhir_r4.systems import OPTION_EXCLUSIVE, UCUM, UNIT, UNIT_OPTION
from fhir_r4.wire import write_json
from questionnaires.comparing import same


@dataclass(frozen=True, slots=True)
class Offer:
    """One choice.

    Attributes:
        value: the answer that it stands for, JSON.
        is_alone: chosen, it excludes all others.
        marked: its words as safe HTML, where the form marks them up.
    """

    value: str
    label: str
    is_alone: bool
    answer: dict
    marked: str = ""


def offers(item: dict) -> Iterator[Offer]:
    """Yield the choices of a question; for a quantity its units."""
    if item.get("type") == "quantity":
        yield from _units(item)
        return
    for option in dicts(item.get("answerOption")):
        answer = {name: _bare(value) for name, value in option.items() if name.startswith("value")}
        if len(answer) == 1:
            (name,) = answer
            is_alone = value_of(extension(option, OPTION_EXCLUSIVE)) is True
            words = marked(as_dict(option.get(f"_{name}"))) or marked(as_dict(option[name]))
            yield Offer(write_json(answer).decode(), _label(answer[name]), is_alone, answer, words)


def offer_of(answer: dict, offered: tuple[Offer, ...]) -> int | None:
    """Return the number of the choice that an answer is; None where it is another."""
    value = value_of(answer)
    return next((number for number, one in enumerate(offered) if same(value_of(one.answer), value)), None)


def _units(item: dict) -> Iterator[Offer]:
    for url in (UNIT_OPTION, UNIT):
        for one in extensions(item, url):
            coding = as_dict(one.get("valueCoding"))
            code, system = text_of(coding.get("code")), text_of(coding.get("system")) or UCUM
            unit = text_of(coding.get("display")) or code
            if unit:
                told = {"unit": unit} | ({"system": system, "code": code} if code else {})
                yield Offer(write_json(told).decode(), unit, False, {"valueQuantity": told})


def _bare(value: object) -> object:
    """Return a value as it is answered: how a choice looks is no part of it."""
    return {name: part for name, part in value.items() if name != "extension"} if isinstance(value, dict) else value


def _label(value: object) -> str:
    told = as_dict(value)
    words = text_of(told.get("display")) or text_of(told.get("code")) or text_of(told.get("reference"))
    return words or ("" if isinstance(value, dict) else str(value))
