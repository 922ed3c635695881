"""Which answers need another look before a form is complete? By linkId, in words that say what is asked for.

What fits is worked out as the payer will work it out (``questionnaires.answering``); what a form says beyond its types
(lengths, limits, places, how often, kinds of file, choices that stand alone) is FHIR's own extensions.

Source: FHIR R4, Questionnaire.item, and its extensions minValue, maxValue, minLength, maxDecimalPlaces, minOccurs,
maxOccurs, mimeType and optionExclusive, and SDC's minQuantity and maxQuantity; DTR 2.0.1 @212, @213, DTR 2.2.0
spec-142, spec-143.
"""

import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from app.dtr.offered import Offer, offer_of, offers
from app.dtr.wording import kinds_of_file
from fhir_r4.resource import as_dict, dicts, extension, link_of, text_of, value_of
from fhir_r4.systems import MAX_OCCURS, MIN_OCCURS
from questionnaires.answering import answer_of
from questionnaires.asked import Occurrence, Place, asked
from questionnaires.comparing import in_unit_of, number_of
from questionnaires.limits import decimal_places, is_above, is_below, is_in_other_unit, lengths_of, limits_of, places_of

_WORDS = {
    "boolean": "yes or no",
    "integer": "a whole number",
    "decimal": "a number",
    "quantity": "a number with a unit that the form takes",
    "date": "a date",
    "dateTime": "a date and time",
    "time": "a time of day",
    "choice": "one of the choices",
    "attachment": "a file",
    "reference": "one of the choices",
    "url": "an address of the web",
}

_DAY = r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_HOUR = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_WRITTEN = {  # FHIR R4, "Primitive Types"
    "date": re.compile(_DAY, re.ASCII),
    "dateTime": re.compile(rf"{_DAY}|\d{{4}}-\d\d-\d\dT{_HOUR}(Z|[-+]\d\d:\d\d)", re.ASCII),
    "time": re.compile(_HOUR, re.ASCII),
    "url": re.compile(r"\S+"),
}
_INTEGERS = range(-(2**31), 2**31)


def faults(form: dict, response: dict, off: Collection[Place]) -> dict[str, str]:
    """Return what is wrong by linkId, of several entries of a group in the first that is; only of what is asked."""
    said: dict[str, str] = {}
    for one in asked(form, response, off):
        found = _of_group(one) if one.is_group else _of_question(one)
        if words := next(found, ""):
            said.setdefault(link_of(one.item), words)
    return said


def _of_group(one: Occurrence) -> Iterator[str]:
    least, most = _occurs(one.item)
    if one.held and least is not None and len(one.held) < least:
        yield f"Give at least {least} entries."
    if most is not None and len(one.held) > most:
        yield f"Give at most {most} entries."


def _of_question(one: Occurrence) -> Iterator[str]:
    question, given = one.item, [answer for item in one.held for answer in dicts(item.get("answer"))]
    offered = tuple(offers(question)) if given else ()
    chosen = {found for answer in given if (found := offer_of(answer, offered)) is not None}
    if len(given) > 1 and any(offered[alone].is_alone for alone in chosen):
        yield "One of these choices stands alone."
    for answer in given:
        yield from _of_answer(question, answer, offered)
    least, most = _occurs(question)
    if given and least is not None and len(given) < least:
        yield f"Give at least {least} answers."
    if most is not None and len(given) > most:
        yield f"Give at most {most} answers."


def _occurs(item: dict) -> tuple[int | None, int | None]:
    """Return how often an item has to come at the least, where it comes at all, and at the most."""
    least, most = (value_of(extension(item, url)) for url in (MIN_OCCURS, MAX_OCCURS))
    return least if isinstance(least, int) else None, most if isinstance(most, int) else None


def _of_answer(question: dict, answer: dict, offered: tuple[Offer, ...]) -> Iterator[str]:
    type_, value = text_of(question.get("type")) or "", value_of(answer)
    if value is None or offer_of(answer, offered) is not None:
        return
    is_written = type_ not in _WRITTEN or bool(_WRITTEN[type_].fullmatch(str(value)))
    if answer_of(question, value) is None or not is_written or (type_ == "choice" and offered):
        yield f"Give {_WORDS.get(type_, 'another answer')}."
        return
    if type_ == "integer" and value not in _INTEGERS:
        yield f"Give a whole number {'above' if value < 0 else 'below'} {'-' if value < 0 else ''}{_INTEGERS.stop}."
    kinds = kinds_of_file(question)
    if type_ == "attachment" and kinds and as_dict(value).get("contentType") not in kinds:
        yield f"Give a file of the kind {' or '.join(kinds)}."
    if isinstance(value, str):
        yield from _of_text(question, value)
    if (number := number_of(value)) is not None:
        yield from _of_places(question, number)
    yield from _of_limits(question, value)


def _of_text(question: dict, text: str) -> Iterator[str]:
    least, most = lengths_of(question)
    if most is not None and len(text) > most:
        yield f"Use at most {most} characters."
    if least is not None and len(text) < least:
        yield f"Use at least {least} characters."


def _of_places(question: dict, number: Decimal) -> Iterator[str]:
    places = places_of(question)
    if places is not None and decimal_places(number) > places:
        yield f"Use at most {places} decimal places." if places else "Give a whole number."


def _of_limits(question: dict, value: Any) -> Iterator[str]:
    """Compare with the least and the most that the form takes."""
    least, most = limits_of(question, value)
    other = next((one for one in (least, most) if one is not None and is_in_other_unit(value, one)), None)
    if other is not None:
        yield f"Give it in {_unit(other)}."
    if is_below(value, least):
        yield f"Not before {least}." if isinstance(value, str) else f"Give {_told(value, least)} or more."
    if is_above(value, most):
        yield f"Not after {most}." if isinstance(value, str) else f"Give {_told(value, most)} or less."


def _told(value: Any, limit: Any) -> str:
    """Return a limit in the unit in which somebody answers."""
    number = in_unit_of(limit, value)
    return f"{number.normalize():f} {_unit(value)}".strip() if number is not None else ""


def _unit(value: Any) -> str:
    return (text_of(value.get("unit")) or text_of(value.get("code")) or "") if isinstance(value, dict) else ""
