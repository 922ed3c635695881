"""How does a form get its answers from a record? SDC's expression-based population, with FHIRPath and CQL.

Pure: who populates has gathered the launch context and the results of the form's queries before. Every answer
carries where it came from (DTR, extension information-origin).

Source: SDC 4.0.0 "Expression-based population"; DTR 2.0.1 and 2.2.0, "Questionnaire population".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fhir_r4.resource import as_dict, dicts, extension, link_of
from fhir_r4.systems import (
    CALCULATED_EXPRESSION,
    CANDIDATE_EXPRESSION,
    INFORMATION_ORIGIN,
    INITIAL_EXPRESSION,
    ITEM_POPULATION_CONTEXT,
    VARIABLE,
)
from questionnaires.answering import answer_of, answers, as_answer
from questionnaires.answers import every_item, with_answers
from questionnaires.catalog import questions
from questionnaires.logic import LANGUAGES, Clinical
from questionnaires.placing import answered, with_places
from questionnaires.repeating import members, repeated
from questionnaires.scopes import Variables, in_context, inside, listed, name_of, seen, values_of

NOT_YET = "worked out once the questions are answered that it depends on"


@dataclass(frozen=True, slots=True)
class Empty:
    """A question that the form wanted to fill and could not, and why; names the expression, never a value.

    Attributes:
        failed: it is the form's logic that is at fault, not that the record has nothing.
    """

    link_id: str
    why: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Asks:
    """Which questions of a form are filled, and by which expression, each by linkId.

    Attributes:
        lists: by which list of the record a group repeats.
        scoped: items with variables of their own.
        at_once: what is asked first, the calculations in CQL among it: they see the record alone, not the response.
        moving: the other calculations, which follow what they depend on.
        ways: the items at which, or below which, there is any of these; nothing else of a response changes.
    """

    questions: Mapping[str, dict]
    initial: Mapping[str, dict]
    calculated: Mapping[str, dict]
    lists: Mapping[str, dict] = field(default_factory=dict)
    scoped: frozenset[str] = frozenset()
    at_once: Mapping[str, dict] = field(init=False)
    moving: Mapping[str, dict] = field(init=False)
    ways: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        moving = {link: one for link, one in self.calculated.items() if one.get("language") not in LANGUAGES}
        fixed = {link: one for link, one in self.calculated.items() if link not in moving}
        object.__setattr__(self, "at_once", {**self.initial, **fixed})
        object.__setattr__(self, "moving", moving)
        above = {link_of(one): link for link, item in self.questions.items() for one in dicts(item.get("item"))}
        ways, waiting = set[str](), [*self.initial, *self.calculated, *self.lists]
        while waiting:
            link = waiting.pop()
            if link not in ways:
                ways.add(link)
                waiting += [above[link]] if link in above else []
        object.__setattr__(self, "ways", frozenset(ways))

    def only(self, wanted: Callable[[dict], bool]) -> "Asks":
        """Return the same with the expressions that are wanted."""
        initial, calculated, lists = (
            {link: one for link, one in held.items() if wanted(one)}
            for held in (self.initial, self.calculated, self.lists)
        )
        return replace(self, initial=initial, calculated=calculated, lists=lists)


def asks_of(form: dict) -> Asks:
    items = questions(form)
    initial, calculated, lists = (
        {link: found for link, item in items.items() if (found := _expression(item, url))}
        for url in (INITIAL_EXPRESSION, CALCULATED_EXPRESSION, ITEM_POPULATION_CONTEXT)
    )
    scoped = frozenset(link for link, item in items.items() if extension(item, VARIABLE))
    return Asks(items, initial, calculated, lists, scoped)


def populate(
    form: dict,
    response: dict,
    variables: Variables,
    origin: Callable[[], dict],
    clinical: Clinical | None = None,
    asks: Asks | None = None,
) -> tuple[dict, tuple[Empty, ...]]:
    """Return ``response`` with every unanswered question filled whose expression finds something.

    Initial expressions are asked once; calculated ones until nothing changes any more, which is after at most as many
    rounds as there are of them, unless they run in a circle.

    Args:
        form: the Questionnaire.
        response: a draft with the form's items; what a person has answered is left alone.
        variables: launch context and query results by name, each a resource or a searchset Bundle.
        origin: makes the information-origin extension of an answer.
        clinical: the CQL that came with the form, over the same record; None where it has none.
        asks: which of its questions to fill; all where it is left out.

    Returns:
        The filled response, and the questions that stayed empty with the reason.
    """
    return _Population(form, asks or asks_of(form), variables, origin, clinical).of(response)


def candidates(form: dict, variables: Variables, clinical: Clinical | None = None) -> dict[str, list[dict]]:
    """Return the choices that the record offers, ``[{"valueCoding": {…}}]`` by linkId (SDC candidateExpression)."""
    offered: dict[str, list[dict]] = {}
    for _, question, known in seen(form, variables, clinical):
        if expression := _expression(question, CANDIDATE_EXPRESSION):
            found = values_of(expression, known, clinical)
            offered[link_of(question)] = [] if isinstance(found, str) else answers(question | {"repeats": True}, found)
    return offered


class _Population:
    """One form on its way to being filled."""

    def __init__(
        self, form: dict, asks: Asks, variables: Variables, origin: Callable[[], dict], clinical: Clinical | None
    ) -> None:
        self.asks = asks
        self.form = form
        self.known = {**variables, "questionnaire": form}
        self.origin = origin
        self.clinical = clinical
        self.empty: dict[str, Empty] = {}

    def of(self, response: dict) -> tuple[dict, tuple[Empty, ...]]:
        return self._settled(self._each(response, self.asks.at_once)), tuple(self.empty.values())

    def _settled(self, response: dict) -> dict:
        """Calculate what depends on answers, again until nothing changes."""
        moving = self.asks.moving
        for _ in range(len(moving) + 1 if moving else 0):  # the last round finds that nothing changes any more
            before, response = response, self._each(response, moving)
            if response == before:
                return response
        return self._without_circles(response, moving) if moving else response

    def _each(self, response: dict, asked: Mapping[str, dict]) -> dict:
        """Ask the expressions of every item that no person has answered; all see the response as it was."""
        known = inside(self.form, {**self.known, "resource": response}, self.clinical)
        return response | {"item": self._below(response, known, asked)}

    def _below(self, parent: dict, known: Variables, asked: Mapping[str, dict]) -> list[dict]:
        items = dicts(parent.get("item"))
        if not self.asks.lists:
            return [self._filled(one, known, asked) for one in items]
        rows = self._rows(items, known, adds=asked is self.asks.at_once)
        return [self._filled(one, around, asked) for one, around in rows]

    def _with_below(self, parent: dict, known: Variables, asked: Mapping[str, dict]) -> dict:
        return parent | {"item": self._below(parent, known, asked)} if parent.get("item") else parent

    def _filled(self, item: dict, known: Variables, asked: Mapping[str, dict]) -> dict:
        """Return an item with what is found for it and for all that is below."""
        link = link_of(item)
        if link not in self.asks.ways:
            return item
        question = self.asks.questions[link]
        if link in self.asks.scoped:
            known = inside(question, {**known, "qitem": question, **in_context(item)}, self.clinical)
        item = self._answered(item, link, known, asked)
        if not question.get("item"):
            return item
        return with_answers(self._with_below(item, known, asked), lambda one, _: self._with_below(one, known, asked))

    def _answered(self, item: dict, link: str, known: Variables, asked: Mapping[str, dict]) -> dict:
        """Return an item with its own answers, and with places for what is asked below them.

        What an earlier filling brought, the payer's own perhaps, gives way to what is found now, and to nothing
        where it was a calculation (DTR 2.2.0: EHR data overrides payer answers unless empty).
        """
        expression = asked.get(link)
        if expression is None or not _is_ours(item):
            return item
        question = self.asks.questions[link]
        is_cql = expression.get("language") in LANGUAGES  # which sees the record alone
        around = known if is_cql else {**known, "qitem": question, **in_context(item)}
        found, why = self._answers(link, question, expression, around)
        if not found and item.get("answer") and link not in self.asks.calculated:
            return item
        self._note(link, why)
        made = answered(item, found)
        if not question.get("item"):
            return made
        (placed,) = dicts(with_places({"item": [question]}, {"item": [made]}, self.asks.ways).get("item"))
        return placed

    def _rows(self, items: list[dict], known: Variables, *, adds: bool) -> list[tuple[dict, Variables]]:
        """Return items with what each sees; with ``adds`` a group comes as often as its list has members."""
        held = self.asks.lists
        lists = {link: self._listed(link, held[link], known) for one in items if (link := link_of(one)) in held}
        if adds:
            items = list(repeated(items, lists, self._repeats, _is_ours))
        return [
            (item, {**known, name_of(held[link]): member} if (link := link_of(item)) in held else known)
            for item, member in members(items, lists, self._repeats)
        ]

    def _repeats(self, link: str) -> bool:
        return self.asks.questions.get(link, {}).get("repeats") is True

    def _listed(self, link: str, expression: dict, known: Variables) -> list[Any]:
        found = listed(expression, known, self.clinical)
        self._note(link, Empty(link, found, failed=True) if isinstance(found, str) else None)
        return found if isinstance(found, list) else []

    def _answers(
        self, link: str, question: dict, expression: dict, known: Variables
    ) -> tuple[list[dict], Empty | None]:
        found = values_of(expression, known, self.clinical)
        if isinstance(found, str):
            return [], Empty(link, found, failed=True)
        if not found:
            return [], Empty(link, NOT_YET if link in self.asks.moving else "the record has nothing")
        fitting = answers(question, found)
        if not fitting:
            fits = any(answer_of(question, value) for value in found)
            why = "is beyond what the form takes" if fits else f"is not a {question.get('type')}"
            return [], Empty(link, f"what the record has {why}")
        return [as_answer(question, value, self.origin()) for value in fitting], None

    def _note(self, link_id: str, why: Empty | None) -> None:
        self.empty.pop(link_id, None)
        if why:
            self.empty[link_id] = why

    def _without_circles(self, response: dict, moving: Mapping[str, dict]) -> dict:
        """Take back what as many rounds again still change: those calculations never come to rest."""
        restless: set[str] = set()
        last = response
        for _ in moving:
            again = self._each(last, moving)
            before, after = _by_link(last), _by_link(again)
            restless |= {link for link, answer in before.items() if after.get(link) != answer}
            last = again

        def below(parent: dict) -> dict:
            return parent | ({"item": [kept(one) for one in dicts(parent.get("item"))]} if parent.get("item") else {})

        def kept(item: dict) -> dict:
            item = with_answers(below(item), lambda one, _: below(one))
            if item.get("linkId") not in restless:
                return item
            why = "the calculation runs in a circle and never comes to rest"
            self._note(item["linkId"], Empty(item["linkId"], why, failed=True))
            return answered(item, [])

        return below(response)


def _expression(question: dict, url: str) -> dict:
    return as_dict(extension(question, url).get("valueExpression"))


def _is_ours(item: dict) -> bool:
    """Tell whether no person has answered: a calculation follows what it depends on, but never a clinician."""
    if "answer" not in item:
        return True
    sources = [
        part.get("valueCode")
        for answer in dicts(item.get("answer"))
        for part in dicts(extension(answer, INFORMATION_ORIGIN).get("extension"))
        if part.get("url") == "source"
    ]
    return len(sources) == len(dicts(item.get("answer"))) and not set(sources) & {"manual", "override"}


def _by_link(response: dict) -> dict[str, Any]:
    return {link_of(item): item.get("answer") for item in every_item(response)}


def information_origin(source: str, *, author: str | None = None) -> dict:
    """Return the extension that says where an answer came from.

    Args:
        source: auto (2.0), auto-client or auto-server (2.2), override, manual.
        author: reference to the Practitioner who answered; with override and manual only (dtrx-1).
    """
    parts: list[dict] = [{"url": "source", "valueCode": source}]
    if author:
        who = {"url": "practitioner", "valueReference": {"reference": author}}
        parts.append({"url": "author", "extension": [who]})
    return {"url": INFORMATION_ORIGIN, "extension": parts}
