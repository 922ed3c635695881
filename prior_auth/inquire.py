"""Which authorizations answer an inquiry, and who may know of them?

Query by example (PAS, "Prior Authorization Inquiries"; pas.md §3.4). The Claim's identifier is only the trace
of the inquiry itself and never a search key. Anyone authorized may ask: the submitter about its own cases,
another provider where the member's number and the ordering or rendering NPI both match (2.2.1 spec-52, -53).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from fhir_r4.bundle import Entries, Entry
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import Coding, Identifier, as_dict, codings, dicts, extensions, identifiers, reference, text_of
from fhir_r4.systems import (
    ADMINISTRATION_REFERENCE_NUMBER,
    AUTHORIZATION_NUMBER,
    DATA_ABSENT_REASON,
    code_key,
)
from prior_auth.authorization import Authorization, Item
from prior_auth.request_bundle import read_bundle
from prior_auth.submission import member_ids, provider_npis, service_days


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked for.

    Attributes:
        patient, insurer, provider: entries of the inquiry, echoed where nothing is found.
        numbers: authorization and administration reference numbers; any of them may match.
        codes: services; empty asks for all.
        starts, ends: days that the service overlaps.
    """

    entries: Entries
    patient: Entry
    insurer: Entry
    provider: Entry
    payer_identifiers: tuple[Identifier, ...]
    member_ids: tuple[str, ...]
    birth_date: str | None
    npis: frozenset[str]
    numbers: frozenset[str]
    codes: frozenset[tuple[str, str]]
    starts: date | None
    ends: date | None


def read_inquiry(body: dict) -> Inquiry:
    """Read a PAS inquiry Bundle.

    Raises:
        InvalidRequest: with every structural fault; also where there is nothing to find a patient by.
    """
    entries = read_bundle(body)
    claim = entries[0]
    party = {name: _party(entries, claim, name) for name in ("patient", "insurer", "provider")}
    coverage = entries.resolve(reference(dicts(claim.resource["insurance"])[0].get("coverage")), claim)
    items = dicts(claim.resource.get("item"))
    starts, ends = _days(claim.resource, items)
    return Inquiry(
        entries=entries,
        **party,
        payer_identifiers=identifiers(party["insurer"].resource),
        member_ids=member_ids(party["patient"].resource, coverage.resource if coverage else {}),
        birth_date=text_of(party["patient"].resource.get("birthDate")),
        npis=frozenset(provider_npis(entries)),
        numbers=frozenset(number for element in (claim.resource, *items) for number in _numbers(element)),
        codes=frozenset(_codes(items)),
        starts=starts,
        ends=ends,
    )


def answers(authorization: Authorization, inquiry: Inquiry, client: str, organizations: Iterable[Identifier]) -> bool:
    """Tell whether ``client`` may know of this authorization and it is one that the inquiry is about.

    Who did not submit it asks in the name of an organization of its own, with the patient's birth date, about a
    case in which a provider of the inquiry ordered or renders: an NPI alone is public.
    """
    own = {one.value for one in organizations}
    involved = bool(authorization.npis & inquiry.npis & own) and inquiry.birth_date is not None
    may_know = authorization.client == client or involved
    numbers = {authorization.number, authorization.reference}
    return (
        may_know
        and authorization.member_id in inquiry.member_ids
        and (not inquiry.numbers or bool(inquiry.numbers & numbers))
        and any(_fits(item, inquiry) for item in authorization.items)
    )


def _fits(item: Item, inquiry: Inquiry) -> bool:
    coded = not inquiry.codes or any(_key(code) in inquiry.codes for code in item.codes)
    starts = item.starts or item.decision.starts
    ends = item.ends or item.decision.ends or starts
    before = bool(inquiry.ends and starts and starts > inquiry.ends)
    after = bool(inquiry.starts and ends and ends < inquiry.starts)
    return coded and not before and not after


def _party(entries: Entries, claim: Entry, name: str) -> Entry:
    found = entries.resolve(reference(claim.resource.get(name)), claim)
    if found is None:
        raise InvalidRequest(Issue("not-found", "an entry of the Bundle", f"{claim.path}.{name}"))
    return found


def _numbers(element: dict) -> list[str]:
    wanted = (AUTHORIZATION_NUMBER, ADMINISTRATION_REFERENCE_NUMBER)
    return [n for url in wanted for one in extensions(element, url) if (n := text_of(one.get("valueString")))]


def _codes(items: list[dict]) -> list[tuple[str, str]]:
    """Return the services asked for; data-absent-reason#not-applicable asks for all (spec-43)."""
    keys = [_key(code) for item in items for code in codings(item.get("productOrService"))]
    return [] if any(system == DATA_ABSENT_REASON for system, _ in keys) else keys


def _key(code: Coding) -> tuple[str, str]:
    return code_key(code.system, code.code)


def _days(claim: dict, items: list[dict]) -> tuple[date | None, date | None]:
    billable = as_dict(claim.get("billablePeriod"))
    found = [service_days({"servicedPeriod": billable}), *(service_days(item) for item in items)]
    starts, ends = [first for first, _ in found if first], [last for _, last in found if last]
    return min(starts, default=None), max(ends, default=None)
