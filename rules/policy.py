"""What is a policy made of? Five words that policy staff learn: policy, fact, criterion, decision row, case.

Facts are in ``rules/facts.py``, decision rows in ``rules/decisions.py``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from fhir_r4.path import Evaluate
from fhir_r4.resource import Coding
from fhir_r4.systems import code_key
from rules.codes import CodeSet
from rules.decisions import Answer, Row, When
from rules.facts import Fact, Place
from rules.scope import Scope
from rules.search import Search


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


@dataclass(frozen=True, slots=True)
class Criterion:
    """A yes-or-no question in FHIRPath over the facts.

    Attributes:
        facts: those that it asks about.
    """

    name: str
    question: str
    ask: Evaluate = field(compare=False, repr=False)
    facts: tuple[str, ...] = ()


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


class Suggests(StrEnum):
    """What a card beside the guideline is about: another order instead, or one more."""

    ALTERNATIVE = "alternative"
    COMPANION = "companion"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A card that offers an order.

    Attributes:
        when: as of a decision row; the card is shown where it holds.
        order: type of resource.
        code: what is to be ordered.
        required: of an alternative, the plan asks for it to be tried first.
    """

    suggests: Suggests
    summary: str
    detail: str
    order: str
    code: Coding
    when: When = field(default_factory=dict)
    required: bool = False

    def holds(self, answers: Mapping[str, Answer]) -> bool:
        return all(answers[name] in allowed for name, allowed in self.when.items())


@dataclass(frozen=True, slots=True)
class Instruction:
    """A card that says something to who orders.

    Attributes:
        about: the guide's type of card, by which clients switch it off.
        when: as of a decision row; the card is shown where it holds.
    """

    summary: str
    detail: str
    about: str = "guideline"
    when: When = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """A card that launches a SMART app of the payer's; ``context`` is its appContext, the rest as above."""

    summary: str
    detail: str
    label: str
    url: str
    context: str | None = None
    about: str = "appropriate-use"
    when: When = field(default_factory=dict)


def one_or_more(codes: str | Iterable[str]) -> tuple[str, ...]:
    """Return what a policy says as one code or as a list of them."""
    return (codes,) if isinstance(codes, str) else tuple(codes)


@dataclass(frozen=True, slots=True)
class AtOrderTime:
    """What CRD says when such an order is written, in the words of ext-coverage-information.

    Attributes:
        issues: the row that holds lets the hook issue the authorization.
        doc_purposes: what the documents are for, beside a prior authorization: they stay where none is needed.
    """

    covered: str
    pa_needed: str | None = None
    doc_needed: tuple[str, ...] = ()
    info_needed: tuple[str, ...] = ()
    questionnaire: str | None = None
    reason: str | None = None
    issues: bool = False
    doc_purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy, in force from ``effective`` until the day ``expires`` (both included).

    Attributes:
        priority: where two policies are for the same order, the higher one wins.
        line: file and line, where it is a line of a list (rules/lists.py).
        searches: the FHIR searches that find its facts in an EHR: for prefetch, scopes and population, each once.
        places: where its facts may come from.
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
    suggestions: tuple[Suggestion, ...]
    facts: tuple[Fact, ...]
    criteria: tuple[Criterion, ...]
    rows: tuple[Row, ...]
    cases: tuple[Case, ...]
    instructions: tuple[Instruction, ...] = ()
    apps: tuple[App, ...] = ()
    line: str | None = None
    searches: tuple[Search, ...] = field(init=False, compare=False, repr=False)
    places: frozenset[Place] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        searches = dict.fromkeys(one for fact in self.facts for one in fact.searches)
        object.__setattr__(self, "searches", tuple(searches))
        object.__setattr__(self, "places", frozenset(one.place for fact in self.facts for one in fact.whence))

    def __str__(self) -> str:
        return f"{self.id} {self.version}"

    @property
    def expressions(self) -> tuple[str, ...]:
        """Return its FHIRPath expressions, each once."""
        paths = (one.path or one.what for fact in self.facts for one in fact.whence if one.read)
        amounts = (row.amount.written for row in self.rows if row.amount)
        return tuple(dict.fromkeys([*(one.question for one in self.criteria), *amounts, *paths]))
