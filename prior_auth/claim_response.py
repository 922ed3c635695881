"""How is an authorization told? The PAS response Bundle, one writer for each generation.

What the request held keeps its fullUrl, id and identifiers (2.2.1 spec-33); our references repeat those fullUrls
to the letter. The ClaimResponse stands first, then each resource that it leads to, once (spec-30, -31); the Claim
itself is the submitter's and is left out.

Source: PAS 2.0.1 and 2.2.1, profile-claimresponse, profile-claiminquiryresponse, profile-pas-response-bundle.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from fhir_r4.bundle import Entry
from fhir_r4.generations import Generation
from fhir_r4.problems import Issue, operation_outcome
from fhir_r4.resource import dicts, extension, kind, local_reference, references
from fhir_r4.systems import (
    CLAIM_RESPONSE_REVIEWER,
    ERROR_ELEMENT,
    ERROR_FOLLOWUP_ACTION,
    ERROR_PATH,
    NPI,
    NUCC_TAXONOMY,
    ORIGINAL_URN,
    PAS,
    TRANSMISSION_IDENTIFIERS,
    X12_FOLLOWUP_ACTION,
    X12_REJECT_REASON,
)
from prior_auth.authorization import Authorization, Basis, Item
from prior_auth.case import Case as Case  # noqa: PLC0414 told from here by name
from prior_auth.information_resources import communication_requests, tasks
from prior_auth.inquiry import Inquiry
from prior_auth.item_response import SAID, authorized_providers, granted_item, header_adjudication, item_response
from prior_auth.parties import BusinessError
from prior_auth.submission import Submission

_RESPONSE, _INQUIRY = "profile-claimresponse", "profile-claiminquiryresponse"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes for one generation.

    Attributes:
        base: the absolute URL of the FHIR base, without a slash at the end.
        now: the moment of writing, aware.
    """

    generation: Generation
    base: str
    now: datetime

    def response_bundle(self, case: Case) -> dict:
        """Return what ``$submit`` answers, with what is asked for while anything is pended."""
        resource = self._claim_response(case, _RESPONSE)
        asked = communication_requests(case, self.base, self.generation)
        if asked:
            urls = [f"{self.base}/{local_reference(one)}" for one in asked]
            resource["communicationRequest"] = [{"reference": url} for url in urls]
        more = [*asked, *tasks(case, self.base, self.generation)]
        return self._bundle(resource, case.submission, "profile-pas-response-bundle", case.authorization.id, more)

    def error_bundle(self, error: BusinessError, submission: Submission, identity: str) -> dict:
        """Return what ``$submit`` answers when a readable request cannot be worked on."""
        resource = self._head(submission, identity, _RESPONSE) | {
            "outcome": "error",
            "disposition": error.say,
            "error": [self._error(error)],
        }
        return self._bundle(resource, submission, "profile-pas-response-bundle", identity)

    def claim_response(self, case: Case) -> dict:
        """Return the ClaimResponse alone, as it is read by its id."""
        resource = self._claim_response(case, _RESPONSE)
        resource["meta"] = {"versionId": str(case.authorization.version)} | resource["meta"]
        return resource

    def inquiry_answer(self, cases: Iterable[Case], inquiry: Inquiry, withheld: Issue | None = None) -> dict:
        """Return what ``$inquire`` answers: one Bundle for all (2.0.1), Parameters with one for each (2.2.1).

        Args:
            withheld: says that something is not told (2.2.1 spec-50), where it is not.
        """
        return _INQUIRY_ANSWER[self.generation](self, tuple(cases), inquiry, withheld)

    def inquiry_bundle(self, case: Case) -> dict:
        resource = self._claim_response(case, _INQUIRY)
        identity, more = f"{case.authorization.id}#inquiry", tasks(case, self.base, self.generation)
        return self._bundle(resource, case.submission, "profile-pas-inquiry-response-bundle", identity, more)

    def empty_bundle(self, inquiry: Inquiry, withheld: Issue | None = None) -> dict:
        """Return a Bundle that says "nothing found" and is valid all the same (2.0.1: entry 1..*)."""
        said = withheld or Issue("not-found", "No authorization answers this inquiry.", None, "information")
        echoed = inquiry.entries.closure(
            [inquiry.patient, inquiry.insurer, inquiry.provider], leave=[inquiry.entries[0].full_url]
        )
        entries = [self.said(said, inquiry), *map(_echo, echoed)]
        return self._collection(entries, "profile-pas-inquiry-response-bundle", inquiry.patient.full_url)

    def said(self, issue: Issue, inquiry: Inquiry) -> dict:
        """Return an entry that says something about the answer itself."""
        identity = uuid5(NAMESPACE_URL, f"{self.now.isoformat()}#{issue.code}#{inquiry.patient.full_url}")
        return {"fullUrl": f"urn:uuid:{identity}", "resource": operation_outcome([issue])}

    def _claim_response(self, case: Case, profile: str) -> dict:
        authorization = case.authorization
        items = _SHOWN[self.generation](case)
        said = [item for item in items if item.decision.reason]
        note = {item.sequence: number for number, item in enumerate(said, start=1)}

        resource = self._head(case.submission, authorization.id, profile)
        if extensions_of_it := _ABOUT[self.generation](case):
            resource["extension"] = extensions_of_it
        resource["outcome"] = _OUTCOME[self.generation](authorization)
        resource["disposition"] = _disposition(case)
        if authorization.number:
            resource["preAuthRef"] = authorization.number
        if period := _period(authorization):
            resource["preAuthPeriod"] = period
        if len(items) < len(authorization.items):
            resource["meta"]["security"] = [_SUBSETTED]
        resource["item"] = [
            item_response(item, case, note.get(item.sequence), self.generation, self.base) for item in items
        ]
        resource |= _BESIDE[self.generation](items, case)
        if said:
            resource["processNote"] = [
                {"number": note[item.sequence], "type": "display", "text": item.decision.reason} for item in said
            ]
        return resource

    def _head(self, submission: Submission, identity: str, profile: str) -> dict:
        claim = submission.claim.resource
        own = {"system": f"{self.base}/ClaimResponse", "value": identity}
        return {
            "resourceType": "ClaimResponse",
            "id": identity,
            "meta": {"profile": [f"{PAS}/StructureDefinition/{profile}"]},
            "identifier": [own, *dicts(claim.get("identifier"))],
            "status": "active",
            "type": claim["type"],
            "use": "preauthorization",
            "patient": {"reference": submission.patient.full_url},
            "created": self.now.isoformat(timespec="seconds"),
            "insurer": {"reference": submission.insurer.full_url},
            "requestor": {"reference": submission.provider.full_url},
            "request": {"reference": submission.claim.full_url},
        }

    def _error(self, error: BusinessError) -> dict:
        followup = {"coding": [{"system": X12_FOLLOWUP_ACTION, "code": error.followup}]}
        return {
            "extension": [
                {"url": ERROR_FOLLOWUP_ACTION, "valueCodeableConcept": followup},
                _ERROR_ELEMENT[self.generation](error.element),
                {"url": ERROR_PATH, "valueString": error.path},
            ],
            "code": {"coding": [{"system": X12_REJECT_REASON, "code": error.code}], "text": error.say},
        }

    def _bundle(
        self, resource: dict, submission: Submission, profile: str, identity: str, more: Sequence[dict] = ()
    ) -> dict:
        """Put the ClaimResponse first, what we ask for next, and the requester's own entries behind it.

        The Claim is the submitter's and is left out, unless a Task leads to it. The Claim of an update never comes
        along: ClaimResponse.request and Task.reasonReference may only lead to one without ``related``.
        """
        own = [resource, *more]
        claim = submission.claim
        named = (submission.entries.resolve(target, claim) for one in own for target, _ in references(one))
        leads_to_claim = any(kind(one) == "Task" for one in more) and not claim.resource.get("related")
        roots = [one for one in named if one and (leads_to_claim or one.full_url != claim.full_url)]
        leave = [] if leads_to_claim else [claim.full_url]
        echoed = submission.entries.closure(roots, leave=leave)
        first = [{"fullUrl": f"{self.base}/{local_reference(one)}", "resource": one} for one in own]
        return self._collection([*first, *map(_echo, echoed)], profile, identity)

    def _collection(self, entries: list[dict], profile: str, identity: str) -> dict:
        name = uuid5(NAMESPACE_URL, f"{self.base}/Bundle/{identity}#{self.now.isoformat()}")
        return {
            "resourceType": "Bundle",
            "id": str(name),
            "meta": {"profile": [f"{PAS}/StructureDefinition/{profile}"]},
            "identifier": {"system": ORIGINAL_URN, "value": f"urn:uuid:{name}"},
            "type": "collection",
            "timestamp": self.now.isoformat(timespec="seconds"),
            "entry": entries,
        }


