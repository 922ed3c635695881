"""What does a provider ask for? A PAS request Bundle becomes a Submission, or InvalidRequest naming each element."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cached_property

from fhir_r4.bundle import Entries, Entry
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import Identifier, dicts, extension, has_coding, identifiers, reference
from fhir_r4.systems import LEVEL_OF_SERVICE, PROCESS_PRIORITY, X12_LEVEL_OF_SERVICE
from prior_auth.change import Change, changes_another, read_change, withdrawn
from prior_auth.insurer import Insurer, read_insurer
from prior_auth.named import member_ids, provider_npis
from prior_auth.request_bundle import focal, read_bundle, transaction_of, unwrapped
from prior_auth.requested_item import Form, RequestedItem, read_items
from questionnaires.answers import responses_in

_URGENT_LEVELS = ("U", "03")  # urgent, emergency


@dataclass(frozen=True)
class Submission:
    """A request as it was received, and what we read in it: who is who at once, the rest when it is asked for.

    Attributes:
        bundle: the very JSON received.
        identifier: Bundle.identifier, the submitter's transaction.
        claim, patient, provider, coverage: entries of the bundle.
        speakers: by whose numbers its client is registered; of the names that a request gives itself only these count.
            None where nobody's word is taken for it: it is our own, or was judged when it came.
        zone: of the payer, in which a moment that the request gives in UTC is of a day.
    """

    bundle: dict
    entries: Entries
    identifier: Identifier
    claim: Entry
    patient: Entry
    insurer: Insurer
    provider: Entry
    coverage: Entry
    speakers: frozenset[str] | None = None
    zone: tzinfo = UTC

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
        changes = self.change is not None
        return read_items(self.entries, self.patient, self.coverage, changes=changes, zone=self.zone)

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """Forms about this patient."""
        return tuple(_forms(self.entries, self.patient))

    @cached_property
    def withdrawn(self) -> frozenset[int]:
        """Sequences of supportingInfo that no longer counts."""
        return frozenset(withdrawn(self.claim.resource))

    @cached_property
    def says(self) -> frozenset[tuple[str, int]]:
        """Return on what of its case it has a word: items and supportingInfo that counts, by their sequences."""
        items = {("item", one["sequence"]) for one in dicts(self.claim.resource.get("item"))}
        return frozenset(items | {("form", one) for one in {form.sequence for form in self.forms} | self.withdrawn})

    @cached_property
    def change(self) -> Change | None:
        """How it updates, renews or cancels an earlier request; None for a request of its own."""
        return read_change(self.entries) if changes_another(self.claim.resource) else None


def read_submission(body: dict, *, lenient: bool = False) -> Submission:
    """Read a PAS request Bundle; ``lenient`` as in ``read_bundle``.

    What cancels the whole needs no items, says 2.2.1 under "Updating Authorization Requests"; its profile wants one.

    Raises:
        InvalidRequest: with every structural fault, each naming its element (pas.md §3.1).
    """
    submission = _submission(unwrapped(body), read_bundle(body, lenient=lenient))
    claim = submission.claim
    if not dicts(claim.resource.get("item")) and not (submission.change and submission.change.cancels_all):
        raise InvalidRequest(Issue("required", "the Claim must have at least one item", f"{claim.path}.item"))
    return submission


def stored_submission(bundle: dict) -> Submission:
    """Read a kept request that was judged when it came; what is asked of new ones since then is no matter."""
    inner = unwrapped(bundle)
    return _submission(inner, Entries(inner, lenient=True))


def _submission(bundle: dict, entries: Entries) -> Submission:
    claim = entries[0]
    resource = claim.resource
    place, insurance = focal(resource)
    coverage = _entry(entries, claim, insurance.get("coverage"), f"insurance[{place}].coverage", "Coverage")
    patient = _entry(entries, claim, resource.get("patient"), "patient", "Patient")
    return Submission(
        bundle=bundle,
        entries=entries,
        identifier=transaction_of(bundle),
        claim=claim,
        patient=patient,
        insurer=read_insurer(entries),
        provider=_entry(entries, claim, resource.get("provider"), "provider", None),
        coverage=coverage,
    )


def _entry(entries: Entries, claim: Entry, target: object, element: str, expected: str | None) -> Entry:
    found = entries.resolve(reference(target), claim)
    if found is None or (expected and found.kind != expected):
        said = f"an entry of the Bundle{f' that is a {expected}' if expected else ''}"
        raise InvalidRequest(Issue("not-found", said, f"{claim.path}.{element}"))
    return found


def _is_urgent(claim: dict) -> bool:
    level = extension(claim, LEVEL_OF_SERVICE).get("valueCodeableConcept")
    return has_coding(claim.get("priority"), PROCESS_PRIORITY, "stat") or any(
        has_coding(level, X12_LEVEL_OF_SERVICE, code) for code in _URGENT_LEVELS
    )


def _is_emergency(claim: dict) -> bool:
    level = extension(claim, LEVEL_OF_SERVICE).get("valueCodeableConcept")
    return has_coding(level, X12_LEVEL_OF_SERVICE, "03")


def _forms(entries: Entries, patient: Entry) -> Iterator[Form]:
    """Yield the forms that the Claim points to and that are about its patient."""
    claim = entries[0]
    for one in dicts(claim.resource.get("supportingInfo")):
        entry = entries.resolve(reference(one.get("valueReference")), claim)
        if entry is None:
            continue
        for response in responses_in([entry.resource]):
            subject = entries.resolve(reference(response.get("subject")), entry)
            if subject is not None and subject.full_url == patient.full_url:
                yield Form(one["sequence"], response)
