"""Are these answers that the form allows? Known questions, the kind that each asks for, choices and limits, no gaps.

Source: FHIR R4, QuestionnaireResponse ("validity of answers"); DTR 2.2.0 spec-147.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from cql import CqlError
from fhir_r4.problems import Issue
from fhir_r4.resource import as_dict, dicts, link_of, text_of
from questionnaires.adaptive import LAST, START
from questionnaires.answering import answer_of, options
from questionnaires.catalog import questions
from questionnaires.limits import is_short_enough, is_within
from questionnaires.value_sets import ValueSets

_WORDS = {START["linkId"], LAST["linkId"]}


def faults(form: dict, response: dict, asked: set[str], value_sets: ValueSets) -> list[Issue]:
    """Return what is wrong with the response, each with the element's path and without its value.

    Args:
        asked: linkIds of the questions that were put; an answer to any other is a fault.
    """
    known = questions(form)
    answered: set[str] = set()
    issues: list[Issue] = []
    waiting = deque((item, f"QuestionnaireResponse.item[{n}]") for n, item in enumerate(dicts(response.get("item"))))
    while waiting:
        item, path = waiting.popleft()
        link = link_of(item)
        given = dicts(item.get("answer"))
        if link in _WORDS and not given:
            continue
        if link not in known or (given and link not in asked):
            issues.append(Issue("invalid", "no question that was asked has this linkId", f"{path}.linkId"))
            continue
        answered |= {link} if given else set()
        issues += _of_question(known[link], given, path, value_sets)
        waiting += [(one, f"{path}.item[{n}]") for n, one in enumerate(dicts(item.get("item")))]
        for place, answer in enumerate(given):
            below = dicts(answer.get("item"))
            waiting += [(one, f"{path}.answer[{place}].item[{n}]") for n, one in enumerate(below)]
    return [*issues, *_gaps(known, asked - answered)]


def _gaps(known: dict[str, dict], unanswered: set[str]) -> Iterator[Issue]:
    for link in sorted(unanswered & known.keys()):
        if known[link].get("required") is True:
            where = f"QuestionnaireResponse.item.where(linkId = '{link}')"
            yield Issue("required", f"question {link} must be answered", where)


def _of_question(question: dict, given: list[dict], path: str, value_sets: ValueSets) -> Iterator[Issue]:
    if len(given) > 1 and question.get("repeats") is not True:
        yield Issue("structure", "there may be one answer only; the question does not repeat", f"{path}.answer")
    for place, answer in enumerate(given):
        where = f"{path}.answer[{place}].value"
        if not _fits(question, answer):
            yield Issue("value", f"the answer must be of type {question.get('type')}", where)
        elif not _offered(question, answer, value_sets):
            yield Issue("code-invalid", "the answer must be one of the choices that the question offers", where)
        elif not is_within(question, answer) or not is_short_enough(question, answer):
            yield Issue("value", "the answer must be within the limits that the question has", where)


def _fits(question: dict, answer: dict) -> bool:
    values = {key: value for key, value in answer.items() if key.startswith("value")}
    if len(values) != 1:
        return False
    ((element, value),) = values.items()
    told = answer_of(question, value)
    return told is not None and (element in told) and told[element] == value


def _offered(question: dict, answer: dict, value_sets: ValueSets) -> bool:
    """Tell whether a coding is among the choices; what cannot be looked up here is not refused."""
    coding = as_dict(answer.get("valueCoding"))
    if question.get("type") != "choice" or not coding:
        return True
    listed = {_key(one) for one in options(question)}
    if named := text_of(question.get("answerValueSet")):
        found = value_sets.find(named)
        try:
            listed |= {(one.system, one.code) for one in value_sets.codes(found)} if found else set()
        except CqlError:
            return True
    return not listed or _key(coding) in listed


def _key(coding: dict) -> tuple[Any, Any]:
    return text_of(coding.get("system")), text_of(coding.get("code"))
