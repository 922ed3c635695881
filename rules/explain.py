"""Why was it decided so? A trace and its policy, put together as a person reads them.

The trace says which row held, what each criterion answered and which facts were weighed; the policy version, which
never changes, has the words. Pages and the command line show the same explanation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rules.decisions import Answer, Because, Cell, Row, Then, units
from rules.facts import Fact, FactType
from rules.policy import Criterion, Policy
from rules.trace import Origin, Trace
from rules.wording import in_words, listed, spoken, spoken_unit

_PLACES = {
    "question": "the form, question",
    "record": "the patient's record",
    "order": "the order",
    "coverage": "the coverage",
    "patient": "the patient's data",
    "requester": "the requester",
    "performer": "the performer",
    "on-file": "what is on file",
    "request": "the other orders of the request",
    "given": "given in the case",
}
_SPOKEN = frozenset({"requester", "performer", "on-file"})


@dataclass(frozen=True, slots=True)
class FactLine:
    """One fact: its value with unit and where it came from; no value where it is missing."""

    name: str
    value: str | None
    source: str


@dataclass(frozen=True, slots=True)
class CriterionLine:
    name: str
    words: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Condition:
    """What a row asks of a criterion, and what the criterion answered."""

    name: str
    wanted: str
    answer: str
    holds: bool

    @property
    def failure(self) -> str:
        return f"“{self.name}” is {self.answer}, and the row asks for {self.wanted}"


@dataclass(frozen=True, slots=True)
class RowLine:
    """One decision row.

    Attributes:
        then: what follows where it holds, in words.
        state: ``passed`` over, ``won``, or ``below`` the one that won and never asked.
        because: why it was passed over.
    """

    number: int
    conditions: tuple[Condition, ...]
    then: str
    say: str | None
    state: str
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision, explained.

    Attributes:
        follows: what the winning row says, as a sentence.
        asked: what the submitter is asked to send, as sentences.
        notes: what did not count, and why; never a value.
        listed: a line of a list decided, which has no page of its own.
    """

    title: str
    policy: str
    version: str
    then: Then
    follows: str
    facts: tuple[FactLine, ...]
    criteria: tuple[CriterionLine, ...]
    rows: tuple[RowLine, ...]
    row: int
    asked: tuple[str, ...]
    notes: tuple[str, ...]
    promise: str | None
    listed: bool = False


def explain(policy: Policy, trace: Trace) -> Explanation:
    """Return the explanation of a trace.

    Raises:
        ValueError: the trace is another version's, or names a row that this one does not have.
    """
    if (policy.id, policy.version) != (trace.policy, trace.version) or not 0 < trace.row <= len(policy.rows):
        raise ValueError(f"the trace is not {policy}'s")
    won = policy.rows[trace.row - 1]
    left = _left(won, trace)
    return Explanation(
        title=policy.title,
        policy=policy.id,
        version=policy.version,
        then=Then.PEND if won.amount and not left else won.then,
        follows=f"{_where(policy, won, trace)} holds: {outcome_in_words(won)}{_counted(won, left)}.",
        facts=tuple(_fact_line(fact, trace) for fact in policy.facts),
        criteria=tuple(
            CriterionLine(one.name, criterion_in_words(one, policy), _answer(trace, one.name))
            for one in policy.criteria
        ),
        rows=tuple(_row_line(number, row, trace) for number, row in enumerate(policy.rows, start=1)),
        row=trace.row,
        asked=tuple(dict.fromkeys(spoken(one.ask) if one.ask == one.fact else one.ask for one in trace.missing)),
        notes=trace.notes,
        promise=trace.promise,
        listed=policy.line is not None,
    )


def _where(policy: Policy, row: Row, trace: Trace) -> str:
    """Return which row it is: by its line too, where it stands in a table; of a list by that alone."""
    file, _, line = (trace.table or row.table or "").rpartition(":")
    if policy.line:
        return f"Line {line} of {file}"
    return f"Row {trace.row} ({file}, line {line})" if file else f"Row {trace.row}"


def _left(row: Row, trace: Trace) -> Decimal | None:
    """Return how many units the row certifies; None where it does not count them, or the facts do not tell."""
    if row.amount is None:
        return None
    try:
        return units(row.amount.ask({}, {name: [] for name in row.amount.facts} | dict(trace.facts)))
    except Exception:  # noqa: BLE001 fhirpathpy raises bare Exceptions; the weighing has noted it
        return None


def _counted(row: Row, left: Decimal | None) -> str:
    if row.amount is None:
        return ""
    return f" (here {left.normalize():f})" if left else " (here nothing is left to certify: a person decides)"


