"""By which numbers does a request name its member and its providers?"""

from collections.abc import Iterator

from fhir_r4.bundle import Entries, Entry, local_part
from fhir_r4.resource import (
    as_dict,
    as_list,
    codings,
    contained,
    dicts,
    extension,
    identifier,
    identifiers,
    identifiers_of_type,
    reference,
    text_of,
)
from fhir_r4.systems import IDENTIFIER_TYPE, MEMBER_NUMBER, NPI, REQUESTED_SERVICE

MOST_NUMBERS = 5


def member_ids(patient: dict, coverage: dict) -> tuple[str, ...]:
    """Return the numbers of the most trusted kind that there is: where the card's is given, no other counts.

    In order: member numbers of the Patient, of the Coverage, subscriberId, and what a Patient calls neither. Of a
    patient who is not the subscriber and has no birth date, as a newborn, only numbers that are not the subscriber's
    count, and none of the Coverage: nothing else would tell the two apart.
    """
    subscriber = text_of(coverage.get("subscriberId"))
    own = [one.value for one in identifiers_of_type(patient, IDENTIFIER_TYPE, MEMBER_NUMBER)]
    other = [
        found.value for one in dicts(patient.get("identifier")) if "type" not in one and (found := identifier(one))
    ]
    card = [one.value for one in identifiers_of_type(coverage, IDENTIFIER_TYPE, MEMBER_NUMBER)]
    kinds = [own, card, [subscriber] if subscriber else [], other]
    if not text_of(patient.get("birthDate")) and _covered_by_another(coverage):
        kinds = [[number for number in numbers if number != subscriber] for numbers in (own, other)]
    return tuple(dict.fromkeys(next((numbers for numbers in kinds if numbers), [])))[:MOST_NUMBERS]


def _covered_by_another(coverage: dict) -> bool:
    """Tell whether somebody else than the insured is the subscriber, by word or by reference."""
    said = {one.code for one in codings(coverage.get("relationship"))}
    subscriber, insured = reference(coverage.get("subscriber")), reference(coverage.get("beneficiary"))
    another = subscriber and (local_part(subscriber) or subscriber) != (local_part(insured) or insured)
    return bool(another or (said and said.isdisjoint(_SELF)))


_SELF = frozenset({"self", "18"})  # subscriber-relationship, X12 1069


def provider_npis(entries: Entries) -> Iterator[str]:
    """Yield the NPIs of the requestor, the care team and who ordered or performs, with all they lead to."""
    claim = entries[0]
    yield from _npis(entries, [entries.resolve(reference(claim.resource.get("provider")), claim)])
    yield from care_team_npis(entries)
    for item in dicts(claim.resource.get("item")):
        order = entries.resolve(reference(extension(item, REQUESTED_SERVICE).get("valueReference")), claim)
        if order:
            named = [order.resource.get("requester"), *named_in(order.resource.get("performer"))]
            yield from _npis(entries, [entries.resolve(reference(one), order) for one in named])


def care_team_npis(entries: Entries) -> Iterator[str]:
    """Yield the NPIs of the care team, with all they lead to."""
    claim = entries[0]
    team = dicts(claim.resource.get("careTeam"))
    return _npis(entries, [entries.resolve(reference(one.get("provider")), claim) for one in team])


def _npis(entries: Entries, named: list[Entry | None]) -> Iterator[str]:
    for entry in entries.closure([one for one in named if one]):
        if entry.kind in {"Organization", "Practitioner", "PractitionerRole"}:
            yield from (one.value for one in identifiers(entry.resource) if one.system == NPI)


def stood_for(entry: Entry, entries: Entries) -> Iterator[Entry]:
    """Yield who is named; a PractitionerRole stands for its practitioner and its organization as well."""
    yield entry
    if entry.kind == "PractitionerRole":
        for name in ("practitioner", "organization"):
            if found := entries.resolve(reference(entry.resource.get(name)), entry):
                yield found


def performers_npis(order: Entry, entries: Entries) -> tuple[str, ...]:
    """Return an NPI of each whom the order names to do it, of those that have one; none where one is not there.

    Any of them may do it (FHIR R4, ServiceRequest.performer): nothing holds of one alone.
    """
    every = [_performer_npis(as_dict(one), order, entries) for one in named_in(order.resource.get("performer"))]
    return () if None in every else tuple(numbers[0] for numbers in every if numbers)


def _performer_npis(named: dict, order: Entry, entries: Entries) -> list[str] | None:
    """Return the NPIs of one who is named by number, contained, or an entry; None where the request has them not."""
    target = reference(named) or ""
    if target.startswith("#"):
        resources = [contained(order.resource, target)]
    else:
        entry = entries.resolve(target, order)
        resources = [one.resource for one in stood_for(entry, entries)] if entry else []
    inline = identifier(named.get("identifier"))
    every = [*filter(None, [inline]), *(one for resource in resources for one in identifiers(resource))]
    numbers = [one.value for one in every if one.system == NPI]
    return numbers if numbers or resources else None


def named_in(value: object) -> list:
    """Return the references of an element that takes one in some types of order, several in others."""
    return as_list(value) or ([value] if value else [])
