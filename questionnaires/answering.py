"""How does a value become an answer to a question? Each kind of question takes what means the same, and no more.

A value that does not fit is no answer: a saturation in another unit is converted, one in no known unit is left to
the clinician.

Source: FHIR R4, Questionnaire.item.type and QuestionnaireResponse.item.answer.value[x].
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from fhir_r4.resource import as_dict, dicts, extensions, kind, local_reference, text_of
from fhir_r4.systems import UCUM, UNIT, UNIT_OPTION
from fhir_r4.ucum import NotUcum, converted
from fhir_r4.weights import WEIGHTS, weights
from questionnaires.comparing import same
from questionnaires.limits import is_within

DAY = 10
"""Characters of a date's year, month and day."""
_Reader = Callable[[dict, Any], "tuple[str, Any] | None"]


def answers(question: dict, values: Iterable[Any]) -> list[dict]:
    """Return the values as answers, ``[{"valueBoolean": True}]``: those that fit and that can be, each once.

    A question that does not repeat takes the first.
    """
    found: list[dict] = []
    for value in map(_whole, values) if question.get("type") == "integer" else values:
        answer = answer_of(question, value)
        if answer and is_within(question, answer) and answer not in found:
            found.append(answer)
    return found if question.get("repeats") is True else found[:1]


def _whole(value: Any) -> Any:
    """Return a decimal without a fraction as the integer that it is: FHIRPath rounds and adds up to decimals."""
    return int(value) if isinstance(value, Decimal) and abs(value) < 2**31 and value % 1 == 0 else value


def answer_of(question: dict, value: Any) -> dict | None:
    """Return one value as the answer, or None where it is not what the question asks for."""
    read = _READERS.get(text_of(question.get("type")) or "")
    told = read(question, value) if read else None
    return {told[0]: told[1]} if told else None


def as_answer(question: dict, value: dict, origin: dict) -> dict:
    """Return a value, ``{"valueCoding": {…}}``, as it is answered: with where it came from, and what it counts for.

    What a choice counts for, the question's option says. It is said of the answer, as DTR's profiles have it (2.0.1
    ordinalValue, 2.2.0 itemWeight), and of its coding, where ``answer.value.weight()`` finds it.
    """
    coding = as_dict(value.get("valueCoding"))
    weight = _weight(question, coding) if coding else None
    if weight is None:
        return {"extension": [origin], **value}
    kept = [one for one in dicts(coding.get("extension")) if one.get("url") not in WEIGHTS]
    return {"extension": [origin, weight], **value, "valueCoding": coding | {"extension": [*kept, weight]}}


def _weight(question: dict, coding: dict) -> dict | None:
    """Return the extension that says what the question's option of this coding counts for."""
    for option in dicts(question.get("answerOption")):
        offered = as_dict(option.get("valueCoding"))
        if same(offered, coding):
            return next(iter((*weights(offered), *weights(option))), None)
    return None


def options(question: dict) -> Iterator[dict]:
    """Yield the codings that the question offers by itself."""
    for option in dicts(question.get("answerOption")):
        if coding := as_dict(option.get("valueCoding")):
            yield coding


def _of_type(element: str, *kinds: type) -> _Reader:
    def read(_question: dict, value: Any) -> tuple[str, Any] | None:
        fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        return (element, value) if fits else None

    return read


def _text(_question: dict, value: Any) -> tuple[str, Any] | None:
    """A concept answers a question for text by its words."""
    if isinstance(value, dict):
        coding = next((one for one in _codings(value) if text_of(one.get("display"))), {})
        value = text_of(value.get("text")) or text_of(coding.get("display"))
    return ("valueString", value) if text_of(value) else None


def _date(_question: dict, value: Any) -> tuple[str, Any] | None:
    return ("valueDate", value[:DAY]) if isinstance(value, str) and value[:4].isdigit() else None


def _moment(_question: dict, value: Any) -> tuple[str, Any] | None:
    return ("valueDateTime", value) if isinstance(value, str) and value[:4].isdigit() else None


def _quantity(question: dict, value: Any) -> tuple[str, Any] | None:
    if not isinstance(value, dict) or not _is_number(value.get("value")):
        return None
    units = [code for code in _units(question) if code]
    mine = text_of(value.get("code"))
    if not units or mine in units:
        return "valueQuantity", value
    told = _in(units[0], value, mine)
    return ("valueQuantity", told) if told else None


def _units(question: dict) -> Iterator[str | None]:
    for url in (UNIT_OPTION, UNIT):
        for one in extensions(question, url):
            yield text_of(as_dict(one.get("valueCoding")).get("code"))


def _in(unit: str, value: dict, mine: str | None) -> dict | None:
    """Convert, and keep a comparator; a system that is not UCUM leaves the number to a person."""
    if mine is None or value.get("system") != UCUM:
        return None
    try:
        number = converted(Decimal(str(value["value"])), mine, unit)
    except NotUcum:
        return None
    if number is None:
        return None
    rounded = round(number, 4).normalize() + 0
    kept = {"comparator": value["comparator"]} if "comparator" in value else {}
    return {"value": Decimal(f"{rounded:f}"), **kept, "unit": unit, "system": UCUM, "code": unit}


def _choice(question: dict, value: Any) -> tuple[str, Any] | None:
    """A concept answers by the coding that is offered, else by its first; a bare code by the option that has it."""
    offered = {(one.get("system"), one.get("code")): one for one in options(question) if _is_coding(one)}
    if isinstance(value, dict):
        found = _codings(value)
        listed = next((one for one in found if (one.get("system"), one.get("code")) in offered), None)
        chosen = listed or next(iter(found), None)
        return ("valueCoding", chosen) if chosen else None
    coding = next((one for one in offered.values() if one.get("code") == value), None)
    return ("valueCoding", coding) if coding else None


def _open_choice(question: dict, value: Any) -> tuple[str, Any] | None:
    return _choice(question, value) or (("valueString", value) if text_of(value) else None)


def _codings(value: dict) -> list[dict]:
    """Return the codings of a Coding or a CodeableConcept."""
    if "coding" in value:
        return [one for one in dicts(value["coding"]) if _is_coding(one)]
    return [value] if _is_coding(value) and "value" not in value else []


def _is_coding(value: dict) -> bool:
    return bool(text_of(value.get("code"))) and isinstance(value.get("system"), str | None)


def _reference(_question: dict, value: Any) -> tuple[str, Any] | None:
    if kind(value) and text_of(as_dict(value).get("id")):
        return "valueReference", {"reference": local_reference(value)}
    fits = isinstance(value, dict) and (text_of(value.get("reference")) or "identifier" in value)
    return ("valueReference", value) if fits else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


_READERS: dict[str, _Reader] = {
    "boolean": _of_type("valueBoolean", bool),
    "decimal": _of_type("valueDecimal", int, float, Decimal),
    "integer": _of_type("valueInteger", int),
    "date": _date,
    "dateTime": _moment,
    "time": _of_type("valueTime", str),
    "string": _text,
    "text": _text,
    "url": _of_type("valueUri", str),
    "quantity": _quantity,
    "choice": _choice,
    "open-choice": _open_choice,
    "reference": _reference,
    "attachment": _of_type("valueAttachment", dict),
}
