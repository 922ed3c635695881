"""What may a decision row say? Read down, the first row that holds wins.

``Then`` has no word for refusing on medical necessity. That is a clinician's verdict, made elsewhere
(decisions.md §5; CA HSC 1367.01, 42 CFR 422.566(d)).
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fhir_r4.path import Evaluate
from rules.periods import Span


class Answer(StrEnum):
    """What a criterion says: FHIRPath's true, false and empty. Missing is never no."""

    YES = "yes"
    NO = "no"
    MISSING = "missing"


class Then(StrEnum):
    """What a decision row may say."""

    CERTIFY = "certify"
    PEND = "pend"
    NOT_COVERED = "not-covered"
    NO_AUTH = "no-auth"


class Because(StrEnum):
    """Why a plan does not cover what is asked: it excludes it, or a benefit is used up. Neither judges the need."""

    EXCLUDED = "excluded"
    LIMIT = "limit"


When = Mapping[str, frozenset[Answer]]
"""Criteria, and the answers that are allowed to each."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row of a table asks of one fact: ``<= 88``, ``56..59``, ``J1745 | Q5103``.

    Attributes:
        written: as in the table.
        tests: alternatives; each is an operator and a value of the fact's own type.
    """

    fact: str
    written: str
    tests: tuple[tuple[str, Any], ...]

    def answer(self, facts: Mapping[str, Any]) -> Answer:
        """Return whether the fact is so; missing where it is missing, or cannot be compared."""
        value = facts.get(self.fact)
        if value is None:
            return Answer.MISSING
        try:
            return Answer.YES if any(_OPERATORS[sign](value, other) for sign, other in self.tests) else Answer.NO
        except TypeError:
            return Answer.MISSING


def _between(value: Any, ends: tuple[Any, Any]) -> bool:
    return bool(ends[0] <= value <= ends[1])


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "..": _between,
}


@dataclass(frozen=True, slots=True)
class Amount:
    """How many units a row certifies: a number, or a FHIRPath over the facts."""

    written: str
    ask: Evaluate = field(compare=False, repr=False)
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """What becomes of what was asked beyond the quantity that is certified: it waits for a person."""

    say: str
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One decision row: it holds when every criterion it names has one of the allowed answers, and every cell is so.

    Attributes:
        period: how long it certifies.
        amount, rest: how many units, and what becomes of more.
        queue: who looks at what is pended.
        because: why the plan does not cover it.
        say: a sentence for the provider.
        at_order_time: what CRD says where this row holds, in place of what the policy says.
        table: file and line, of a row that stands in a table.
    """

    when: When
    then: Then
    period: Span | None = None
    say: str | None = None
    amount: Amount | None = None
    rest: Rest | None = None
    queue: str | None = None
    because: Because | None = None
    at_order_time: Mapping[str, Any] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    table: str | None = None

    def holds(self, answers: Mapping[str, Answer], facts: Mapping[str, Any]) -> bool:
        return all(answers[name] in allowed for name, allowed in self.when.items()) and all(
            cell.answer(facts) is Answer.YES for cell in self.cells
        )

    def asks_for(
        self, answers: Mapping[str, Answer], facts: Mapping[str, Any], about: Mapping[str, tuple[str, ...]]
    ) -> set[str] | None:
        """Return the missing facts on which it depends whether the row holds.

        Where a row that does not pend allows a criterion to be missing, nobody need be asked: it does without.

        Args:
            about: the facts of each criterion.

        Returns:
            Nothing missing: an empty set; then the row holds. None where it does not hold, whatever is missing.
        """
        unsaid, does_without = [], self.then is not Then.PEND
        for name, allowed in self.when.items():
            answer = answers[name]
            if answer is not Answer.MISSING:
                if answer not in allowed:
                    return None
            elif not (does_without and answer in allowed):
                unsaid.append(name)
        asked = {fact for name in unsaid for fact in about[name] if facts.get(fact) is None}
        for cell in self.cells:
            answer = cell.answer(facts)
            if answer is Answer.NO:
                return None
            if answer is Answer.MISSING:
                asked.add(cell.fact)
        return None if unsaid and not asked else asked  # what no fact would tell is not asked for


def units(found: list[Any]) -> Decimal | None:
    """Return the number of units that an amount came to, at least none; None where it came to no number."""
    match found:
        case [bool()]:
            return None
        case [int() | float() | Decimal() as number] if Decimal(str(number)).is_finite():
            return max(Decimal(str(number)), Decimal(0))
        case _:
            return None
