"""Which day is meant by a FHIR date or dateTime?"""

from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from typing import Any

from fhir_r4.elements import at, paths
from fhir_r4.resource import text_of

_UTC = ("Z", "+00:00", "-00:00")
_OF_AN_ORDER = paths(
    "occurrenceDateTime", "occurrencePeriod.start", "occurrenceTiming.event", "start", "requestedPeriod.start",
    "period.start", "dateTime", "authoredOn", "dateWritten", "created",
)  # fmt: skip


def day_in(value: Any, zone: tzinfo) -> date | None:
    """Return the day of a date or dateTime, None where it names none.

    Many servers keep each moment in UTC, whose day ends in the afternoon or evening: such a moment is of the day that
    it is in ``zone``. Another offset is that of the clock on the clinic's wall, and its day is the one written.

    >>> from zoneinfo import ZoneInfo
    >>> day_in("2027-01-01T01:30:00Z", ZoneInfo("America/New_York")).isoformat()
    '2026-12-31'
    >>> day_in("2026-12-31T22:30:00-08:00", ZoneInfo("America/New_York")).isoformat()
    '2026-12-31'
    """
    text = text_of(value) or ""
    try:
        if text.endswith(_UTC):
            return datetime.fromisoformat(text).astimezone(zone).date()
        return date.fromisoformat(text[:10])
    except (ValueError, OverflowError):
        return None


def first_day(values: Iterable[Any], zone: tzinfo) -> date | None:
    """Return the day of the first of these that names one."""
    return next((day for value in values if (day := day_in(value, zone))), None)


def days_told(order: dict) -> tuple[str, ...]:
    """Return the dates and dateTimes of an order, appointment or encounter, as it spells them.

    Those of the service come first, then those of its writing.

    >>> days_told({"authoredOn": "2026-03-01", "occurrencePeriod": {"start": "2026-07-01"}})
    ('2026-07-01', '2026-03-01')
    """
    return tuple(filter(None, map(text_of, at(order, _OF_AN_ORDER))))
