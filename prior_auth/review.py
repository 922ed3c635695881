"""What may a reviewer's verdict do? A clinician decides about one item; nobody else refuses or reduces care.

Source: 42 CFR 422.566(d) (adverse medical necessity decisions); California Health and Safety Code 1367.01.
"""

from dataclasses import dataclass
from datetime import date, datetime

from fhir_r4.problems import Conflict, Issue, Unprocessable
from prior_auth.authorization import ADVERSE, Authorization, Basis, Decision, ReviewAction, Settled


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides. ``licence`` is ``STATE/NUMBER``; without one nothing can be refused."""

    name: str
    licence: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reviewer says about one item of the case as they saw it.

    Attributes:
        seen: the version of the authorization on the reviewer's page.
        starts, ends: the days to certify, both included.
    """

    sequence: int
    action: ReviewAction
    reason: str | None
    seen: int
    starts: date | None = None
    ends: date | None = None


OFFERED = (ReviewAction.CERTIFIED, ReviewAction.NOT_CERTIFIED)


def record(
    authorization: Authorization, verdict: Verdict, reviewer: Reviewer, number: str, now: datetime
) -> Authorization:
    """Return the authorization with the verdict on its item.

    Args:
        number: the authorization number to use where none was given yet.
        now: aware.

    Raises:
        Conflict: the case has moved on since the reviewer's page was made, or the item is settled.
        Unprocessable: a verdict that is not one: no reason, no licence, no or an empty period.
    """
    if verdict.seen != authorization.version:
        raise Conflict(Issue("conflict", "the case has changed since this page was opened; look at it again"))
    faults = list(_faults(verdict, reviewer))
    if faults:
        raise Unprocessable(*faults)
    certifies = verdict.action is ReviewAction.CERTIFIED
    decision = Decision(
        action=verdict.action,
        basis=Basis.CLINICIAN,
        decided_by=reviewer.name,
        decided_at=now,
        reason=verdict.reason,
        licence=reviewer.licence,
        starts=verdict.starts if certifies else None,
        ends=verdict.ends if certifies else None,
        number=(authorization.number or number) if certifies else None,
    )
    try:
        return authorization.decide(verdict.sequence, decision)
    except Settled:
        raise Conflict(Issue("conflict", "a final decision already stands on this item")) from None
    except KeyError:
        raise Unprocessable(Issue("not-found", "the case has no such item")) from None


def _faults(verdict: Verdict, reviewer: Reviewer) -> list[Issue]:
    faults = []
    if verdict.action not in OFFERED:
        faults.append(Issue("value", "certify or refuse"))
    if verdict.action in ADVERSE and not (verdict.reason or "").strip():
        faults.append(Issue("required", "a reason that the provider can act on"))
    if verdict.action in ADVERSE and not reviewer.licence:
        faults.append(Issue("forbidden", "care is refused by a licensed clinician only"))
    if verdict.action is ReviewAction.CERTIFIED and not (verdict.starts and verdict.ends):
        faults.append(Issue("required", "the first and the last day to certify"))
    elif verdict.starts and verdict.ends and verdict.ends < verdict.starts:
        faults.append(Issue("value", "the last day is not before the first"))
    return faults
