"""What of a form is asked, as its answers stand, and where? A group may come several times, with its own answers each.

A condition looks at the nearest occurrence of the question that it names: in the same repetition, else around it.

Source: FHIR R4, Questionnaire.item.enableWhen ("the nearest question occurrence", 'as being joined by an "or" clause'),
enableBehavior, and the code system questionnaire-enable-operator ("no answer has a value that is equal").
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_r4.resource import as_dict, dicts, link_of, text_of
from questionnaires.answers import answers_by_question
from questionnaires.comparing import compare, same

Place = str
"""Where an item stands: its linkId after the groups and questions around it, each with its how-manyth.

``2``; ``1#2/1.1`` is question 1.1 in the second repetition of group 1.
"""

Key = tuple[tuple[str, int], ...]
"""The way to an item: linkId and its how-manyth, from the top."""

ROUNDS = 8
"""How long a chain of conditions, and of calculations, is followed; one that runs in a circle has no end."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An item of the form that is asked in one place.

    Attributes:
        held: what the response has of it there: the repetitions of a group, else what holds its answers.
        entry: in the how-manyth repetitions it is, of the groups that come more than once.
    """

    item: dict
    held: list[dict]
    entry: tuple[int, ...]

    @property
    def is_group(self) -> bool:
        return is_group(self.item)


def asked(
    form: dict, response: dict, off: Collection[Place], skips: Callable[[dict], bool] = lambda _: False
) -> Iterator[Occurrence]:
    """Yield what is asked, in the form's order; a group that has no entry yet is looked into all the same.

    Args:
        off: what ``disabled`` returned.
        skips: tells of an item that neither it nor anything below is wanted.
    """
    return _asked(form, response, "", (), off, skips)


def disabled(form: dict, response: dict, said: Mapping[str, bool] | None = None) -> frozenset[Place]:
    """Return the places of what is not asked as things stand; what is inside of them is not asked either.

    Of a group that repeats, the entry that might come next is looked at too.

    Args:
        said: what each enableWhenExpression says, by linkId; one that nobody has evaluated hides nothing.
    """
    conditions = _Conditions(form, said or {})
    off = conditions.off(response)
    for _ in range(ROUNDS):  # what is not asked counts as not answered, which may end other questions
        before, off = off, conditions.off(without(response, off))
        if off == before:
            break
    return off


def without(response: dict, off: Collection[Place]) -> dict:
    """Return the response without the items of these places, and without empty lists, which FHIR does not have.

    Of one linkId in one group either all are kept or none, so that what is kept keeps its place.
    """
    return _kept(response, "", off)


def is_group(item: dict) -> bool:
    return item.get("type") == "group"


def _is_enabled(item: dict, given: Callable[[str], list[Any]]) -> bool:
    """Tell whether an item's ``enableWhen`` lets it be asked: any of several, where the form does not say "all".

    Args:
        given: returns the answers that a condition of the item sees, of the question that it names.
    """
    holds = [_holds(one, given(text_of(one.get("question")) or "")) for one in dicts(item.get("enableWhen"))]
    return not holds or (all(holds) if item.get("enableBehavior") == "all" else any(holds))


class _Scope:
    """What stands around an item at one level: which questions are found below it, and their answers."""

    def __init__(self, links: frozenset[str], parent: dict) -> None:
        self.links, self._parent = links, parent
        self._given: dict[str, list[Any]] | None = None

    def given(self, link: str) -> list[Any]:
        if self._given is None:
            self._given = answers_by_question(self._parent)
        return self._given.get(link, [])


class _Conditions:
    """The conditions of one form."""

    def __init__(self, form: dict, said: Mapping[str, bool]) -> None:
        self._form, self._said = form, said
        self._links: dict[int, frozenset[str]] = {}
        self._learn(form)

    def _learn(self, holder: dict) -> frozenset[str]:
        """Keep the linkIds of all that is below the form, or an item of it."""
        items = dicts(holder.get("item"))
        found = frozenset(map(link_of, items)).union(*map(self._learn, items))
        self._links[id(holder)] = found
        return found

    def off(self, response: dict) -> frozenset[Place]:
        return frozenset(self._off(self._form, response, "", ()))

    def _off(self, holder: dict, parent: dict, above: Place, around: tuple[_Scope, ...]) -> Iterator[Place]:
        here = (_Scope(self._links[id(holder)], parent), *around)
        held = _held(parent)

        def nearest(link: str) -> list[Any]:
            return next((scope.given(link) for scope in here if link in scope.links), [])

        for item in dicts(holder.get("item")):
            link = link_of(item)
            if self._said.get(link) is False or not _is_enabled(item, nearest):
                yield above + link
            elif item.get("item"):
                next_one: list[dict] = [{}] if is_group(item) and item.get("repeats") is True else []
                for one, inside_it in _parents(item, [*held.get(link, []), *next_one], above + link):
                    yield from self._off(item, one, inside_it, here)


def _asked(
    holder: dict,
    parent: dict,
    above: Place,
    entry: tuple[int, ...],
    off: Collection[Place],
    skips: Callable[[dict], bool],
) -> Iterator[Occurrence]:
    held = _held(parent)
    for item in dicts(holder.get("item")):
        link = link_of(item)
        if above + link in off or skips(item):
            continue
        mine = held.get(link, [])
        yield Occurrence(item, mine, entry)
        several = is_group(item) and len(mine) > 1
        for number, (one, inside_it) in enumerate(_parents(item, mine, above + link), 1):
            yield from _asked(item, one, inside_it, (*entry, number) if several else entry, off, skips)


def _kept(parent: dict, above: Place, off: Collection[Place]) -> dict:
    items = [
        _kept(one, inside(above + link, 1 if "answer" in one else number), off)
        for one, ((link, number),) in numbered(parent, ())
        if above + link not in off
    ]
    answers = [_kept(one, above, off) for one in dicts(parent.get("answer"))]
    made = {name: value for name, value in parent.items() if name not in {"item", "answer"}}
    return made | ({"answer": answers} if answers else {}) | ({"item": items} if items else {})


def _parents(item: dict, held: list[dict], place: Place) -> Iterator[tuple[dict, Place]]:
    """Yield what holds the items below: each entry of a group, else all answers together; at the least an empty one."""
    if is_group(item):
        for number, one in enumerate(held or [{}], 1):
            yield one, inside(place, number)
    else:
        parts = (part for one in held for part in (one, *dicts(one.get("answer"))))
        yield {"item": [each for part in parts for each in dicts(part.get("item"))]}, inside(place, 1)


def inside(place: Place, number: int) -> Place:
    """Return what the places of all that is in an entry of a group, or below a question's answers, begin with."""
    return f"{place}#{number}/"


