"""What follows from the answers that stand? Calculations and conditions of the form, until nothing changes any more.

What is not asked counts as not answered: a condition may hide what a calculation used. Where that runs in a circle,
the form is at fault: what circles is asked, is not calculated, and is told.

Source: SDC 4.0.0, calculatedExpression and enableWhenExpression; DTR 2.0.1 @178, @179, @222; DTR 2.2.0 spec-66,
spec-67, spec-150.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.dtr.revising import below_answer, keyed
from fhir_r4.resource import as_dict, dicts, extension, link_of, text_of
from fhir_r4.systems import CALCULATED_EXPRESSION, ENABLE_WHEN_EXPRESSION
from questionnaires.answers import with_answers
from questionnaires.asked import ROUNDS, Key, Place, disabled, numbered, without
from questionnaires.catalog import questions
from questionnaires.logic import LANGUAGES, Clinical
from questionnaires.placing import answered, with_places
from questionnaires.populate import Empty, asks_of, populate
from questionnaires.scopes import seen, values_of

CIRCLE = "the form's own logic runs in a circle and never comes to rest"


@dataclass(frozen=True, slots=True)
class Settled:
    """How things stand.

    Attributes:
        response: with what is calculated; answers to what is not asked stay in it.
        said: what each enableWhenExpression says, by its place.
        failed: what the form's logic could not do.
    """

    response: dict
    said: dict[Place, bool]
    failed: tuple[Empty, ...]


def is_live(form: dict) -> bool:
    """Tell whether a form has logic that follows the answers; CQL sees the record alone, and does not."""
    held = (
        as_dict(extension(item, url).get("valueExpression"))
        for item in questions(form).values()
        for url in (CALCULATED_EXPRESSION, ENABLE_WHEN_EXPRESSION)
    )
    return any(one and one.get("language") not in LANGUAGES for one in held)


def settle(
    form: dict,
    response: dict,
    variables: Mapping[str, Any],
    origin: Callable[[], dict],
    clinical: Clinical | None,
) -> Settled:
    """Return the response as it is once the form's logic has come to rest."""
    asks = asks_of(form)
    calculated = replace(asks, initial={})
    response = with_places(form, response, asks.calculated)
    said: dict[Place, bool] = {}
    before_that: list[dict[Place, bool]] = []
    failed: dict[str, Empty] = {}
    for _ in range(ROUNDS):
        before, off = response, disabled(form, response, said)
        shown = without(form, response, off)
        made, empty = populate(form, shown, variables, origin, clinical, calculated)
        response = with_places(form, _with_calculated(before, made, asks.calculated), asks.calculated)
        failed = {one.link_id: one for one in empty if one.failed}
        before_that.append(said)
        now = without(form, response, disabled(form, response, said))
        said, wrong = _conditions(form, now, variables, clinical)
        failed |= {one.link_id: one for one in wrong}
        if response == before and said == before_that[-1]:
            return Settled(response, said, tuple(failed.values()))
    late = before_that[ROUNDS // 2 :]
    restless = {place for place in said if len({one.get(place) for one in late} | {said[place]}) > 1}
    every = seen(form, variables, clinical, response) if restless else ()
    circling = {link_of(question) for place, question, _ in every if place in restless} or set(asks.calculated)
    failed |= {link: Empty(link, CIRCLE, failed=True) for link in circling}
    calm = {place: value for place, value in said.items() if place not in restless}
    return Settled(without_answers(response, circling & asks.calculated.keys()), calm, tuple(failed.values()))


def without_answers(response: dict, links: set[str]) -> dict:
    def below(parent: dict) -> dict:
        return parent | ({"item": [kept(one) for one in dicts(parent.get("item"))]} if parent.get("item") else {})

    def kept(item: dict) -> dict:
        made = with_answers(below(item), lambda answer, _: below(answer))
        return answered(made, []) if item.get("linkId") in links else made

    return below(response) if links else response


def _with_calculated(response: dict, made: dict, calculated: Mapping[str, dict]) -> dict:
    """Return the response with the calculated answers of ``made``, which lacks what is not asked."""
    answers = {key: dicts(item.get("answer")) for key, item in keyed(made) if key[-1][0] in calculated}

    def below(parent: dict, key: Key) -> dict:
        items = [item(one, inner) for one, inner in numbered(parent, key)]
        return parent | ({"item": items} if items else {})

    def item(one: dict, key: Key) -> dict:
        made = with_answers(below(one, key), lambda answer, number: below(answer, below_answer(key, number)))
        return answered(made, answers[key]) if key in answers else made

    return below(response, ())


def _conditions(
    form: dict, response: dict, variables: Mapping[str, Any], clinical: Clinical | None
) -> tuple[dict[Place, bool], list[Empty]]:
    said: dict[Place, bool] = {}
    failed: list[Empty] = []
    for place, question, known in seen(form, variables, clinical, response):
        expression = as_dict(extension(question, ENABLE_WHEN_EXPRESSION).get("valueExpression"))
        if text_of(expression.get("expression")):
            found = values_of(expression, known, clinical)
            if isinstance(found, str):
                failed.append(Empty(link_of(question), found, failed=True))
            else:
                said[place] = found == [True]
    return said, failed
