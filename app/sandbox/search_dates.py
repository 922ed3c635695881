"""SANDBOX. Does a date of the record answer a search by date? Both are stretches of time, as exact as they are written.

Source: FHIR R4, "Search", date. Where a time has no zone it is UTC here.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fhir_r4.resource import as_dict, text_of

PREFIXES = frozenset({"eq", "ne", "lt", "gt", "ge", "le", "sa", "eb", "ap"})
_WRITTEN = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``start`` to just before ``end``."""

    start: datetime
    end: datetime

    @classmethod
    def read(cls, written: str) -> "Stretch":
        """Read a date, dateTime or instant, ``2026-03`` being the whole month; ValueError.

        >>> Stretch.read("2026-02").end.isoformat()
        '2026-03-01T00:00:00+00:00'
        """
        found = _WRITTEN.fullmatch(written.replace(" ", "+"))  # a plus that was not escaped in a URL
        if found is None:
            raise ValueError("not a date")
        year, month, day, hour, _minute, second, _zone = found.groups()
        if hour is None:
            start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
            days = 1 if day else monthrange(int(year), int(month))[1] if month else 366 if isleap(int(year)) else 365
            return cls(start, start + timedelta(days=days))
        start = datetime.fromisoformat(found[0])
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
        return cls(start, start + (timedelta(seconds=1) if second else timedelta(minutes=1)))

    @classmethod
    def of(cls, element: object) -> "Stretch | None":
        """Return the stretch of a date or Period of the record; None where it is neither."""
        try:
            if isinstance(element, str):
                return cls.read(element)
            period = as_dict(element)
            start, end = text_of(period.get("start")), text_of(period.get("end"))
            if not start and not end:
                return None
            return cls(cls.read(start).start if start else _FIRST, cls.read(end).end if end else _LAST)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class DateTest:
    """What a search asks of a date: ``ge2026-01-01``."""

    prefix: str
    asked: Stretch

    @classmethod
    def read(cls, value: str) -> "DateTest":
        """Raise ValueError for what is no prefix and date."""
        prefix = value[:2] if value[:2] in PREFIXES else ""
        return cls(prefix or "eq", Stretch.read(value[len(prefix) :]))

    def holds(self, held: Stretch, now: datetime) -> bool:
        asked = self.asked
        if self.prefix == "ap":
            slack = abs(now - asked.start) / 10  # FHIR recommends a tenth of the time to now
            return held.start < asked.end + slack and asked.start - slack < held.end
        return _HOLDS[self.prefix](asked, held)


def _inside(asked: Stretch, held: Stretch) -> bool:
    return asked.start <= held.start and held.end <= asked.end


_HOLDS: dict[str, Callable[[Stretch, Stretch], bool]] = {
    "eq": _inside,
    "ne": lambda asked, held: not _inside(asked, held),
    "lt": lambda asked, held: held.start < asked.start,
    "gt": lambda asked, held: held.end > asked.end,
    "le": lambda asked, held: _inside(asked, held) or held.start < asked.start,
    "ge": lambda asked, held: _inside(asked, held) or held.end > asked.end,
    "sa": lambda asked, held: held.start >= asked.end,
    "eb": lambda asked, held: held.end <= asked.start,
}
