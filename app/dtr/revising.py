"""What did the clinician change? Values from the page become answers that say where each came from.

What renders a form gives values only and forgets origins, so they are worked out here, by comparison with what was
filled in and what stood there before: an answer left alone keeps its origin and author, a filled one that was changed
is an override, anything else is manual (DTR 2.0.1 and 2.2, information-origin; dtrx-1: both name their author).
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal

from app.dtr.resuming import PEOPLE, origin_of
from fhir_r4.resource import dicts, text_of, value_of
from questionnaires.answering import as_answer
from questionnaires.answers import with_answers
from questionnaires.asked import DEEPEST, Key, numbered
from questionnaires.catalog import questions
from questionnaires.comparing import same
from questionnaires.placing import answered
from questionnaires.populate import information_origin

_NUMBER = {
    "valueInteger": re.compile(r"[-+]?[0-9]{1,18}"),
    "valueDecimal": re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?"),
}


def revised(form: dict, filled: dict, current: dict, sent: dict, author: str) -> dict:
    """Return ``current`` with the answers of ``sent``.

    Args:
        form: the Questionnaire; items that it does not have are left out.
        filled: the response as population left it.
        current: the response as it stands, with everybody's answers so far.
        sent: a QuestionnaireResponse of which only linkIds and values are believed.
        author: reference to who sits before the page.
    """
    known = questions(form)
    before, first = dict(_answers(current)), dict(_answers(filled))
    elsewhere = _shifted(before, dict(_answers(sent)))

    def item(one: dict, key: Key) -> dict:
        link = key[-1][0]
        told = [each for each in dicts(one.get("answer")) if value_of(with_numbers(each)) is not None]
        given = [answer(each, key, number) for number, each in enumerate(told, 1)]
        below = list(items(one, key))
        text = text_of(known[link].get("text"))
        return (
            {"linkId": link}
            | ({"text": text} if text else {})
            | ({"answer": given} if given else {})
            | ({"item": below} if below else {})
        )

    def answer(sent_one: dict, key: Key, number: int) -> dict:
        one = with_numbers(sent_one)
        value = value_of(one)
        stood = (*before.get(key, []), *first.get(key, []), *elsewhere.get(_links(key), []))
        kept = next((old for old in stood if same(value_of(old), value)), None)
        below = list(items(one, below_answer(key, number)))
        by_record = any(origin_of(old) != "manual" for old in first.get(key, []))
        origin = information_origin("override" if by_record else "manual", author=author)
        said = kept or as_answer(known[key[-1][0]], _value(one), origin)
        return {name: held for name, held in said.items() if name != "item"} | ({"item": below} if below else {})

    def items(parent: dict, above: Key) -> Iterator[dict]:
        if len(above) < DEEPEST:
            for one, key in numbered(parent, above):
                if key[-1][0] in known:
                    yield item(one, key)

    return {name: value for name, value in current.items() if name != "item"} | {"item": list(items(sent, ()))}


def overridden(settled: dict, current: dict, calculated: Collection[str]) -> dict:
    """Return ``settled`` with a person's answer in place of a calculated one, where the two differ.

    What draws the form may calculate as well, and its result is nobody's word.
    """
    theirs = {
        key: given
        for key, given in _answers(current)
        if key[-1][0] in calculated and any(origin_of(one) in PEOPLE for one in given)
    }

    def below(parent: dict, key: Key) -> dict:
        items = [item(one, inner) for one, inner in numbered(parent, key)]
        return parent | ({"item": items} if items else {})

    def item(one: dict, key: Key) -> dict:
        made = with_answers(below(one, key), lambda answer, number: below(answer, below_answer(key, number)))
        mine, said = dicts(one.get("answer")), theirs.get(key, [])
        alike = len(said) == len(mine) and all(same(value_of(a), value_of(b)) for a, b in zip(said, mine, strict=True))
        return answered(made, said) if said and not alike else made

    return below(settled, ())


def with_numbers(answer: dict) -> dict:
    """Return the answer with numbers that were sent as text, so that no digit is lost; what is no number is no answer.

    >>> with_numbers({"valueQuantity": {"value": "87.50", "unit": "%"}})
    {'valueQuantity': {'value': Decimal('87.50'), 'unit': '%'}}
    """
    made = dict(answer)
    for name, read in (("valueDecimal", Decimal), ("valueInteger", int)):
        if isinstance(answer.get(name), str):
            made[name] = read(answer[name]) if _NUMBER[name].fullmatch(answer[name]) else None
    quantity = answer.get("valueQuantity")
    if isinstance(quantity, dict) and isinstance(quantity.get("value"), str):
        number = quantity["value"]
        is_number = _NUMBER["valueDecimal"].fullmatch(number)
        made["valueQuantity"] = quantity | {"value": Decimal(number)} if is_number else None
    return made


def _value(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name.startswith("value")}


def keyed(response: dict, above: Key = ()) -> Iterator[tuple[Key, dict]]:
    """Yield each item of a response with the way to it."""
    if len(above) < DEEPEST:
        for one, key in numbered(response, above):
            yield key, one
            yield from keyed(one, key)
            for number, each in enumerate(dicts(one.get("answer")), 1):
                yield from keyed(each, below_answer(key, number))


def _shifted(before: Mapping[Key, list[dict]], after: Mapping[Key, list[dict]]) -> dict[tuple[str, ...], list[dict]]:
    """Return, by linkIds from the top, the answers of questions that are answered in fewer places than before.

    Where an entry of a group was taken away, those after it have moved up.
    """
    held, times = dict[tuple[str, ...], list[dict]](), Counter[tuple[str, ...]]()
    for key, given in before.items():
        held.setdefault(_links(key), []).extend(given)
        times[_links(key)] += bool(given)
    times.subtract(_links(key) for key, given in after.items() if given)
    return {links: given for links, given in held.items() if times[links] > 0}


def _links(key: Key) -> tuple[str, ...]:
    return tuple(link for link, _ in key if link)


def below_answer(key: Key, number: int) -> Key:
    """Return what the ways to all below the how-manyth answer of an item begin with.

    What stands beside the answers, as it does while there is none, is below the first.
    """
    return key if number == 1 else (*key, ("", number))


def _answers(response: dict) -> Iterator[tuple[Key, list[dict]]]:
    for key, item in keyed(response):
        yield key, dicts(item.get("answer"))
