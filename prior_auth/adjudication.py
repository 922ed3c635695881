"""How is a decision written? The review action with its number and reasons, on an item and on the whole.

Source: PAS 2.0.1 and 2.2.1, extension-reviewAction; X12 code set 306.
"""

from fhir_r4.systems import ADJUDICATION, REVIEW_ACTION, REVIEW_ACTION_CODE, X12_REVIEW_ACTION
from prior_auth.decision import GRANTED, Decision, ReviewAction

SAID = {
    ReviewAction.CERTIFIED: "Certified in total",
    ReviewAction.PARTLY_CERTIFIED: "Certified, partial",
    ReviewAction.NOT_CERTIFIED: "Not certified",
    ReviewAction.PENDED: "Pended",
    ReviewAction.MODIFIED: "Modified",
    ReviewAction.CANCELLED: "Cancelled",
    ReviewAction.NOT_REQUIRED: "No action required",
}


def adjudication(decision: Decision) -> dict:
    """Write the review action, with its number and the payer's own reason codes."""
    reasons = [
        {"url": "reasonCode", "valueCodeableConcept": {"coding": [{"system": one.system, "code": one.code}]}
         | ({"text": one.display} if one.display else {})}
        for one in decision.reason_codes
    ]  # fmt: skip
    return _reviewed(decision.action, decision.number, reasons)


def granted_adjudication(decision: Decision) -> dict:
    """Write, of what was granted instead of what was asked for, that it is certified (2.2, addItem)."""
    return _reviewed(ReviewAction.CERTIFIED, decision.number, [])


def header_adjudication(action: ReviewAction, number: str | None) -> dict:
    """Write what the items say together.

    The code stands in FHIR's own ``reason``: extension-reviewActionCode names adjudications of items only as its
    context, and a validator refuses the answer where it stands in the header's review action.
    """
    given = [{"url": "number", "valueString": number}] if number and action in GRANTED else []
    reviewed: dict = {"extension": [{"url": REVIEW_ACTION, "extension": given}]} if given else {}
    return reviewed | {"category": _SUBMITTED, "reason": _coded(action)}


def _reviewed(action: ReviewAction, given: str | None, reasons: list[dict]) -> dict:
    number = [{"url": "number", "valueString": given}] if given else []
    code = {"url": REVIEW_ACTION_CODE, "valueCodeableConcept": _coded(action)}
    return {"extension": [{"url": REVIEW_ACTION, "extension": [*number, code, *reasons]}], "category": _SUBMITTED}


def _coded(action: ReviewAction) -> dict:
    return {"coding": [{"system": X12_REVIEW_ACTION, "code": action, "display": SAID[action]}]}


_SUBMITTED = {"coding": [{"system": ADJUDICATION, "code": "submitted"}]}
