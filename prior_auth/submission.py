"""What does a provider ask for? A PAS request Bundle becomes a Submission, or InvalidRequest naming each element."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from fhir_r4.bundle import Entries, Entry, local_part
from fhir_r4.coverage_information import assertion_ids
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import (
    Coding,
    Identifier,
    as_dict,
    as_list,
    codings,
    dicts,
    extension,
    has_coding,
    identifier,
    identifiers,
    identifiers_of_type,
    kind,
    local_reference,
    reference,
    text_of,
)
from fhir_r4.systems import (
    BILLING,
    IDENTIFIER_TYPE,
    LEVEL_OF_SERVICE,
    MEMBER_NUMBER,
    NPI,
    PROCESS_PRIORITY,
    REQUESTED_SERVICE,
    X12_LEVEL_OF_SERVICE,
    code_key,
)
from prior_auth.change import Change, Wish, changes_another, read_change, wish_of, withdrawn
from prior_auth.request_bundle import day, read_bundle, transaction_of, unwrapped
from questionnaires.answers import responses_in
from rules.search import CODED

MOST_NUMBERS = 5
_ORDER_CODES = ("codeCodeableConcept", "code", "medicationCodeableConcept")
_URGENT_LEVELS = ("U", "03")  # urgent, emergency


@dataclass(frozen=True, slots=True)
class Along:
    """What came along with an item, all about its patient; facts of policies are read from it.

    Attributes:
        order: the request behind the item.
        records: resources of the EHR.
        diagnoses: of the item, else of the Claim, and the reasons of the order.
        others: the codes of the other items.
        performer: NPI of who is to do it, where the order names somebody.
    """

    order: dict | None = None
    patient: dict | None = None
    coverage: dict | None = None
    records: tuple[dict, ...] = ()
    diagnoses: tuple[Coding, ...] = ()
    others: tuple[Coding, ...] = ()
    performer: str | None = None


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """One service that is asked for.

    Attributes:
        sequence: Claim.item.sequence.
        asked: the Claim.item itself.
        wish: what is to become of it; NEW in a request that changes none.
        codes: the codings of productOrService.
        starts, ends: the days of service, where the item says them.
        authored: the day on which the order behind it was written, else the Claim; the submitter's word.
        assertion_ids: promises that the order carries (CRD).
        coverage, performer: ``Type/id`` of the Coverage, and of who is to do it where the order says, on the
            submitter's own server; what a promise was made for.
        information: sequences of the supportingInfo that belongs to it; empty means all.
        doubts: what a person has to look at before anything is certified, in sentences.
        along: what came with it.
    """

    sequence: int
    codes: tuple[Coding, ...]
    starts: date | None
    ends: date | None
    authored: date
    assertion_ids: tuple[str, ...]
    information: frozenset[int]
    doubts: tuple[str, ...]
    coverage: str | None = None
    performer: str | None = None
    asked: dict[str, Any] = field(default_factory=dict)
    wish: Wish = Wish.NEW
    along: Along = Along()


@dataclass(frozen=True, slots=True)
class Form:
    """A QuestionnaireResponse about the patient, and the supportingInfo that points to it; 0 where none does."""

    sequence: int
    response: dict

    def belongs_to(self, item: RequestedItem) -> bool:
        """Tell whether it is about this item: an item that names no information has all of it."""
        return not self.sequence or not item.information or self.sequence in item.information


@dataclass(frozen=True)
class Submission:
    """A request as it was received, and what we read in it: who is who at once, the rest when it is asked for.

    Attributes:
        bundle: the very JSON received.
        identifier: Bundle.identifier, the submitter's transaction.
        claim, patient, insurer, provider, coverage: entries of the bundle.
    """

    bundle: dict
    entries: Entries
    identifier: Identifier
    claim: Entry
    patient: Entry
    insurer: Entry
    provider: Entry
    coverage: Entry

    @cached_property
    def claim_identifiers(self) -> tuple[Identifier, ...]:
        return identifiers(self.claim.resource)

    @cached_property
    def member_ids(self) -> tuple[str, ...]:
        """Numbers under which the patient may be known, of one kind: the most trusted that is there."""
        return member_ids(self.patient.resource, self.coverage.resource)

    @cached_property
    def npis(self) -> frozenset[str]:
        """Ordering and rendering providers."""
        return frozenset(provider_npis(self.entries))

    @cached_property
    def urgent(self) -> bool:
        return _is_urgent(self.claim.resource)

    @cached_property
    def emergency(self) -> bool:
        """Tell whether the level of service says so."""
        return _is_emergency(self.claim.resource)

    @cached_property
    def items(self) -> tuple[RequestedItem, ...]:
        listed, changes = dicts(self.claim.resource["item"]), changes_another(self.claim.resource)
        return tuple(_item(item, self.entries, self.patient, self.coverage, changes=changes) for item in listed)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """Forms about this patient."""
        return tuple(_forms(self.entries, self.patient))

    @cached_property
    def withdrawn(self) -> frozenset[int]:
        """Sequences of supportingInfo that no longer counts."""
        return frozenset(withdrawn(self.claim.resource))

    @cached_property
    def change(self) -> Change | None:
        """How it updates, renews or cancels an earlier request; None for a request of its own."""
        return read_change(self.entries) if changes_another(self.claim.resource) else None


def read_submission(body: dict, *, lenient: bool = False) -> Submission:
    """Read a PAS request Bundle; ``lenient`` as in ``read_bundle``.

    Raises:
        InvalidRequest: with every structural fault, each naming its element (pas.md §3.1).
    """
    entries = read_bundle(body, lenient=lenient)
    if not dicts(entries[0].resource.get("item")):
        raise InvalidRequest(Issue("required", "at least one item", f"{entries[0].path}.item"))
    return _submission(unwrapped(body), entries)


def stored_submission(bundle: dict) -> Submission:
    """Read a kept request that was judged when it came; what is asked of new ones since then is no matter."""
    inner = unwrapped(bundle)
    return _submission(inner, Entries(inner, lenient=True))


def _submission(bundle: dict, entries: Entries) -> Submission:
    claim = entries[0]
    resource = claim.resource
    coverage = _entry(entries, claim, _focal(resource).get("coverage"), "insurance[0].coverage", "Coverage")
    patient = _entry(entries, claim, resource.get("patient"), "patient", "Patient")
    return Submission(
        bundle=bundle,
        entries=entries,
        identifier=transaction_of(bundle),
        claim=claim,
        patient=patient,
        insurer=_entry(entries, claim, resource.get("insurer"), "insurer", "Organization"),
        provider=_entry(entries, claim, resource.get("provider"), "provider", None),
        coverage=coverage,
    )


def member_ids(patient: dict, coverage: dict) -> tuple[str, ...]:
    """Return the numbers of the most trusted kind that there is: where the card's is given, no other counts.

    In order: member numbers of the Patient, of the Coverage, subscriberId, and what a Patient calls neither.
    """
    subscriber = text_of(coverage.get("subscriberId"))
    kinds = (
        [one.value for one in identifiers_of_type(patient, IDENTIFIER_TYPE, MEMBER_NUMBER)],
        [one.value for one in identifiers_of_type(coverage, IDENTIFIER_TYPE, MEMBER_NUMBER)],
        [subscriber] if subscriber else [],
        [found.value for one in dicts(patient.get("identifier")) if "type" not in one and (found := identifier(one))],
    )
    return tuple(dict.fromkeys(next((numbers for numbers in kinds if numbers), [])))[:MOST_NUMBERS]


def provider_npis(entries: Entries) -> Iterator[str]:
    """Yield the NPIs of the requestor, the care team and who ordered or performs, with all they lead to."""
    claim = entries[0]
    orders = [
        order
        for item in dicts(claim.resource.get("item"))
        if (order := entries.resolve(reference(extension(item, REQUESTED_SERVICE).get("valueReference")), claim))
    ]
    named = [
        entries.resolve(reference(claim.resource.get("provider")), claim),
        *(entries.resolve(reference(one.get("provider")), claim) for one in dicts(claim.resource.get("careTeam"))),
        *(entries.resolve(reference(order.resource.get("requester")), order) for order in orders),
        *(
            entries.resolve(reference(performer), order)
            for order in orders
            for performer in _listed(order.resource.get("performer"))
        ),
    ]
    for entry in entries.closure([one for one in named if one]):
        if kind(entry.resource) in {"Organization", "Practitioner", "PractitionerRole"}:
            yield from (one.value for one in identifiers(entry.resource) if one.system == NPI)


def service_days(element: dict) -> tuple[date | None, date | None]:
    """Return ``serviced[x]`` as first and last day; a single date is both."""
    period = as_dict(element.get("servicedPeriod"))
    single = day(element.get("servicedDate"))
    return single or day(period.get("start")), single or day(period.get("end"))


def _entry(entries: Entries, claim: Entry, target: object, element: str, expected: str | None) -> Entry:
    found = entries.resolve(reference(target), claim)
    if found is None or (expected and kind(found.resource) != expected):
        said = f"an entry of the Bundle{f' that is a {expected}' if expected else ''}"
        raise InvalidRequest(Issue("not-found", said, f"{claim.path}.{element}"))
    return found


def _focal(claim: dict) -> dict:
    listed = dicts(claim.get("insurance"))
    return next((one for one in listed if one.get("focal") is True), listed[0])


def _is_urgent(claim: dict) -> bool:
    level = extension(claim, LEVEL_OF_SERVICE).get("valueCodeableConcept")
    return has_coding(claim.get("priority"), PROCESS_PRIORITY, "stat") or any(
        has_coding(level, X12_LEVEL_OF_SERVICE, code) for code in _URGENT_LEVELS
    )


def _is_emergency(claim: dict) -> bool:
    level = extension(claim, LEVEL_OF_SERVICE).get("valueCodeableConcept")
    return has_coding(level, X12_LEVEL_OF_SERVICE, "03")


def _item(item: dict, entries: Entries, patient: Entry, coverage: Entry, *, changes: bool) -> RequestedItem:
    order = entries.resolve(reference(extension(item, REQUESTED_SERVICE).get("valueReference")), entries[0])
    behind = order.resource if order else {}
    starts, ends = service_days(item)
    created = day(entries[0].resource.get("created"))
    assert created is not None  # noqa: S101 read_bundle has refused it
    return RequestedItem(
        sequence=item["sequence"],
        codes=codings(item.get("productOrService")),
        starts=starts,
        ends=ends,
        authored=day(behind.get("authoredOn")) or created,
        assertion_ids=assertion_ids(behind),
        coverage=local_reference(coverage.resource) if text_of(coverage.resource.get("id")) else None,
        performer=_performer(behind),
        information=frozenset(one for one in as_list(item.get("informationSequence")) if isinstance(one, int)),
        doubts=(*_doubts(item), *(_doubts_of_order(order, item, entries, patient) if order else ())),
        along=_along(item, order, entries, patient, coverage),
        asked=item,
        wish=wish_of(item) if changes else Wish.NEW,
    )


def _performer(order: dict) -> str | None:
    """Return who is to do it, where the order says: the first of them, as the hook took it."""
    named = order.get("performer")
    target = reference(next(iter(dicts(named)), {}) if isinstance(named, list) else named)
    return local_part(target) or target


def _doubts(item: dict) -> Iterator[str]:
    """Say what no policy can weigh, and would be certified unseen."""
    billed = {code_key(one.system, one.code) for one in codings(item.get("productOrService"))}
    if len({key for key in billed if key[0] in BILLING}) > 1:
        yield "The item names more than one service."


def _along(item: dict, order: Entry | None, entries: Entries, patient: Entry, coverage: Entry) -> Along:
    behind, claim = order.resource if order else {}, entries[0].resource
    performer = order and next(
        (one for name in _listed(behind.get("performer")) if (one := entries.resolve(reference(name), order))), None
    )
    return Along(
        order=order.resource if order else None,
        patient=patient.resource,
        coverage=coverage.resource,
        records=tuple(_records(entries, patient)),
        diagnoses=(
            *_diagnoses(claim, item),
            *(code for one in dicts(behind.get("reasonCode")) for code in codings(one)),
        ),
        others=tuple(
            code for one in dicts(claim.get("item")) if one is not item for code in codings(one.get("productOrService"))
        ),
        performer=next((one.value for one in identifiers(performer.resource) if one.system == NPI), None)
        if performer
        else None,
    )


def _diagnoses(claim: dict, item: dict) -> Iterator[Coding]:
    """Yield the diagnoses to which the item points; all of the Claim's where it points to none."""
    wanted = as_list(item.get("diagnosisSequence"))
    for one in dicts(claim.get("diagnosis")):
        if not wanted or one.get("sequence") in wanted:
            yield from codings(one.get("diagnosisCodeableConcept"))


