"""What does a completed form say? A QuestionnaireResponse becomes plain facts, found by linkId.

The response is somebody else's: an answer of the wrong type, in another unit, given twice or in an unfinished
form is no answer, with a note that says so and never quotes it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fhir_r4.resource import as_dict, dicts, link_of, text_of, value_of
from rules.evidence import Answers
from rules.facts import Fact
from rules.plain import plain

FINISHED = frozenset({"completed", "amended"})


def facts_from(response: dict, wanted: Iterable[Fact]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the plain values by fact name, and notes on answers that do not count.

    Numbers come in the fact's unit, dates as ISO strings, codes bare. What was not asked or not answered is
    absent.
    """
    if not finished(response):
        return {}, ("the form is not completed",)
    return plain_facts(answers_by_question(response), wanted)


def plain_facts(answers: Answers, wanted: Iterable[Fact]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what ``facts_from`` does, of the answers of a finished form."""
    facts: dict[str, Any] = {}
    notes: list[str] = []
    for fact in wanted:
        given = answers.get(fact.question, []) if fact.question else []
        if len(given) > 1:
            notes.append(f"{fact.words}: answered more than once")
        elif given:
            value = plain(given[0], fact)
            if value is None:
                notes.append(f"{fact.words}: not {fact.kind}" + (f" in {fact.unit}" if fact.unit else ""))
            else:
                facts[fact.name] = value
    return facts, tuple(notes)


def finished(response: dict) -> bool:
    return text_of(response.get("status")) in FINISHED


def answers_by_question(response: dict) -> dict[str, list[Any]]:
    """Return all answers by linkId in one walk; groups repeat, answers hold items."""
    found: dict[str, list[Any]] = {}
    for item in every_item(response):
        for answer in dicts(item.get("answer")):
            if (value := value_of(answer)) is not None:
                found.setdefault(link_of(item), []).append(value)
    return found


def written_answers(response: dict) -> dict[str, list[dict]]:
    """Return the answers as they are written, by linkId; those of a group that repeats stand together."""
    given: dict[str, list[dict]] = {}
    for item in every_item(response):
        given.setdefault(link_of(item), []).extend(dicts(item.get("answer")))
    return given


def every_item(response: dict) -> Iterator[dict]:
    """Yield each item of a response, in document order: in groups, in repetitions and below answers."""
    waiting = dicts(response.get("item"))[::-1]  # the next one last, so that a long form costs no more a question
    while waiting:
        item = waiting.pop()
        yield item
        below = [one for answer in dicts(item.get("answer")) for one in dicts(answer.get("item"))]
        waiting += reversed([*dicts(item.get("item")), *below])


def with_answers(item: dict, made: Callable[[dict, int], dict]) -> dict:
    """Return an item with its answers as they are made over, each by its number; an item without answers as it is.

    >>> with_answers({"linkId": "1", "answer": [{}, {}]}, lambda answer, number: answer | {"valueInteger": number})
    {'linkId': '1', 'answer': [{'valueInteger': 1}, {'valueInteger': 2}]}
    """
    given = dicts(item.get("answer"))
    return item | {"answer": [made(one, number) for number, one in enumerate(given, 1)]} if given else item


def responses_in(resources: Iterable[dict]) -> Iterator[dict]:
    """Yield the QuestionnaireResponses among ``resources``, also those inside a DTR-QRBundle."""
    for resource in resources:
        if resource.get("resourceType") == "QuestionnaireResponse":
            yield resource
        elif resource.get("resourceType") == "Bundle":
            yield from responses_in(as_dict(entry.get("resource")) for entry in dicts(resource.get("entry")))
