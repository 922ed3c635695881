"""What does one policy say to one set of facts? No clock, no database, no FHIR server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rules.periods import Span
from rules.policy import Answer, Criterion, Policy, Then
from rules.trace import Missing, Origin, Trace

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the policy says, and all that made it say so.

    Attributes:
        row: the decision row that held, counted from 1.
        answers: each criterion's answer.
        facts: the plain values that were weighed; a missing fact is not among them.
        origins: where each value came from.
        missing: facts that would have told more, for whoever asks for them.
        notes: what went wrong on the way, for the trace; names expressions, never values.
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

    def trace(self, *, promise: str | None = None, notes: tuple[str, ...] = ()) -> Trace:
        """Return what the audit keeps of this outcome, with the caller's own ``notes`` behind."""
        return Trace(
            self.policy,
            self.version,
            self.row,
            self.answers,
            self.facts,
            self.origins,
            self.missing,
            (*self.notes, *notes),
            promise,
        )


def evaluate(policy: Policy, facts: Facts, authored: date, received: date) -> Outcome:
    """Return the Outcome of the first decision row that holds; never raises, whatever the facts.

    Args:
        policy: as loaded: its last row has no conditions, so one row always holds.
        facts: plain values by name (number, boolean, string, ISO date); None or absent is missing.
        authored: the day of the order, known to criteria as ``%authored``; it is the submitter's word.
        received: the day on which the request reached us, in the plan's zone: ``%received``.
    """
    given = {fact: facts[fact.name] for fact in policy.facts if facts.get(fact.name) is not None}
    known = {fact.name: value for fact, value in given.items() if fact.holds(value)}
    notes = [f"{fact.name}: not {fact.kind}, taken as missing" for fact in given if fact.name not in known]
    days = {"authored": authored.isoformat(), "received": received.isoformat()}
    variables = {fact.name: [] for fact in policy.facts} | known | days
    answers: dict[str, Answer] = {}
    for criterion in policy.criteria:
        answers[criterion.name] = _answer(criterion, variables, notes)
    number, row = next(
        (number, row)
        for number, row in enumerate(policy.rows, start=1)
        if all(answers[name] in allowed for name, allowed in row.when.items())
    )
    return Outcome(
        row.then, row.period, row.say, policy.id, policy.version, number, answers, known, tuple(notes)
    )  # fmt: skip


def _answer(criterion: Criterion, variables: Facts, notes: list[str]) -> Answer:
    try:
        said = criterion.ask({}, variables)
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
