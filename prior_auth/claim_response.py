"""How is an authorization told? The PAS response Bundle, one writer for each generation.

What the request held keeps its fullUrl, id and identifiers (2.2.1 spec-33); our references repeat those fullUrls
to the letter. The ClaimResponse stands first, then each resource that it leads to, once (spec-30, -31); the Claim
itself is the submitter's and is left out.

Source: PAS 2.0.1 and 2.2.1, profile-claimresponse, profile-claiminquiryresponse, profile-pas-response-bundle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import NAMESPACE_URL, uuid5

from fhir_r4.bundle import Entry
from fhir_r4.generations import Generation
from fhir_r4.problems import Issue, operation_outcome
from fhir_r4.resource import as_dict, dicts, extensions
from fhir_r4.systems import (
    ADJUDICATION,
    ADMINISTRATION_REFERENCE_NUMBER,
    CLAIM_RESPONSE_REVIEWER,
    ERROR_ELEMENT,
    ERROR_FOLLOWUP_ACTION,
    ERROR_PATH,
    ITEM_PREAUTH_ISSUE_DATE,
    ITEM_PREAUTH_PERIOD,
    ITEM_TRACE_NUMBER,
    ORIGINAL_URN,
    PAS,
    REVIEW_ACTION,
    REVIEW_ACTION_CODE,
    X12_FOLLOWUP_ACTION,
    X12_REJECT_REASON,
    X12_REVIEW_ACTION,
)
from prior_auth.authorization import Authorization, Basis, Decision, Item, ReviewAction
from prior_auth.inquiry import Inquiry
from prior_auth.parties import BusinessError
from prior_auth.submission import Submission

_SAID = {
    ReviewAction.CERTIFIED: "Certified in total",
    ReviewAction.PARTLY_CERTIFIED: "Certified, partial",
    ReviewAction.NOT_CERTIFIED: "Not certified",
    ReviewAction.PENDED: "Pended",
    ReviewAction.MODIFIED: "Modified",
    ReviewAction.CANCELLED: "Cancelled",
    ReviewAction.NOT_REQUIRED: "No action required",
}
_RESPONSE, _INQUIRY = "profile-claimresponse", "profile-claiminquiryresponse"


@dataclass(frozen=True, slots=True)
class Case:
    """An authorization with the request that it answers, and the zone in which its payer's days begin.

    ``listed`` are the items that an update named, where it is an update that is answered.
    """

    authorization: Authorization
    submission: Submission
    zone: tzinfo
    listed: frozenset[int] | None = None


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
        """Return what ``$submit`` answers."""
        resource = self._claim_response(case, _RESPONSE)
        return self._bundle(resource, case.submission, "profile-pas-response-bundle", case.authorization.id)

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
        identity = f"{case.authorization.id}#inquiry"
        return self._bundle(resource, case.submission, "profile-pas-inquiry-response-bundle", identity)

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

        resource = self._head(case.submission, authorization.id, profile) | _REVIEWER[self.generation](authorization)
        resource["outcome"] = _OUTCOME[self.generation](authorization)
        resource["disposition"] = _disposition(case)
        if authorization.number:
            resource["preAuthRef"] = authorization.number
        if period := _period(authorization):
            resource["preAuthPeriod"] = period
        if len(items) < len(authorization.items):
            resource["meta"]["security"] = [_SUBSETTED]
        resource["item"] = [_item(item, item.asked, case, note.get(item.sequence)) for item in items]
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

    def _bundle(self, resource: dict, submission: Submission, profile: str, identity: str) -> dict:
        """Put the ClaimResponse first and the requester's own entries behind it."""
        roots = [submission.patient, submission.insurer, submission.provider]
        echoed = submission.entries.closure(roots, leave=[submission.claim.full_url])
        first = {"fullUrl": f"{self.base}/ClaimResponse/{resource['id']}", "resource": resource}
        return self._collection([first, *map(_echo, echoed)], profile, identity)

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


def _reviewer(authorization: Authorization) -> dict:
    """Say whether a person looked at it (2.2.1, claimResponseReviewer)."""
    human = any(item.decision.basis is Basis.CLINICIAN for item in authorization.items)
    flag = {"url": "wasHumanReviewedFlag", "valueBoolean": human}
    return {"extension": [{"url": CLAIM_RESPONSE_REVIEWER, "extension": [flag]}]}


def _no_reviewer(_: Authorization) -> dict:
    return {}


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
_REVIEWER = {Generation.V2_0: _no_reviewer, Generation.V2_2: _reviewer}
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
    return "; ".join(dict.fromkeys(_SAID[item.decision.action] for item in authorization.items))


def _period(authorization: Authorization) -> dict | None:
    """Return the days from the first certified to the last."""
    starts = [item.decision.starts for item in authorization.items if item.decision.starts]
    ends = [item.decision.ends for item in authorization.items if item.decision.ends]
    return {"start": min(starts).isoformat(), "end": max(ends).isoformat()} if starts and ends else None


def _item(item: Item, asked: dict, case: Case, note: int | None) -> dict:
    pended = item.decision.action is ReviewAction.PENDED
    reference = {"url": ADMINISTRATION_REFERENCE_NUMBER, "valueString": case.authorization.reference}
    written = [
        *extensions(as_dict(asked), ITEM_TRACE_NUMBER),
        *_certification(item.decision, case.zone),
        *([reference] if pended else []),
    ]
    return (
        ({"extension": written} if written else {})
        | {"itemSequence": item.sequence}
        | ({"noteNumber": [note]} if note else {})
        | {"adjudication": [_adjudication(item.decision)]}
    )


def _certification(decision: Decision, zone: tzinfo) -> list[dict]:
    if not (decision.starts and decision.ends):
        return []
    period = {"start": decision.starts.isoformat(), "end": decision.ends.isoformat()}
    return [
        {"url": ITEM_PREAUTH_ISSUE_DATE, "valueDate": decision.decided_at.astimezone(zone).date().isoformat()},
        {"url": ITEM_PREAUTH_PERIOD, "valuePeriod": period},
    ]


def _adjudication(decision: Decision) -> dict:
    """Write the review action; X12 886 reason codes are licensed, so that the reason goes as a note."""
    coding = {"system": X12_REVIEW_ACTION, "code": decision.action, "display": _SAID[decision.action]}
    number = [{"url": "number", "valueString": decision.number}] if decision.number else []
    code = {"url": REVIEW_ACTION_CODE, "valueCodeableConcept": {"coding": [coding]}}
    return {
        "extension": [{"url": REVIEW_ACTION, "extension": [*number, code]}],
        "category": {"coding": [{"system": ADJUDICATION, "code": "submitted"}]},
    }
