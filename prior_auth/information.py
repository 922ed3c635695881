"""What is asked for while an item is pended, until when, and has it come?

A policy asks for its form where answers are missing; a reviewer asks for documents or the form. What does not come in
time lapses: a person then decides on what is there. Nothing is refused for it by software.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from rules.directory import Document

QUESTIONNAIRE_LOINC = "102089-0"
"""LOINC for "a questionnaire is to be answered"; its trace number is the DTR context (pas.md §4.5)."""


class Kind(StrEnum):
    DOCUMENTS = "documents"
    QUESTIONNAIRE = "questionnaire"


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationRequest:
    """One request for more information about one item.

    Attributes:
        sequence: of the item.
        tracking: the number under which it is answered: TrackingId of ``$submit-attachment``, context of DTR.
        documents: what kinds, where documents are asked for.
        questionnaire: the form's name, where that is asked for.
        asked_at, due_at, answered_at, lapsed_at: aware.
    """

    id: str
    sequence: int
    tracking: str
    kind: Kind
    asked_by: str
    asked_at: datetime
    due_at: datetime
    documents: tuple[Document, ...] = ()
    questionnaire: str | None = None
    note: str | None = None
    answered_at: datetime | None = None
    lapsed_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Tell whether it is still waited for."""
        return self.answered_at is None and self.lapsed_at is None


def tracking_system(base: str) -> str:
    """Return of which system the tracking numbers are; ``base`` is the FHIR base, without a slash at its end."""
    return f"{base}/information-request"


def due_by(now: datetime, decision_due: datetime) -> datetime:
    """Return until when information can be waited for: a third of what is left stays for the decision.

    >>> from datetime import UTC
    >>> due_by(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC)).day
    5
    """
    return now + (decision_due - now) * 2 / 3


def answered(asks: Iterable[InformationRequest], tracking: str | None, now: datetime) -> tuple[InformationRequest, ...]:
    """Return the requests with those of this tracking number answered; all open ones where it is None."""
    return tuple(
        replace(one, answered_at=now) if one.open and tracking in {None, one.tracking} else one for one in asks
    )


def lapsed(asks: Iterable[InformationRequest], now: datetime) -> tuple[InformationRequest, ...]:
    """Return the requests with those given up that are due and were not answered."""
    return tuple(replace(one, lapsed_at=now) if one.open and one.due_at <= now else one for one in asks)
