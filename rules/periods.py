"""How long does a certification last? "12 months", as policy staff write it."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

_WRITTEN = re.compile(r"([1-9]\d{0,3}) (day|week|month|year)s?")
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in calendar units."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Read ``12 months``.

        Raises:
            ValueError: not a whole number and a unit (days, weeks, months, years).
        """
        found = _WRITTEN.fullmatch(text)
        if not found:
            raise ValueError(f"not a length of time such as '12 months': {text}")
        return cls(int(found[1]), found[2])

    def last_day(self, first: date) -> date:
        """Return the last day that is still inside, when ``first`` is the first.

        >>> Span.parse("12 months").last_day(date(2026, 3, 1)).isoformat()
        '2027-02-28'
        >>> Span.parse("3 months").last_day(date(2025, 11, 30)).isoformat()
        '2026-02-27'
        """
        return self.after(first) - timedelta(days=1)

    def before(self, last: date) -> date:
        """Return the same day of the month so much earlier, or the month's last where it has none such.

        >>> Span.parse("1 month").before(date(2026, 3, 31)).isoformat()
        '2026-02-28'
        """
        return Span(-self.count, self.unit).after(last)

    def after(self, first: date) -> date:
        """Return the same day of the month so much later, or the month's last where it has none such."""
        if self.unit in _DAYS:
            return first + timedelta(days=self.count * _DAYS[self.unit])
        months = first.year * 12 + first.month - 1 + self.count * _MONTHS[self.unit]
        year, month = divmod(months, 12)
        return date(year, month + 1, min(first.day, calendar.monthrange(year, month + 1)[1]))

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"
