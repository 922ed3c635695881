"""What of a form is asked, as its answers stand, and where? A group may come several times, with its own answers each.

So may what is below a question that takes several answers; of choices, which are ticked together, all have one.
A condition looks at the nearest occurrence of the question that it names: in the same repetition, else around it.

Source: FHIR R4, Questionnaire.item.enableWhen ("the nearest question occurrence", 'as being joined by an "or" clause'),
enableBehavior, and the code system questionnaire-enable-operator ("no answer has a value that is equal").
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, repeat
from typing import Any

from fhir_r4.resource import as_dict, dicts, link_of, text_of
from fhir_r4.wire import MAX_DEPTH
from questionnaires.answers import answers_by_question
from questionnaires.comparing import compare, same

Place = str
"""Where an item stands: its linkId after the groups and questions around it, each with its how-manyth.

``2``; ``1#2/1.1`` is question 1.1 in the second repetition of group 1, or below the second answer to question 1.
"""

Key = tuple[tuple[str, int], ...]
"""The way to an item: linkId and its how-manyth, from the top."""

DEEPEST = MAX_DEPTH // 2
"""How deep the items of a form nest at the most: each is in a list, and deeper JSON is not read."""
ROUNDS = 8
"""How long a chain of conditions, and of calculations, is followed; one that runs in a circle has no end."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An item of the form that is asked in one place.

    Attributes:
        held: what the response has of it there: the repetitions of a group, else what holds its answers.
        entry: in the how-manyth repetitions it is, of the groups that come more than once.
        place: where it stands.
        around: the places of the groups and questions in which it is, the outermost first.
    """

    item: dict
    held: list[dict]
    entry: tuple[int, ...]
    place: Place
    around: tuple[Place, ...]

    @property
    def is_group(self) -> bool:
        return is_group(self.item)


@dataclass(frozen=True, slots=True)
class Outline:
    """What of a form is the same for all of its responses, worked out once; the form is changed by nobody.

    Attributes:
        links: by id of the form, or of an item of it: its linkId and those of all that is below.
        apart: linkIds of the questions of which each answer has its own items below.
    """

    form: dict
    links: Mapping[int, frozenset[str]]
    apart: frozenset[str]


def outline(form: dict) -> Outline:
    links, apart = dict[int, frozenset[str]](), set[str]()

    def learn(holder: dict) -> frozenset[str]:
        link = link_of(holder)
        apart.update({link} if is_apart(holder) else ())
        links[id(holder)] = found = frozenset({link}).union(*map(learn, dicts(holder.get("item"))))
        return found

    learn(form)
    return Outline(form, links, frozenset(apart))


def asked(
    form: dict, response: dict, off: Collection[Place], skips: Callable[[dict], bool] = lambda _: False
) -> Iterator[Occurrence]:
    """Yield what is asked, in the form's order; a group that has no entry yet is looked into all the same.

    Args:
        off: what ``disabled`` returned.
        skips: tells of an item that neither it nor anything below is wanted.
    """
    return _Asking(off, skips).below(form, response, "", (), ())


def disabled(form: dict, response: dict, said: Mapping[str, bool] | None = None) -> frozenset[Place]:
    """Return the places of what is not asked as things stand; what is inside of them is not asked either.

    Of a group that repeats, the entry that might come next is looked at too.

    Args:
        said: what each enableWhenExpression says, by its place; one that nobody has evaluated hides nothing.
    """
    return _settled(outline(form), response, said or {})[0]


def _settled(form: "Outline", response: dict, said: Mapping[str, bool]) -> tuple[frozenset[Place], dict]:
    """Return the places of what is not asked, and the response without it."""
    conditions = _Conditions(form, said)
    off, kept = frozenset[Place](), response
    for _ in range(ROUNDS):  # what is not asked counts as not answered, which may end other questions
        before, off = kept, conditions.off(kept)
        kept = _kept(
            response, "", off, form.apart
        )  # of all that was answered: what ends a question may itself not be asked
        if kept == before:
            break
    return off, kept


def without(form: dict, response: dict, off: Collection[Place]) -> dict:
    """Return the response without the items of these places, and without empty lists, which FHIR does not have.

    Of one linkId in one group either all are kept or none, so that what is kept keeps its place.
    """
    return _kept(response, "", off, outline(form).apart)


def asked_answers(form: "Outline", response: dict) -> dict[str, list[Any]]:
    """Return the answers by linkId to what the form asks as they stand; what it does not ask is no answer.

    An item that does not stand in its group is known by its linkId.
    """
    off, kept = _settled(form, response, {})
    links = {link_of(one.item) for one in asked(form.form, kept, off)}
    return {link: values for link, values in answers_by_question(kept).items() if link in links}


def is_group(item: dict) -> bool:
    return item.get("type") == "group"


def is_apart(item: dict) -> bool:
    """Tell whether each answer to a question has its own items below."""
    return item.get("repeats") is True and item.get("type") not in {"group", "choice", "open-choice"}


def _is_enabled(item: dict, given: Callable[[str], list[Any]]) -> bool:
    """Tell whether an item's ``enableWhen`` lets it be asked: any of several, where the form does not say "all".

    Args:
        given: returns the answers that a condition of the item sees, of the question that it names.
    """
    holds = [_holds(one, given(text_of(one.get("question")) or "")) for one in dicts(item.get("enableWhen"))]
    return not holds or (all(holds) if item.get("enableBehavior") == "all" else any(holds))


class _Scope:
    """What a condition may look at together: the form, one repetition of a group, or one answer with what is below."""

    def __init__(self, links: frozenset[str], parent: dict) -> None:
        self.links, self._parent = links, parent
        self._given: dict[str, list[Any]] | None = None

    def given(self, link: str) -> list[Any]:
        if self._given is None:
            self._given = answers_by_question(self._parent)
        return self._given.get(link, [])


class _Conditions:
    """The conditions of one form."""

    def __init__(self, form: Outline, said: Mapping[str, bool]) -> None:
        self._form, self._links, self._said = form.form, form.links, said

    def off(self, response: dict) -> frozenset[Place]:
        return frozenset(self._off(self._form, response, "", (_Scope(self._links[id(self._form)], response),)))

    def _off(self, holder: dict, parent: dict, above: Place, around: tuple[_Scope, ...]) -> Iterator[Place]:
        held = held_by_link(parent)

        def nearest(link: str) -> list[Any]:
            return next((scope.given(link) for scope in around if link in scope.links), [])

        for item in dicts(holder.get("item")):
            link = link_of(item)
            if self._said.get(above + link) is False or not _is_enabled(item, nearest):
                yield above + link
            elif item.get("item"):
                for number, part in enumerate(parts_and_next(item, held.get(link, [])), 1):
                    scope = (_Scope(self._links[id(item)], {"item": [part]}),) if item.get("repeats") is True else ()
                    yield from self._off(item, part, inside(above + link, number), (*scope, *around))


@dataclass(frozen=True, slots=True)
class _Asking:
    """What of a form is left out while it is gone through."""

    off: Collection[Place]
    skips: Callable[[dict], bool]

    def below(
        self, holder: dict, parent: dict, above: Place, entry: tuple[int, ...], around: tuple[Place, ...]
    ) -> Iterator[Occurrence]:
        held = held_by_link(parent)
        for item in dicts(holder.get("item")):
            place = above + link_of(item)
            if place in self.off or self.skips(item):
                continue
            mine = held.get(link_of(item), [])
            yield Occurrence(item, mine, entry, place, around)
            parts = list(_parts(item, mine)) if item.get("item") else []
            for number, part in enumerate(parts, 1):
                inner = (*entry, number) if len(parts) > 1 else entry
                yield from self.below(item, part, inside(place, number), inner, (*around, place))


def _kept(parent: dict, above: Place, off: Collection[Place], apart: Collection[str]) -> dict:
    answered: Counter[str] = Counter()
    items = []
    for one, ((link, number),) in numbered(parent, ()):
        place, given = above + link, dicts(one.get("answer"))
        if place not in off:
            numbers = count(answered[link] + 1) if link in apart else repeat(1)
            answers = [_kept(each, inside(place, n), off, apart) for each, n in zip(given, numbers, strict=False)]
            answered[link] += len(given)
            kept = _kept(one, inside(place, 1 if given else number), off, apart)
            items.append(kept | ({"answer": answers} if answers else {}))
    made = {name: value for name, value in parent.items() if name not in {"item", "answer"}}
    return made | ({"item": items} if items else {})


def _parts(item: dict, held: list[dict]) -> Iterator[dict]:
    """Yield what holds the items below: each entry of a group, each answer or all together; at least an empty one."""
    if is_group(item):
        yield from held or [{}]
        return
    answers = [answer for one in held for answer in dicts(one.get("answer"))]
    beside = [each for one in held for each in dicts(one.get("item"))]  # where a group's would stand
    named = {"linkId": link_of(item)}
    if is_apart(item):
        yield named | {"answer": answers[:1], "item": beside}
        yield from (named | {"answer": [one]} for one in answers[1:])
    else:
        yield named | {"answer": answers, "item": beside}


def parts_and_next(item: dict, held: list[dict]) -> list[dict]:
    """Return what holds the items below an item, each by its number; of what repeats, what might come next as well.

    Args:
        held: what a response has of the item, in one place.
    """
    repeats = is_apart(item) or (is_group(item) and item.get("repeats") is True)
    return [*(_parts(item, held) if held or not repeats else ()), *([{}] if repeats else ())]


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


def held_by_link(parent: dict) -> dict[str, list[dict]]:
    """Return the items right below a response, a group, or a question with its answers, by linkId."""
    found: dict[str, list[dict]] = {}
    for holder in (parent, *dicts(parent.get("answer"))):
        for one in dicts(holder.get("item")):
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