def _records(entries: Entries, patient: Entry) -> Iterator[dict]:
    """Yield what of the EHR was sent about the patient and nobody else."""
    for entry in entries:
        if kind(entry.resource) in CODED:
            about = entry.resource.get("subject") or entry.resource.get("patient")
            subject = entries.resolve(reference(about), entry)
            if subject is not None and subject.full_url == patient.full_url:
                yield entry.resource


def _doubts_of_order(order: Entry, item: dict, entries: Entries, patient: Entry) -> Iterator[str]:
    """Say where the order behind an item does not bear it."""
    behind = order.resource
    if text_of(behind.get("status")) not in {"active", "draft"}:
        yield "The order behind the item is not active."
    if behind.get("doNotPerform") is True:
        yield "The order behind the item says not to do it."
    subject = entries.resolve(reference(behind.get("subject")), order)
    if subject is None or subject.full_url != patient.full_url:
        yield "The order behind the item is for another patient."
    coded = next((found for name in _ORDER_CODES if (found := codings(behind.get(name)))), ())
    ordered = {code_key(one.system, one.code) for one in coded}
    asked = {code_key(one.system, one.code) for one in codings(item.get("productOrService"))}
    if {system for system, _ in ordered} & BILLING and not ordered & asked:
        yield "The order behind the item is for another service."


def _forms(entries: Entries, patient: Entry) -> Iterator[Form]:
    """Yield the forms that the Claim points to and that are about its patient."""
    claim = entries[0]
    for one in dicts(claim.resource.get("supportingInfo")):
        entry = entries.resolve(reference(one.get("valueReference")), claim)
        for response in responses_in([entry.resource]) if entry else ():
            subject = entries.resolve(reference(response.get("subject")), entry) if entry else None
            if subject is not None and subject.full_url == patient.full_url:
                yield Form(one["sequence"], response)


def _listed(value: object) -> list:
    return as_list(value) or ([value] if value else [])
