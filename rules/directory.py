"""Who is insured by whom, under which plan, and who provides care? The types that the directory port speaks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from fhir_r4.resource import Identifier
from rules.scope import Enrolment


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of a payer.

    Attributes:
        id: as Coverage.class of type ``plan`` spells it.
        otherwise: what the hook says, as ``pa-needed``, where no policy has the code; a request is answered alike.
        after_the_fact: what becomes of a request for a service that has begun: ``review`` by a person, or ``weigh``.
        assertion_days: how long a promise made at order time is kept.
        product, state: by which a policy's scope may choose: ``HMO``, ``NY``.
        coverage_updates: hooks may propose corrections of an EHR's Coverage; not where regulation asks for X12 270/271.
    """

    id: str
    title: str
    line_of_business: str
    otherwise: str = "no-auth"
    assertion_days: int = 90
    product: str | None = None
    state: str | None = None
    after_the_fact: str = "review"
    coverage_updates: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the payer's table of decision reasons: X12 886 is licensed, so that the payer brings it.

    Attributes:
        actions: X12 306 codes with which it may be given, such as ``A3``.
    """

    code: str
    text: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A kind of document that may be asked for: a LOINC attachment code, and its X12 755 report type.

    ``modifier`` is LOINC's for the time span that is meant, such as the last three months.
    """

    loinc: str
    text: str
    report_type: str
    modifier: str | None = None


@dataclass(frozen=True, slots=True)
class Payer:
    """One insurer of this installation.

    Attributes:
        id: our own short name.
        name: as on the insurance card; the source of every card.
        identifiers: all under which others know it.
        time_zone: the zone in which its days begin; due dates and service dates are of this zone.
        reasons: for decisions; the first that fits is given where nobody chooses one.
        documents: that a reviewer may ask for.
        needs_birth_date: a request that does not say the patient's is not worked on; else the number alone finds them.
    """

    id: str
    name: str
    identifiers: tuple[Identifier, ...]
    time_zone: ZoneInfo
    plans: tuple[Plan, ...]
    url: str | None = None
    phone: str | None = None
    reasons: tuple[Reason, ...] = ()
    documents: tuple[Document, ...] = ()
    needs_birth_date: bool = True
    _names: frozenset[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", frozenset(map(str, self.identifiers)))

    def reason_for(self, action: str) -> Reason | None:
        """Return what is given where nobody chooses: the first that may be given with this action."""
        return next((one for one in self.reasons if action in one.actions), None)

    def reason(self, code: str) -> Reason | None:
        return next((one for one in self.reasons if one.code == code), None)

    def document(self, loinc: str) -> Document | None:
        return next((one for one in self.documents if one.loinc == loinc), None)

    def plan(self, plan_id: str) -> Plan | None:
        return next((plan for plan in self.plans if plan.id == plan_id), None)

    def enrolment(self, plan_id: str | None) -> Enrolment:
        """Return under what a member of that plan is insured; an unknown plan is a plan that says nothing."""
        plan = self.plan(plan_id or "")
        if plan is None:
            return Enrolment(self._names, plan=plan_id)
        return Enrolment(self._names, plan.line_of_business, plan.id, plan.product, plan.state)

    def today(self, now: datetime) -> date:
        """Return the day that ``now`` (aware) is in this payer's time zone."""
        return now.astimezone(self.time_zone).date()


@dataclass(frozen=True, slots=True)
class Member:
    """A person's coverage under one plan, from ``covered_from`` to ``covered_to`` (both included)."""

    payer: str
    member_id: str
    plan: str
    birth_date: date
    covered_from: date
    covered_to: date | None = None

    def covered(self, on: date) -> bool:
        return self.covered_from <= on and (self.covered_to is None or on <= self.covered_to)


@dataclass(frozen=True, slots=True)
class GoldCard:
    """A provider is trusted with a policy's services, from ``starts`` to ``ends`` (both included).

    Attributes:
        policy: id of the policy; ``*`` stands for any characters.
    """

    policy: str
    starts: date
    ends: date | None = None

    def holds(self, policy: str, on: date) -> bool:
        return self.starts <= on and (self.ends is None or on <= self.ends) and fnmatchcase(policy, self.policy)


def read_network(said: str) -> str:
    """Return whether a provider is ``in`` the network or ``out`` of it; ValueError for any other word."""
    if said not in {"in", "out"}:
        raise ValueError("in or out")
    return said


@dataclass(frozen=True, slots=True)
class Provider:
    npi: str
    name: str
    network: str
    gold_cards: tuple[GoldCard, ...] = ()

    def asking_for(self, speakers: frozenset[str] | None) -> "Provider":
        """Return the provider as a client may ask in its name; without gold cards where it is none of the client's.

        Args:
            speakers: the numbers that the client is registered for; None where every number is its own.
        """
        return self if speakers is None or self.npi in speakers else replace(self, gold_cards=())


CardsOf = Callable[[str], tuple[GoldCard, ...]]
"""The gold cards of an NPI that the payer keeps as a table."""


def no_cards(_npi: str) -> tuple[GoldCard, ...]:
    return ()
