"""Where does an answer stand in a response, and what is below it?

A question's own items are below its first answer, or below each where it is answered ``apart``; beside them while there
is none to be below of.

Source: FHIR R4, QuestionnaireResponse.item.answer.item, and its invariant qrs-1.
"""

from collections.abc import Collection
from itertools import chain, repeat

from fhir_r4.resource import dicts, text_of
from questionnaires.answers import with_answers
from questionnaires.asked import is_apart, is_group


def answered(item: dict, given: list[dict]) -> dict:
    """Return an item with these answers in place of its own; what was below each is below the one that takes its place.

    >>> answered({"linkId": "1", "item": [{"linkId": "1.1"}]}, [{"valueInteger": 1}])
    {'linkId': '1', 'answer': [{'valueInteger': 1, 'item': [{'linkId': '1.1'}]}]}
    """
    if "answer" not in item and "item" not in item:
        return item | {"answer": given} if given else item
    first, *others = [dicts(one.get("item")) for one in dicts(item.get("answer"))] or [[]]
    below = [[*dicts(item.get("item")), *first], *others]
    bare = {name: value for name, value in item.items() if name not in {"item", "answer"}}
    if not given:
        return bare | ({"item": below[0]} if below[0] else {})
    pairs = zip(given, chain(below, repeat([])), strict=False)
    return bare | {"answer": [one | ({"item": items} if items else {}) for one, items in pairs]}


def with_places(form: dict, response: dict, wanted: Collection[str]) -> dict:
    """Return the response with a place for each wanted linkId: a page sends only what has answers."""

    def needs(item: dict) -> bool:
        return item.get("linkId") in wanted or (is_group(item) and any(map(needs, dicts(item.get("item")))))

    def placed_in(item: dict, held: dict) -> dict:
        below = dicts(item.get("item"))
        if is_group(item):
            return placed(below, held) if below else held
        has_own = is_apart(item)
        return with_answers(held, lambda answer, n: placed(below, answer) if n == 1 or has_own else answer)

    def placed(items: list[dict], parent: dict) -> dict:
        held = dicts(parent.get("item"))
        made: list[dict] = []
        for item in items:
            link, text = item.get("linkId"), text_of(item.get("text"))
            mine = [one for one in held if one.get("linkId") == link]
            new = [{"linkId": link} | ({"text": text} if text else {})] if not mine and needs(item) else []
            made += [placed_in(item, one) for one in (*mine, *new)]
        others = [one for one in held if one.get("linkId") not in {item.get("linkId") for item in items}]
        return parent | ({"item": [*made, *others]} if made or others else {})

    return placed(dicts(form.get("item")), response) if wanted else response
