"""What does one item of a request ask for, on whose order, and with what along it?"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Any

from fhir_r4.bundle import Entries, Entry, local_part
from fhir_r4.coverage_information import assertion_ids
from fhir_r4.resource import (
    Coding,
    as_dict,
    as_list,
    codings,
    dicts,
    extension,
    local_reference,
    reference,
    text_of,
)
from fhir_r4.systems import BILLING, CODE_END, REQUESTED_SERVICE, code_key
from prior_auth.change import Wish, wish_of
from prior_auth.named import named_in, performers_npis
from prior_auth.request_bundle import day
from rules.search import CODED

_ORDER_CODES = ("codeCodeableConcept", "code", "medicationCodeableConcept")


@dataclass(frozen=True, slots=True)
class Along:
    """What came along with an item, all about its patient; facts of policies are read from it.

    Attributes:
        order: the request behind the item.
        records: resources of the EHR.
        diagnoses: of the item, else of the Claim, and the reasons of the order.
        others: the codes of the other items, each once.
        performers: NPIs of all whom the order names to do it; none where one of them did not come along.
    """

    order: dict | None = None
    patient: dict | None = None
    coverage: dict | None = None
    records: tuple[dict, ...] = ()
    diagnoses: tuple[Coding, ...] = ()
    others: tuple[Coding, ...] = ()
    performers: tuple[str, ...] = ()


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
        coverage, performers: ``Type/id`` of the Coverage, and of those who may do it where the order says, on the
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
    performers: frozenset[str] = frozenset()
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


@dataclass(frozen=True, slots=True)
class _Around:
    """What all items of a request have in common, read once for all of them.

    Attributes:
        changes: the request changes an earlier one.
        diagnoses: of the Claim, each with its sequence.
        asked: how often each service is asked for.
    """

    entries: Entries
    patient: Entry
    coverage: Entry
    created: date
    zone: tzinfo
    changes: bool
    records: tuple[dict, ...]
    diagnoses: tuple[tuple[Any, tuple[Coding, ...]], ...]
    asked: Counter[Coding]


def read_items(
    entries: Entries, patient: Entry, coverage: Entry, *, changes: bool, zone: tzinfo
) -> tuple[RequestedItem, ...]:
    """Read the items of a request whose Bundle was judged; moments in UTC are of the days that they are in ``zone``."""
    claim = entries[0].resource
    created, listed = day(claim.get("created"), zone), dicts(claim.get("item"))
    assert created is not None  # noqa: S101 read_bundle has refused it
    diagnosed = dicts(claim.get("diagnosis"))
    around = _Around(
        entries=entries,
        patient=patient,
        coverage=coverage,
        created=created,
        zone=zone,
        changes=changes,
        records=tuple(_records(entries, patient)),
        diagnoses=tuple((one.get("sequence"), codings(one.get("diagnosisCodeableConcept"))) for one in diagnosed),
        asked=Counter(code for one in listed for code in codings(one.get("productOrService"))),
    )
    return tuple(_item(one, around) for one in listed)


def _item(item: dict, around: _Around) -> RequestedItem:
    entries, coverage = around.entries, around.coverage.resource
    order = entries.resolve(reference(extension(item, REQUESTED_SERVICE).get("valueReference")), entries[0])
    behind = order.resource if order else {}
    starts, ends = service_days(item, around.zone)
    return RequestedItem(
        sequence=item["sequence"],
        codes=codings(item.get("productOrService")),
        starts=starts,
        ends=ends,
        authored=day(behind.get("authoredOn"), around.zone) or around.created,
        assertion_ids=assertion_ids(behind),
        coverage=local_reference(coverage) if text_of(coverage.get("id")) else None,
        performers=_performers(behind),
        information=frozenset(one for one in as_list(item.get("informationSequence")) if isinstance(one, int)),
        doubts=(*_doubts(item), *(_doubts_of_order(order, item, entries, around.patient) if order else ())),
        along=_along(item, order, around),
        asked=item,
        wish=wish_of(item) if around.changes else Wish.NEW,
    )


def _performers(order: dict) -> frozenset[str]:
    """Return those who may do it, where the order says, as the hook knew them: not who is named by number alone."""
    targets = map(reference, named_in(order.get("performer")))
    return frozenset(local_part(one) or one for one in targets if one and not one.startswith("#"))


def _doubts(item: dict) -> Iterator[str]:
    """Say what no policy can weigh, and would be certified unseen."""
    billed = {code_key(one.system, one.code) for one in codings(item.get("productOrService"))}
    if len({key for key in billed if key[0] in BILLING}) > 1:
        yield "The item names more than one service."
    last = codings(extension(item, CODE_END).get("valueCodeableConcept"))
    if {code_key(one.system, one.code) for one in last} - billed:
        yield "The item asks for a range of services."


def _along(item: dict, order: Entry | None, around: _Around) -> Along:
    behind, own = order.resource if order else {}, Counter(codings(item.get("productOrService")))
    wanted = as_list(item.get("diagnosisSequence"))
    return Along(
        order=order.resource if order else None,
        patient=around.patient.resource,
        coverage=around.coverage.resource,
        records=around.records,
        diagnoses=(  # those to which the item points; all of the Claim's where it points to none
            *(code for sequence, codes in around.diagnoses if not wanted or sequence in wanted for code in codes),
            *(code for one in dicts(behind.get("reasonCode")) for code in codings(one)),
        ),
        others=tuple(code for code, times in around.asked.items() if times > own[code]),
        performers=performers_npis(order, around.entries) if order else (),
    )


def _records(entries: Entries, patient: Entry) -> Iterator[dict]:
    """Yield what of the EHR was sent about the patient and nobody else."""
    for entry in entries:
        if entry.kind in CODED:
            about = entry.resource.get("subject") or entry.resource.get("patient")
            subject = entries.resolve(reference(about), entry)
            if subject is not None and subject.full_url == patient.full_url:
                yield entry.resource


def _doubts_of_order(order: Entry, item: dict, entries: Entries, patient: Entry) -> Iterator[str]:
    """Say where the order behind an item does not bear it."""
    behind = order.resource
    if text_of(behind.get("status")) not in {"active", "draft", None}:  # an order need not say (2.2.1 conf-12)
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


def service_days(element: dict, zone: tzinfo) -> tuple[date | None, date | None]:
    """Return ``serviced[x]`` as first and last day; a single date is both."""
    period = as_dict(element.get("servicedPeriod"))
    single = day(element.get("servicedDate"), zone)
    return single or day(period.get("start"), zone), single or day(period.get("end"), zone)
