"""What does a policy want to know, and from where? A fact is a plain value in a declared unit.

The places that it may come from stand in order of trust, spelt as policies spell them; ``rules/read_facts.py`` reads
them::

    question      the answer of the form's question with that linkId
    record        the EHR's resources that a FHIR search finds, and a FHIRPath in them
    order         code, quantity, place-of-service, diagnoses, modifiers, or a FHIRPath in the order
    coverage      a FHIRPath in the Coverage
    patient       age or sex on the day of service, or a FHIRPath in the Patient
    requester     network, gold-card or npi of who orders, from the payer's directory
    performer     the same of who is to do it
    on-file       authorized; used or count in a window before the service: what the payer has on file
    request       whether another order of the same request has one of certain codes
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import Any

from fhir_r4.path import Evaluate
from rules.codes import CodeSet
from rules.periods import Span
from rules.search import Search
from rules.trace import Missing, Need


class FactType(StrEnum):
    """What a fact's plain value is; a date is an ISO string, a code the bare code."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    CODE = "code"


class Place(StrEnum):
    QUESTION = "question"
    RECORD = "record"
    ORDER = "order"
    COVERAGE = "coverage"
    PATIENT = "patient"
    REQUESTER = "requester"
    PERFORMER = "performer"
    ON_FILE = "on-file"
    REQUEST = "request"


WORDS = {  # what a place understands without a FHIRPath
    Place.ORDER: frozenset({"code", "quantity", "place-of-service", "diagnoses", "modifiers"}),
    Place.PATIENT: frozenset({"age", "sex"}),
    Place.REQUESTER: frozenset({"network", "gold-card", "npi"}),
    Place.PERFORMER: frozenset({"network", "gold-card", "npi"}),
    Place.ON_FILE: frozenset({"authorized", "used", "count"}),
    Place.REQUEST: frozenset({"has"}),
}
PATHS = frozenset({Place.ORDER, Place.COVERAGE, Place.PATIENT})
"""Places that understand any FHIRPath beside their words."""


def is_path(place: Place, what: str) -> bool:
    return place in PATHS and what not in WORDS.get(place, frozenset())


@dataclass(frozen=True, slots=True)
class Whence:
    """One place that a fact may come from.

    Attributes:
        what: a linkId, a word or a FHIRPath; of a record its search as written.
        search: of a record.
        path: FHIRPath in each resource of a record; without one, that there is such a resource, or how many.
        read: the FHIRPath, of a record or in ``what``.
        within: how long before the service it may lie.
        among: codes; the fact is then whether one of them is there.
    """

    place: Place
    what: str
    search: Search | None = None
    path: str | None = None
    within: Span | None = None
    among: CodeSet | None = None
    read: Evaluate | None = field(default=None, compare=False, repr=False)

    @property
    def is_path(self) -> bool:
        return is_path(self.place, self.what)


@dataclass(frozen=True, slots=True)
class Fact:
    """A plain value that criteria ask about.

    Attributes:
        name: as criteria spell it behind ``%``.
        whence: the places it may come from, the most trusted first.
        type: a value of another type does not count as an answer.
        unit: UCUM code; a quantity in a unit that cannot be converted does not count as an answer.
        least, most: what a number can be at all (both included); beyond is a slip of the pen, not an answer.
        ask: the sentence by which people are asked for it.
        need: what kind of information is missing where it is.
        loinc: the LOINC code by which a document or value of this kind is asked for.
        unsaid: what is asked for where it is missing.
    """

    name: str
    whence: tuple[Whence, ...]
    type: FactType
    unit: str | None = None
    least: Decimal | None = None
    most: Decimal | None = None
    ask: str = ""
    need: Need = Need.CLINICAL
    loinc: str | None = None
    unsaid: Missing = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unsaid", Missing(self.name, self.need, self.words, self.question))

    @property
    def question(self) -> str | None:
        """Return the linkId of the form's question that answers it, if one does."""
        return next((one.what for one in self.whence if one.place is Place.QUESTION), None)

    @property
    def searches(self) -> tuple[Search, ...]:
        return tuple(one.search for one in self.whence if one.search)

    @property
    def words(self) -> str:
        """Return what people are told it is: the sentence by which they are asked, else its name."""
        return self.ask or self.name

    @property
    def kind(self) -> str:
        """Return what is expected, in words."""
        between = f" from {self.least} to {self.most}" if self.least is not None and self.most is not None else ""
        return f"a {self.type}{between}"

    def holds(self, value: Any) -> bool:
        """Tell whether ``value`` is of this fact's type.

        >>> Fact("tested", (), FactType.DATE).holds("2026-02-30")
        False
        """
        match self.type:
            case FactType.BOOLEAN:
                return isinstance(value, bool)
            case FactType.NUMBER:
                return _is_number(value) and self._possible(value)
            case FactType.DATE:
                return is_day(value)
            case FactType.CODE:
                return isinstance(value, str)

    def _possible(self, number: Decimal | float) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


def _is_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def is_day(value: Any) -> bool:
    """Tell whether a value is a day as policies spell it, 2026-01-31."""
    try:
        return bool(date.fromisoformat(value).isoformat() == value)
    except (TypeError, ValueError):
        return False