def criterion_in_words(criterion: Criterion, policy: Policy) -> str:
    """Return a criterion's question as it is read aloud."""
    days = {fact.name for fact in policy.facts if fact.type is FactType.DATE}
    return in_words(criterion.question, {fact.name: fact.unit for fact in policy.facts}, days)


def outcome_in_words(row: Row) -> str:
    """Return what a row decides: ``certify up to 20 for 12 months; for the rest, nurses decide``."""
    match row.then:
        case Then.CERTIFY:
            much = f" up to {in_words(row.amount.written, {})}" if row.amount else ""
            span = f" for {row.period}" if row.period else ""
            rest = f"; for the rest, {_who(row.rest.queue)}" if row.rest else ""
            return f"certify{much}{span}{rest}"
        case Then.PEND:
            return _who(row.queue)
        case Then.NOT_COVERED:
            return "beyond the plan's limit" if row.because is Because.LIMIT else "not covered by the plan"
        case Then.NO_AUTH:
            return "no authorization is needed"


def _who(queue: str | None) -> str:
    return f"a person decides, in the queue “{queue}”" if queue else "a person decides"


def value_in_words(value: Any, unit: str | None = None) -> str:
    """Return a fact's plain value as it is said.

    >>> value_in_words(True), value_in_words(Decimal("88.0"), "%")
    ('yes', '88.0 %')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        number, own = value.get("value"), value.get("unit") or value.get("code")
        return " ".join(str(one) for one in (number, own) if one is not None)
    if isinstance(value, list | tuple):
        return listed([value_in_words(one, unit) for one in value])
    return f"{value} {spoken_unit(unit)}" if unit and isinstance(value, int | float | Decimal) else str(value)


def condition_in_words(name: str, allowed: frozenset[Answer]) -> str:
    """Return what a row asks of a criterion: ``“recent test” is no or missing``."""
    return f"“{name}” is {_wanted(allowed)}"


def cell_in_words(cell: Cell) -> str:
    """Return what a row of a table asks of a fact: ``care weeks is at least 6``, ``spo2 is 56 to 59``."""
    if cell.written[:1] in "<>=":
        return in_words(f"%{cell.fact} {cell.written}", {})
    return f"{spoken(cell.fact)} is {cell.written.replace('..', ' to ').replace('|', 'or')}"


def asked_in_words(row: Row) -> list[str]:
    """Return all that a row asks."""
    criteria = [condition_in_words(name, allowed) for name, allowed in row.when.items()]
    return criteria + [cell_in_words(cell) for cell in row.cells]


def _fact_line(fact: Fact, trace: Trace) -> FactLine:
    if fact.name not in trace.facts:
        return FactLine(fact.name, None, "")
    origin = trace.origins.get(fact.name)
    source = _source(origin) if origin else "not recorded"
    return FactLine(fact.name, value_in_words(trace.facts[fact.name], fact.unit), source)


def _source(origin: Origin) -> str:
    """Return where a value came from, in words."""
    place = _PLACES.get(origin.place, origin.place)
    if origin.place == "question":
        return f"{place} {origin.at}".strip()
    said = spoken(origin.at) if origin.place in _SPOKEN else origin.at
    return f"{place}, {said}" if said and origin.place != "request" else place


def _row_line(number: int, row: Row, trace: Trace) -> RowLine:
    conditions = tuple(_conditions(row, trace))
    state = "won" if number == trace.row else "passed" if number < trace.row else "below"
    failed = [one.failure for one in conditions if not one.holds]
    because = {
        "won": "the first row that holds",
        "below": "not asked: a row above it holds",
        "passed": listed(failed) or "passed over",
    }[state]
    return RowLine(number, conditions, outcome_in_words(row), row.say, state, because)


def _conditions(row: Row, trace: Trace) -> Iterator[Condition]:
    for name, allowed in row.when.items():
        answer = _answer(trace, name)
        yield Condition(name, _wanted(allowed), answer, answer in allowed)
    for cell in row.cells:
        value = trace.facts.get(cell.fact)
        found = "missing" if value is None else value_in_words(value)
        yield Condition(spoken(cell.fact), cell.written, found, cell.answer(trace.facts) is Answer.YES)


def _wanted(allowed: frozenset[Answer]) -> str:
    return listed([str(one) for one in Answer if one in allowed], "or")


def _answer(trace: Trace, name: str) -> Answer:
    return Answer(trace.answers.get(name, Answer.MISSING))