def _one_bundle(writer: Writer, cases: tuple[Case, ...], inquiry: Inquiry, withheld: Issue | None) -> dict:
    if not cases:
        return writer.empty_bundle(inquiry, withheld)
    bundles = [writer.inquiry_bundle(case) for case in cases]
    entries: dict[str, dict] = {}
    for bundle in bundles:
        for entry in bundle["entry"]:
            entries.setdefault(entry["fullUrl"], entry)
    return _with(bundles[0] | {"entry": list(entries.values())}, withheld, writer, inquiry)


def _bundle_each(writer: Writer, cases: tuple[Case, ...], inquiry: Inquiry, withheld: Issue | None) -> dict:
    bundles = [writer.inquiry_bundle(case) for case in cases]
    if bundles:
        bundles[0] = _with(bundles[0], withheld, writer, inquiry)
    elif withheld:  # the profile wants a ClaimResponse first, and there is none to tell
        bundles = [{name: value for name, value in writer.empty_bundle(inquiry, withheld).items() if name != "meta"}]
    found = [{"name": "return", "resource": bundle} for bundle in bundles]
    return {"resourceType": "Parameters"} | ({"parameter": found} if found else {})


def _with(bundle: dict, withheld: Issue | None, writer: Writer, inquiry: Inquiry) -> dict:
    """Return the Bundle with the OperationOutcome behind its ClaimResponse, where there is something to say."""
    if withheld is None:
        return bundle
    first, *rest = bundle["entry"]
    return bundle | {"entry": [first, writer.said(withheld, inquiry), *rest]}