def numbered(parent: dict, above: Key) -> Iterator[tuple[dict, Key]]:
    """Yield the items right below a response, an item or an answer, with the way to each."""
    seen: dict[str, int] = {}
    for one in dicts(as_dict(parent).get("item")):
        link = link_of(one)
        seen[link] = seen.get(link, 0) + 1
        yield one, (*above, (link, seen[link]))


def _held(parent: dict) -> dict[str, list[dict]]:
    """Return the items right below a response, a group or answers, by linkId."""
    found: dict[str, list[dict]] = {}
    for one in dicts(as_dict(parent).get("item")):
        found.setdefault(link_of(one), []).append(one)
    return found


def _holds(condition: dict, values: list[Any]) -> bool:
    """Tell whether a condition holds; of no answer, only that there is none, and that none is such a one."""
    wanted = next((value for name, value in condition.items() if name.startswith("answer")), None)
    operator = condition.get("operator")
    if operator == "exists":
        return bool(values) is (wanted is True)
    if operator == "!=":
        return not any(_is(value, wanted) for value in values)
    test = _OPERATORS.get(operator) if isinstance(operator, str) else None
    return test is not None and any(test(value, wanted) for value in values)


def _is(value: Any, wanted: Any) -> bool:
    return same(value, wanted) or compare(value, wanted) == 0


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": _is,
    ">": lambda value, wanted: compare(value, wanted) == 1,
    "<": lambda value, wanted: compare(value, wanted) == -1,
    ">=": lambda value, wanted: compare(value, wanted) in {0, 1},
    "<=": lambda value, wanted: compare(value, wanted) in {-1, 0},
}
