"""What does one policy say to one set of facts? No clock, no database, no FHIR server."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from rules.asking import ask
from rules.decisions import Answer, Because, Rest, Row, Then, units
from rules.periods import Span
from rules.policy import Criterion, Policy, Suggestion
from rules.trace import Missing, Origin, Trace

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the policy says, and all that made it say so.

    Attributes:
        row: the decision row that held, counted from 1.
        quantity: how many units are certified at most; None is as many as are asked for.
        rest: what becomes of more than that.
        queue: who looks at what is pended; None is nobody in particular.
        because: why the plan does not cover it.
        at_order_time: what the row has to say at order time, by the keys of coverage-information.
        suggestions: cards that hold.
        table: file and line of the row, where it stands in a table or list.
        answers: each criterion's answer.
        facts: the plain values that were weighed; a missing fact is not among them.
        notes: what went wrong on the way, for the trace; names expressions, never values.
        origins: where each value came from.
        missing: where it is pended, facts that would have told more, for whoever asks for them.
    """

    then: Then
    period: Span | None
    say: str | None
    policy: str
    version: str
    row: int
    answers: Mapping[str, Answer] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    quantity: Decimal | None = None
    rest: Rest | None = None
    queue: str | None = None
    because: Because | None = None
    at_order_time: Mapping[str, Any] = field(default_factory=dict)
    suggestions: tuple[Suggestion, ...] = ()
    table: str | None = None

    @property
    def said(self) -> str:
        """Return the decision in words, as a case expects it: ``certify 20 for 12 months``, ``pend to nurses``."""
        much = f" {self.quantity.normalize():f}" if self.quantity is not None else ""
        span = f" for {self.period}" if self.period else ""
        return f"{self.then}{much}{span}" + (f" to {self.queue}" if self.queue else "")

    def meets(self, expected: str) -> bool:
        """Tell whether a case that expects this is right; it may leave out how many, how long and by whom."""
        return expected in {self.then, f"{self.then} for {self.period}", self.said}

    def trace(self, *, promise: str | None = None, notes: tuple[str, ...] = ()) -> Trace:
        """Return what the audit keeps of this outcome, with the caller's own ``notes`` behind."""
        return Trace(
            policy=self.policy,
            version=self.version,
            row=self.row,
            answers=self.answers,
            facts=self.facts,
            origins=self.origins,
            missing=self.missing,
            notes=(*self.notes, *notes),
            promise=promise,
            quantity=None if self.quantity is None else f"{self.quantity.normalize():f}",
            queue=self.queue,
            table=self.table,
        )


def evaluate(
    policy: Policy,
    facts: Facts,
    authored: date,
    received: date,
    *,
    service: date | None = None,
    origins: Mapping[str, Origin] | None = None,
    notes: tuple[str, ...] = (),
) -> Outcome:
    """Return the Outcome of the first decision row that holds; never raises, whatever the facts.

    Args:
        policy: as loaded: its last row has no conditions, so one row always holds.
        facts: plain values by name (number, boolean, string, ISO date); None or absent is missing.
        authored: the day of the order, known to criteria as ``%authored``; it is the submitter's word.
        received: the day on which the request reached us, in the plan's zone: ``%received``.
        service: the day of service: ``%service``; the day of the order where nobody says it.
        origins: where each fact comes from.
        notes: what was noted while the facts were read.
    """
    said = list(notes)
    known = _known(policy, facts, said)
    days = {"authored": authored, "received": received, "service": service or authored}
    variables = {fact.name: [] for fact in policy.facts} | known | {name: day.isoformat() for name, day in days.items()}
    answers = {criterion.name: _answer(criterion, variables, said) for criterion in policy.criteria}
    number, row = next((n, row) for n, row in enumerate(policy.rows, start=1) if row.holds(answers, known))
    quantity = _quantity(row, variables, said)
    if row.amount is not None and not quantity:
        row, quantity = _nothing_left(row), None
    return Outcome(
        then=row.then,
        period=row.period,
        say=row.say,
        policy=policy.id,
        version=policy.version,
        row=number,
        answers=answers,
        facts=known,
        notes=tuple(said),
        origins={name: origin for name, origin in (origins or {}).items() if name in known},
        missing=missing(policy, answers, known) if row.then is Then.PEND else (),
        quantity=quantity,
        rest=row.rest,
        queue=row.queue,
        because=row.because or (Because.EXCLUDED if row.then is Then.NOT_COVERED else None),
        at_order_time=row.at_order_time,
        table=row.table,
        suggestions=tuple([one for one in policy.suggestions if one.holds(answers)]),
    )


def _known(policy: Policy, facts: Facts, said: list[str]) -> dict[str, Any]:
    """Return the facts that the policy takes; one of another kind is noted, and missing."""
    known: dict[str, Any] = {}
    for fact in policy.facts:
        value = facts.get(fact.name)
        if value is not None and fact.holds(value):
            known[fact.name] = value
        elif value is not None:
            said.append(f"{fact.words}: not {fact.kind}, taken as missing")
    return known


def _nothing_left(row: Row) -> Row:
    """Return it pended: an amount that cannot be counted, or comes to none, is a person's to decide on."""
    rest = row.rest or Rest(row.say or "")
    return replace(row, then=Then.PEND, period=None, say=rest.say, queue=rest.queue, rest=None)


def _quantity(row: Row, variables: Facts, said: list[str]) -> Decimal | None:
    if row.amount is None:
        return None
    try:
        found = units(row.amount.ask({}, variables))
    except Exception as error:  # noqa: BLE001 fhirpathpy raises bare Exceptions
        said.append(f"quantity {row.amount.written}: {type(error).__name__}")
        return None
    if found is None:
        said.append(f"quantity {row.amount.written}: not a number")
    return found


def missing(policy: Policy, answers: Mapping[str, Answer], known: Facts) -> tuple[Missing, ...]:
    """Return the missing facts on which it depends which row holds, in the policy's order.

    Rows are read down as far as one that holds whatever is missing: what nothing depends on is not asked for.
    """
    about = {criterion.name: criterion.facts for criterion in policy.criteria}
    wanted: set[str] = set()
    for row in policy.rows:
        asked = row.asks_for(answers, known, about)
        if asked is not None and not asked:
            break
        wanted |= asked or set()
    return tuple([fact.unsaid for fact in policy.facts if fact.name in wanted])


def _answer(criterion: Criterion, variables: Facts, notes: list[str]) -> Answer:
    try:
        said = ask(criterion, variables)
    except Exception as error:  # noqa: BLE001 fhirpathpy raises bare Exceptions: a value of the wrong type
        notes.append(f"{criterion.name}: {type(error).__name__}, taken as missing")
        return Answer.MISSING
    match said:
        case [True]:
            return Answer.YES
        case [False]:
            return Answer.NO
        case []:
            return Answer.MISSING
        case _:
            notes.append(f"{criterion.name}: neither yes nor no, taken as missing")
            return Answer.MISSING
