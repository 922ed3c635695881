"""What is asked for? A PAS inquiry Bundle becomes an Inquiry: a Claim by example.

What the example does not say, it does not ask for. Each of its items is an example of its own. The Claim's identifier
is only the trace of the inquiry itself and never a search key (PAS, "Prior Authorization Inquiries"; pas.md §3.4).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, tzinfo

from fhir_r4.bundle import Entries, Entry
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import (
    Coding,
    Identifier,
    as_dict,
    codings,
    dicts,
    extension,
    extensions,
    identifier,
    reference,
    text_of,
)
from fhir_r4.systems import (
    ADMINISTRATION_REFERENCE_NUMBER,
    AUTHORIZATION_NUMBER,
    CODE_END,
    DATA_ABSENT_REASON,
    ITEM_TRACE_NUMBER,
    PAS,
    REVIEW_ACTION_CODE,
    X12_REVIEW_ACTION,
    code_key,
)
from prior_auth.change import certification_types
from prior_auth.insurer import Insurer, read_insurer
from prior_auth.named import care_team_npis, member_ids, provider_npis
from prior_auth.request_bundle import day, focal, read_bundle
from prior_auth.requested_item import service_days

_CERTIFIED = f"{PAS}/StructureDefinition/extension-itemCertification"


@dataclass(frozen=True, slots=True)
class Span:
    """Days from the first to the last, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def __bool__(self) -> bool:
        return bool(self.first or self.last)

    def meets(self, first: date | None, last: date | None) -> bool:
        """Tell whether days overlap this span; days that are not known could be any."""
        before = bool(self.last and first and first > self.last)
        after = bool(self.first and last and last < self.first)
        return not before and not after

    def holds(self, one: date | None) -> bool:
        """Tell whether one day lies in this span; where a span is asked for, a day that is not known does not."""
        return not self or (one is not None and self.meets(one, one))


@dataclass(frozen=True, slots=True)
class Example:
    """What one item of the inquiry says; empty asks for all.

    Attributes:
        codes: services, any of which is meant; with ``code_end`` the first to the last of a range.
        days: of service.
        issued, effective, expires: days of the certification.
        actions: X12 306 codes.
        certification: X12 1322 codes but I, with which every case began.
        numbers: authorization and administration reference numbers, any of which is meant.
        traces: the item's own trace numbers, any of which is meant.
    """

    codes: frozenset[tuple[str, str]] = frozenset()
    code_end: tuple[str, str] | None = None
    days: Span = Span()
    issued: Span = Span()
    effective: Span = Span()
    expires: Span = Span()
    actions: frozenset[str] = frozenset()
    certification: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    traces: frozenset[Identifier] = frozenset()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked for.

    Attributes:
        patient, provider: entries of the inquiry, echoed where nothing is found.
        npis: in whose name it is asked: the requestor's and the care team's.
        care_team: of the care team alone; where it is given, one of it ordered or renders.
        numbers: authorization and administration reference numbers of the whole; any of them may match.
        days: that the service overlaps.
        diagnoses: any of which the request has.
        certification: as of an example, of the whole.
        examples: one for each item; none asks for all.
    """

    entries: Entries
    patient: Entry
    insurer: Insurer
    provider: Entry
    member_ids: tuple[str, ...]
    birth_date: str | None
    npis: frozenset[str]
    care_team: frozenset[str]
    numbers: frozenset[str]
    days: Span
    diagnoses: frozenset[tuple[str, str]]
    certification: frozenset[str]
    examples: tuple[Example, ...]

    @property
    def claim(self) -> Entry:
        return self.entries[0]

    @property
    def by_number(self) -> bool:
        return bool(self.numbers) or any(one.numbers for one in self.examples)


def read_inquiry(body: dict, *, lenient: bool = False, zone_of: Callable[[Insurer], tzinfo] = lambda _: UTC) -> Inquiry:
    """Read a PAS inquiry Bundle; ``lenient`` as in ``read_bundle``.

    Args:
        zone_of: tells in which zone moments in UTC are of a day.

    Raises:
        InvalidRequest: with every structural fault; also where there is nothing to find a patient by.
    """
    entries = read_bundle(body, lenient=lenient)
    claim = entries[0]
    party = {name: _party(entries, claim, name) for name in ("patient", "provider")}
    coverage = entries.resolve(reference(focal(claim.resource)[1].get("coverage")), claim)
    listed = dicts(claim.resource.get("diagnosis"))
    insurer = read_insurer(entries)
    zone = zone_of(insurer)
    return Inquiry(
        entries=entries,
        **party,
        insurer=insurer,
        member_ids=member_ids(party["patient"].resource, coverage.resource if coverage else {}),
        birth_date=text_of(party["patient"].resource.get("birthDate")),
        npis=frozenset(provider_npis(entries)),
        care_team=frozenset(care_team_npis(entries)),
        numbers=frozenset(_numbers(claim.resource)),
        days=Span(*service_days({"servicedPeriod": as_dict(claim.resource.get("billablePeriod"))}, zone)),
        diagnoses=frozenset(key(code) for one in listed for code in codings(one.get("diagnosisCodeableConcept"))),
        certification=_certification(claim.resource),
        examples=tuple(_example(item, zone) for item in dicts(claim.resource.get("item"))),
    )


def key(code: Coding) -> tuple[str, str]:
    """Return under what a code is compared."""
    return code_key(code.system, code.code)


def _example(item: dict, zone: tzinfo) -> Example:
    codes = [key(code) for code in codings(item.get("productOrService"))]
    absent = any(system == DATA_ABSENT_REASON for system, _ in codes)  # not-applicable: no code (spec-43)
    ends = codings(extension(item, CODE_END).get("valueCodeableConcept"))
    said = codings(extension(item, REVIEW_ACTION_CODE).get("valueCodeableConcept"))
    return Example(
        codes=frozenset() if absent else frozenset(codes),
        code_end=key(ends[0]) if ends and not absent else None,
        days=Span(*service_days(item, zone)),
        issued=_span(item, "IssueDate", zone),
        effective=_span(item, "EffectiveDate", zone),
        expires=_span(item, "ExpirationDate", zone),
        actions=frozenset(code.code for code in said if code.system == X12_REVIEW_ACTION),
        certification=_certification(item),
        numbers=frozenset(_numbers(item)),
        traces=frozenset(
            found for one in extensions(item, ITEM_TRACE_NUMBER) if (found := identifier(one.get("valueIdentifier")))
        ),
    )


def _certification(element: dict) -> frozenset[str]:
    return frozenset(certification_types(element) - {"I"})


def _span(item: dict, name: str, zone: tzinfo) -> Span:
    asked = extension(item, f"{_CERTIFIED}{name}")
    period = as_dict(asked.get("valuePeriod"))
    single = day(asked.get("valueDate"), zone)
    return Span(single or day(period.get("start"), zone), single or day(period.get("end"), zone))


def _party(entries: Entries, claim: Entry, name: str) -> Entry:
    found = entries.resolve(reference(claim.resource.get(name)), claim)
    if found is None:
        raise InvalidRequest(
            Issue("not-found", "no entry of the Bundle is what this refers to", f"{claim.path}.{name}")
        )
    return found


def _numbers(element: dict) -> list[str]:
    wanted = (AUTHORIZATION_NUMBER, ADMINISTRATION_REFERENCE_NUMBER)
    return [n for url in wanted for one in extensions(element, url) if (n := text_of(one.get("valueString")))]
