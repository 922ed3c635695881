"""How is an authorization told? The ClaimResponse, for each generation.

Source: PAS 2.0.1 and 2.2.1, profile-claimresponse, profile-claiminquiryresponse.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from fhir_r4.bundle import Entry
from fhir_r4.generations import Generation
from fhir_r4.resource import dicts, extension, identifiers
from fhir_r4.systems import (
    ABSENT,
    CLAIM_RESPONSE_REVIEWER,
    ERROR_ELEMENT,
    ERROR_FOLLOWUP_ACTION,
    ERROR_PATH,
    NPI,
    NUCC_TAXONOMY,
    PAS,
    TRANSMISSION_IDENTIFIERS,
    X12_FOLLOWUP_ACTION,
    X12_REJECT_REASON,
)
from prior_auth import authorized_providers
from prior_auth.adjudication import SAID, header_adjudication
from prior_auth.authorization import Authorization, Item
from prior_auth.case import Case
from prior_auth.decision import Basis
from prior_auth.echo import named, whole
from prior_auth.inquiry import Inquiry
from prior_auth.item_response import granted_item, item_response
from prior_auth.parties import BusinessError
from prior_auth.submission import Submission

RESPONSE, INQUIRY = "profile-claimresponse", "profile-claiminquiryresponse"


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is told.

    Attributes:
        base: the absolute URL of the FHIR base, without a slash at the end.
        now: the moment of writing, aware.
    """

    generation: Generation
    base: str
    now: datetime


def claim_response(case: Case, profile: str, manner: Manner) -> dict:
    """Return the authorization as it is now, by the profile of an answer or of an inquiry's."""
    authorization = case.authorization
    items = _SHOWN[manner.generation](case)
    said = [item for item in items if item.decision.reason]
    note = {item.sequence: number for number, item in enumerate(said, start=1)}

    resource = _head(case.submission, authorization.id, profile, manner)
    if extensions_of_it := _ABOUT[manner.generation](case):
        resource["extension"] = extensions_of_it
    resource["outcome"] = _OUTCOME[manner.generation](authorization)
    resource["disposition"] = _disposition(case)
    if authorization.number:
        resource["preAuthRef"] = authorization.number
    if period := _period(authorization):
        resource["preAuthPeriod"] = period
    if len(items) < len(authorization.items):
        resource["meta"]["security"] = [_SUBSETTED]
    resource["item"] = [
        item_response(item, case, note.get(item.sequence), manner.generation, manner.base) for item in items
    ]
    resource |= _BESIDE[manner.generation](items, case)
    if said:
        resource["processNote"] = [
            {"number": note[item.sequence], "type": "display", "text": item.decision.reason} for item in said
        ]
    return resource


def error_response(error: BusinessError, asked: Submission | Inquiry, identity: str, manner: Manner) -> dict:
    """Return what is said of a readable request that cannot be worked on; behind an inquiry there is no Claim."""
    said = {"outcome": "error", "disposition": error.say, "error": [_error(error, manner)]}
    if isinstance(asked, Inquiry):
        return _head(asked, identity, INQUIRY, manner) | {"request": _NO_CLAIM} | said
    return _head(asked, identity, RESPONSE, manner) | said


_NO_CLAIM = {"extension": [{"url": ABSENT, "valueCode": "not-applicable"}]}


def _head(submission: Submission | Inquiry, identity: str, profile: str, manner: Manner) -> dict:
    claim = submission.claim.resource
    own = {"system": f"{manner.base}/ClaimResponse", "value": identity}
    kept = filter(_TOLD_AGAIN[manner.generation], dicts(claim.get("identifier")))
    return {
        "resourceType": "ClaimResponse",
        "id": identity,
        "meta": {"profile": [f"{PAS}/StructureDefinition/{profile}"]},
        "identifier": [own, *(named(one, submission.entries) for one in kept)],
        "status": "active",
        "type": claim["type"],
        "use": "preauthorization",
        "patient": {"reference": submission.patient.full_url},
        "created": manner.now.isoformat(timespec="seconds"),
        "insurer": submission.insurer.reference,
        **_requestor(submission.provider),
        "request": {"reference": submission.claim.full_url},
    }


_TOLD_AGAIN: Mapping[Generation, Callable[[dict], bool]] = {Generation.V2_0: bool, Generation.V2_2: whole}


def _requestor(provider: Entry) -> dict:
    """Return who asked as ``requestor``; a Practitioner, to whom PAS refers nowhere here, by a number alone."""
    if provider.kind != "Practitioner":
        return {"requestor": {"reference": provider.full_url}}
    named = identifiers(provider.resource)
    return {"requestor": {"identifier": named[0].to_fhir()}} if named else {}


def _error(error: BusinessError, manner: Manner) -> dict:
    followup = {"coding": [{"system": X12_FOLLOWUP_ACTION, "code": error.followup}]}
    return {
        "extension": [
            {"url": ERROR_FOLLOWUP_ACTION, "valueCodeableConcept": followup},
            _ERROR_ELEMENT[manner.generation](error.element),
            {"url": ERROR_PATH, "valueString": error.path},
        ],
        "code": {"coding": [{"system": X12_REJECT_REASON, "code": error.code}], "text": error.say},
    }


def _nothing_about(_: Case) -> list[dict]:
    return []


def _about(case: Case) -> list[dict]:
    """Say who sends it to whom, whether a person looked at it, and who is authorized for the whole (2.2)."""
    return [*_transmission(case), _reviewer(case.authorization), *authorized_providers.of_the_whole(case)]


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


_ABOUT = {Generation.V2_0: _nothing_about, Generation.V2_2: _about}
_BESIDE = {Generation.V2_0: _nothing_beside, Generation.V2_2: _beside}
_SHOWN = {Generation.V2_0: _listed, Generation.V2_2: _all}
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_OUTCOME = {Generation.V2_0: _outcome_2_0, Generation.V2_2: _outcome_2_2}
_ERROR_ELEMENT = {Generation.V2_0: _error_element_2_0, Generation.V2_2: _error_element_2_2}


def _disposition(case: Case) -> str:
    authorization = case.authorization
    if authorization.pended:
        due = authorization.due_at.astimezone(case.zone)
        return f"Pended; a decision is due by {due:%A, %-d %B %Y, %H:%M %Z}"
    return "; ".join(dict.fromkeys(SAID[item.decision.action] for item in authorization.items))


def _period(authorization: Authorization) -> dict | None:
    """Return the days from the first certified to the last."""
    starts = [item.decision.starts for item in authorization.items if item.decision.starts]
    ends = [item.decision.ends for item in authorization.items if item.decision.ends]
    return {"start": min(starts).isoformat(), "end": max(ends).isoformat()} if starts and ends else None
