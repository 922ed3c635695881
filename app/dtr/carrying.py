"""What of an earlier response is carried into a form? Answer by answer, by linkId, as far as the form takes it.

So a form that was begun goes on, answers find their place in a newer version, and an adaptive form grows around what
was answered. What does not fit is told, never dropped in silence.

Source: DTR 2.0.1 @188, DTR 2.2.0 spec-71, spec-72: on relaunch what a person answered stands, the rest is filled anew.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from app.dtr.resuming import PEOPLE, origin_of
from fhir_r4.resource import dicts, link_of, text_of, value_of
from questionnaires.answering import answer_of, as_answer
from questionnaires.answers import every_item, with_answers
from questionnaires.asked import DEEPEST, is_apart
from questionnaires.catalog import questions
from questionnaires.placing import answered

_KEPT = ("id", "meta", "extension", "identifier", "subject", "encounter", "source")
Wanted = Callable[[dict], bool]
"""Tells of one answer whether it is carried."""


def by_people(answer: dict) -> bool:
    return origin_of(answer) in PEOPLE


def all_of_them(_answer: dict) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Carried:
    """The response, and the words of the questions whose answers found no place in it."""

    response: dict
    lost: tuple[str, ...]


def begun(form: dict, draft: dict, origin: dict | None = None, before: Collection[str] = ()) -> dict:
    """Return the payer's draft with a place for each question of the form, and what the form says it begins with.

    Args:
        origin: the information-origin extension of what the form itself answers: it is the payer's word.
        before: linkIds that were asked before, and do not begin now.
    """
    made = draft | {"item": _items(dicts(form.get("item")), [draft], [], all_of_them, 0)}
    return _with_initial(made, questions(form), origin, before) if origin else made


def _with_initial(response: dict, known: dict[str, dict], origin: dict, before: Collection[str]) -> dict:
    """Return the response with the initial values of what is unanswered (FHIR R4, item.initial and initialSelected)."""

    def below(parent: dict) -> dict:
        return parent | _below([begins(one) for one in dicts(parent.get("item"))])

    def begins(item: dict) -> dict:
        made, link = with_answers(below(item), lambda answer, _: below(answer)), link_of(item)
        if link in before or item.get("answer"):
            return made
        question = known.get(link, {})
        return answered(made, [as_answer(question, value, origin) for value in initial_of(question)])

    return below(response)


def initial_of(question: dict) -> Iterator[dict]:
    """Yield the answers that a question begins with, ``{"valueBoolean": True}``; one unless it repeats."""
    chosen = [one for one in dicts(question.get("answerOption")) if one.get("initialSelected") is True]
    told = [_value(one) for one in (*dicts(question.get("initial")), *chosen)]
    fitting = [one for one in told if one and _fits(question, one)]
    yield from fitting if question.get("repeats") is True else fitting[:1]


def _value(held: dict) -> dict:
    return {name: value for name, value in held.items() if name.startswith("value")}


def carried(form: dict, draft: dict, earlier: dict, wanted: Wanted) -> Carried:
    """Return the draft with the wanted answers of ``earlier``, and under its id."""
    mine = {name: earlier[name] for name in _KEPT if name in earlier}
    made = draft | mine | {"item": _items(dicts(form.get("item")), [draft], [earlier], wanted, 0)}
    found = _placed(every_item(made))
    known = questions(form)
    lost = [
        text_of(item.get("text")) or link
        for item in every_item(earlier)
        for answer in dicts(item.get("answer"))
        if wanted(answer)
        and (link := link_of(item), str(value_of(answer))) not in found
        and known.get(link, {}).get("type") != "display"
    ]
    return Carried(made, tuple(dict.fromkeys(lost)))


def _placed(items: Iterable[dict]) -> set[tuple[str, str]]:
    return {(link_of(item), str(value_of(answer))) for item in items for answer in dicts(item.get("answer"))}


def _items(items: list[dict], drafts: list[dict], earlier: list[dict], wanted: Wanted, depth: int) -> list[dict]:
    """Return a place for each item; ``drafts`` and ``earlier`` are the items of both around them.

    What is below one of several answers goes with it; of one answer, it is beside.
    """
    made: list[dict] = []
    for item in items if depth < DEEPEST else []:
        link = link_of(item)
        text = text_of(item.get("text"))
        bare = {"linkId": link} | ({"text": text} if text else {})
        mine, theirs = _within(earlier, link), _within(drafts, link)
        below = dicts(item.get("item"))
        if item.get("type") == "group":
            rows = _rows(item, theirs, mine)
            made += [bare | _below(_items(below, draft, held, wanted, depth + 1)) for draft, held in rows]
        else:
            given, is_kept = _given(item, theirs, mine, wanted)
            if given and below and is_apart(item):
                around = [([] if is_kept else [one], [one] if is_kept else []) for one in given]
                around[0] = ([*around[0][0], *theirs], [*around[0][1], *mine])  # what is beside goes with the first
                inner = [_items(below, draft, held, wanted, depth + 1) for draft, held in around]
            else:
                inner = [[] for _ in given]
            answers = [_bare(one) | _below(held) for one, held in zip(given, inner, strict=True)]
            beside = [] if any(inner) else _items(below, _all_of(theirs), _all_of(mine), wanted, depth + 1)
            made.append(answered(bare | _below(beside), answers))
    return made


def _all_of(held: list[dict]) -> list[dict]:
    """Return items of a question and their answers: below either there may be others."""
    return [*held, *(answer for one in held for answer in dicts(one.get("answer")))]


def _rows(item: dict, drafts: list[dict], earlier: list[dict]) -> list[tuple[list[dict], list[dict]]]:
    """Return the repetitions of a group: as many as there were; one where there were none."""
    if item.get("repeats") is not True:
        return [(drafts, earlier)]
    count = max(len(drafts), len(earlier), 1)
    return [(drafts[n : n + 1], earlier[n : n + 1]) for n in range(count)]


def _given(item: dict, drafts: list[dict], earlier: list[dict], wanted: Wanted) -> tuple[list[dict], bool]:
    """Return the answers of a question, and whether they are the wanted ones that fit, or else the payer's own."""
    held = [answer for one in earlier for answer in dicts(one.get("answer"))]
    kept = [one for one in held if wanted(one) and _fits(item, one)]
    if kept:
        return kept if item.get("repeats") is True else kept[:1], True
    return [answer for one in drafts for answer in dicts(one.get("answer"))], False


def _fits(item: dict, answer: dict) -> bool:
    """Tell whether an answer is still one of the question's kind; a choice may be by a text of the form's own."""
    value = value_of(answer)
    if value is None:
        return False
    options = [value_of(one) for one in dicts(item.get("answerOption"))]
    told = answer_of(item, value)
    return value in options or (told is not None and next(iter(told)) in answer)


def _bare(answer: dict) -> dict:
    return {name: value for name, value in answer.items() if name != "item"}


def _within(parents: list[dict], link: str) -> list[dict]:
    return [one for parent in parents for one in dicts(parent.get("item")) if one.get("linkId") == link]


def _below(items: list[dict]) -> dict:
    return {"item": items} if items else {}
