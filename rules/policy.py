"""What is a policy made of? Five words that policy staff learn: policy, fact, criterion, decision row, case.

``Then`` has no word for refusing on medical necessity. That is a clinician's verdict, made elsewhere
(decisions.md §5; CA HSC 1367.01, 42 CFR 422.566(d)).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import isfinite
from typing import Any

from fhir_r4.path import Evaluate
from fhir_r4.resource import Coding
from fhir_r4.systems import code_key
from rules.codes import CodeSet
from rules.periods import Span
from rules.scope import Scope


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


class Status(StrEnum):
    """Where a version is in its life; decisions made under a retired one stay explicable."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Source:
    """What a policy rests on: the document, the day of the edition that was read, the last day on which it holds."""

    cite: str
    url: str
    dated: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    by: str
    on: date


@dataclass(frozen=True, slots=True)
class Publication:
    """Where members and providers read the policy, and the section that is meant."""

    url: str
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers for a version: its owner, the two who approved it, and where it can be read."""

    status: Status
    owner: str | None = None
    approved: tuple[Approval, ...] = ()
    published_at: Publication | None = None


@dataclass(frozen=True, slots=True)
class AppliesTo:
    """Which orders a policy is for.

    Attributes:
        codes: of the order or the item that is billed.
        orders: types of resource; all where empty.
        billed_as: billing codes that an order's code may become, by ``code_key``.
        written: the codes as the authors wrote them, by the name of their system, for people.
    """

    codes: CodeSet
    orders: frozenset[str] = frozenset()
    billed_as: Mapping[tuple[str, str], tuple[Coding, ...]] = field(default_factory=dict)
    written: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def billing_codes(self, ordered: Coding) -> tuple[Coding, ...]:
        """Return what the order may be billed as; itself, where the policy does not say."""
        return self.billed_as.get(code_key(ordered.system, ordered.code), (ordered,))


class FactType(StrEnum):
    """What a fact's plain value is; a date is an ISO string, a code the bare code."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Fact:
    """A plain value that criteria ask about.

    Attributes:
        name: as criteria spell it behind ``%``.
        question: linkId of the questionnaire's item whose answer it is.
        type: a value of another type does not count as an answer.
        unit: UCUM code; a quantity in another unit does not count as an answer.
        least, most: what a number can be at all (both included); beyond is a slip of the pen, not an answer.
    """

    name: str
    question: str
    type: FactType
    unit: str | None = None
    least: Decimal | None = None
    most: Decimal | None = None

    @property
    def kind(self) -> str:
        """Return what is expected, in words."""
        between = f" from {self.least} to {self.most}" if self.least is not None and self.most is not None else ""
        return f"a {self.type}{between}"

    def holds(self, value: Any) -> bool:
        """Tell whether ``value`` is of this fact's type.

        >>> Fact("tested", "2.3", FactType.DATE).holds("2026-02-30")
        False
        """
        match self.type:
            case FactType.BOOLEAN:
                return isinstance(value, bool)
            case FactType.NUMBER:
                return _is_number(value) and self._possible(value)
            case FactType.DATE:
                return isinstance(value, str) and _is_day(value)
            case FactType.CODE:
                return isinstance(value, str)

    def _possible(self, number: Decimal | float) -> bool:
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A yes-or-no question in FHIRPath over the facts."""

    name: str
    question: str
    ask: Evaluate = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One decision row: it holds when every criterion it names has one of the allowed answers."""

    when: Mapping[str, frozenset[Answer]]
    then: Then
    period: Span | None = None
    say: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """An example by the policy's authors: these facts, that outcome."""

    name: str
    given: Mapping[str, Any]
    expect: str


@dataclass(frozen=True, slots=True)
class Guideline:
    """A card for the ordering clinician that points to where the policy can be read."""

    summary: str
    detail: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class AtOrderTime:
    """What CRD says when such an order is written, in the words of ext-coverage-information."""

    covered: str
    pa_needed: str | None = None
    doc_needed: tuple[str, ...] = ()
    questionnaire: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy, in force from ``effective`` until the day ``expires`` (both included).

    Attributes:
        priority: where two policies are for the same order, the higher one wins.
    """

    id: str
    version: str
    title: str
    identity: Identity
    effective: date
    expires: date | None
    scope: Scope
    priority: int
    sources: tuple[Source, ...]
    applies_to: AppliesTo
    at_order_time: AtOrderTime
    guideline: Guideline | None
    facts: tuple[Fact, ...]
    criteria: tuple[Criterion, ...]
    rows: tuple[Row, ...]
    cases: tuple[Case, ...]

    def __str__(self) -> str:
        return f"{self.id} {self.version}"

    def in_force(self, on: date) -> bool:
        """Tell whether an active version is in force for a service of that day."""
        inside = self.effective <= on and (self.expires is None or on <= self.expires)
        return inside and self.identity.status is Status.ACTIVE


def _is_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False