def _nothing_about(_: Case) -> list[dict]:
    return []


def _about(case: Case) -> list[dict]:
    """Say who sends it to whom, whether a person looked at it, and who is authorized for the whole (2.2)."""
    return [*_transmission(case), _reviewer(case.authorization), *authorized_providers(case)]


def _transmission(case: Case) -> Iterator[dict]:
    """Yield the codes of sender and receiver, as the request has them, the other way round."""
    asked = extension(case.submission.claim.resource, TRANSMISSION_IDENTIFIERS)
    said = {one.get("url"): one.get("valueString") for one in dicts(asked.get("extension"))}
    turned = [{"url": name, "valueString": said[_TURNED[name]]} for name in _TURNED if said.get(_TURNED[name])]
    if turned:
        yield {"url": TRANSMISSION_IDENTIFIERS, "extension": turned}


_TURNED = {
    "applicationSenderCode": "applicationReceiverCode",
    "applicationReceiverCode": "applicationSenderCode",
    "interchangeSenderID": "interchangeReceiverID",
    "interchangeReceiverID": "interchangeSenderID",
}


def _reviewer(authorization: Authorization) -> dict:
    """Say whether a person looked at it, and who that was (2.2, claimResponseReviewer)."""
    decided = [item.decision for item in authorization.items if item.decision.basis is Basis.CLINICIAN]
    last = max(decided, key=lambda one: one.decided_at, default=None)
    parts: list[dict] = [{"url": "wasHumanReviewedFlag", "valueBoolean": last is not None}]
    if last and last.reviewer_npi:
        parts.append({"url": "reviewerNPI", "valueIdentifier": {"system": NPI, "value": last.reviewer_npi}})
    if last and last.reviewer_specialty:
        specialty = {"coding": [{"system": NUCC_TAXONOMY, "code": last.reviewer_specialty}]}
        parts.append({"url": "reviewerSpecialty", "valueCodeableConcept": specialty})
    return {"url": CLAIM_RESPONSE_REVIEWER, "extension": parts}


def _nothing_beside(_: tuple[Item, ...], __: Case) -> dict:
    return {}


def _beside(items: tuple[Item, ...], case: Case) -> dict:
    """Say what was granted in place of modified items, and what several items say together (2.2)."""
    granted = [granted_item(item, case) for item in items if item.decision.granted]
    together = header_adjudication(case.authorization.header, case.authorization.number)
    return ({"addItem": granted} if granted else {}) | ({"adjudication": [together]} if len(items) > 1 else {})


def _listed(case: Case) -> tuple[Item, ...]:
    """Return the items that a differential update of 2.0.1 named; the answer is tagged as a part of the whole."""
    return tuple(one for one in case.authorization.items if case.listed is None or one.sequence in case.listed)


def _all(case: Case) -> tuple[Item, ...]:
    return case.authorization.items


def _outcome_2_0(authorization: Authorization) -> str:
    return "queued" if authorization.pended else "complete"


def _outcome_2_2(authorization: Authorization) -> str:
    """Say partial while something is pended: 2.2.1 has no ``queued``."""
    return "partial" if authorization.pended else "complete"


def _error_element_2_0(element: str) -> dict:
    return {"url": ERROR_ELEMENT, "valueString": element}


def _error_element_2_2(element: str) -> dict:
    return {"url": ERROR_ELEMENT, "extension": [{"url": "error", "valueString": element}]}


_INQUIRY_ANSWER = {Generation.V2_0: _one_bundle, Generation.V2_2: _bundle_each}
_ABOUT = {Generation.V2_0: _nothing_about, Generation.V2_2: _about}
_BESIDE = {Generation.V2_0: _nothing_beside, Generation.V2_2: _beside}
_SHOWN = {Generation.V2_0: _listed, Generation.V2_2: _all}
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_OUTCOME = {Generation.V2_0: _outcome_2_0, Generation.V2_2: _outcome_2_2}
_ERROR_ELEMENT = {Generation.V2_0: _error_element_2_0, Generation.V2_2: _error_element_2_2}


def _echo(entry: Entry) -> dict:
    return {"fullUrl": entry.full_url, "resource": entry.resource}


def _disposition(case: Case) -> str:
    authorization = case.authorization
    if authorization.pended:
        due = authorization.due_at.astimezone(case.zone)
        return f"Pended; a decision is due by {due.isoformat(timespec='minutes')}"
    return "; ".join(dict.fromkeys(SAID[item.decision.action] for item in authorization.items))


def _period(authorization: Authorization) -> dict | None:
    """Return the days from the first certified to the last."""
    starts = [item.decision.starts for item in authorization.items if item.decision.starts]
    ends = [item.decision.ends for item in authorization.items if item.decision.ends]
    return {"start": min(starts).isoformat(), "end": max(ends).isoformat()} if starts and ends else None
