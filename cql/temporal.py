"""What is a moment that is known only in part, and what comes before or after it?

A value holds as many fields as are known: ``Date((2014, 3))`` is some day in March 2014. Comparison is
three-valued: it answers None where the unknown fields decide.

Source: CQL 1.5 Author's Guide, "Date and Time Values", "Comparing Dates and Times"; appendix H on uncertainty.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from cql.errors import CqlError

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND = range(1, 8)
WEEK = 8
PRECISIONS = {
    "Year": YEAR,
    "Month": MONTH,
    "Week": WEEK,
    "Day": DAY,
    "Hour": HOUR,
    "Minute": MINUTE,
    "Second": SECOND,
    "Millisecond": MILLISECOND,
}
UNIT_NAMES = {precision: name.lower() for name, precision in PRECISIONS.items()}
UNITS = {
    spelling: precision
    for precision, spellings in {
        YEAR: "year years a",
        MONTH: "month months mo",
        WEEK: "week weeks wk",
        DAY: "day days d",
        HOUR: "hour hours h",
        MINUTE: "minute minutes min",
        SECOND: "second seconds s",
        MILLISECOND: "millisecond milliseconds ms",
    }.items()
    for spelling in spellings.split()
}
_LOWEST = (1, 1, 1, 0, 0, 0, 0)
_HIGHEST = (9999, 12, 31, 23, 59, 59, 999)


@dataclass(frozen=True, slots=True)
class Date:
    """Year, month and day, as far as they are known."""

    fields: tuple[int, ...]

    @property
    def precision(self) -> int:
        return len(self.fields)

    def with_fields(self, fields: tuple[int, ...]) -> Self:
        return type(self)(fields)

    def __str__(self) -> str:
        return "-".join(f"{field:02}" if place else f"{field:04}" for place, field in enumerate(self.fields))


@dataclass(frozen=True, slots=True)
class DateTime:
    """A moment; ``offset`` is minutes east of UTC."""

    fields: tuple[int, ...]
    offset: int = 0

    @property
    def precision(self) -> int:
        return len(self.fields)

    def with_fields(self, fields: tuple[int, ...]) -> Self:
        return type(self)(fields, self.offset)

    def __str__(self) -> str:
        day = str(Date(self.fields[:DAY]))
        if self.precision < HOUR:
            return day + "T"
        zone = f"{'-' if self.offset < 0 else '+'}{abs(self.offset) // 60:02}:{abs(self.offset) % 60:02}"
        return f"{day}T{_clock(self.fields[DAY:])}{zone}"


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day; the fields begin with the hour."""

    fields: tuple[int, ...]

    @property
    def precision(self) -> int:
        return DAY + len(self.fields)

    def with_fields(self, fields: tuple[int, ...]) -> Self:
        return type(self)(fields)

    def __str__(self) -> str:
        return _clock(self.fields)


TEMPORAL = (Date, DateTime, Time)


def _clock(fields: tuple[int, ...]) -> str:
    return ":".join(f"{field:02}" for field in fields[:3]) + (f".{fields[3]:03}" if len(fields) > 3 else "")


# Reading and checking -------------------------------------------------------------------------------------------

_CLOCK = r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?)?"
_MOMENT = re.compile(
    rf"(?P<year>\d{{4}})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?(?:T(?:{_CLOCK})?(?P<zone>Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(rf"T?{_CLOCK}", re.ASCII)


def date_of(*fields: int) -> Date:
    """Check the ranges of the fields; CqlError where the calendar has no such day."""
    return Date(_checked(fields))


def datetime_of(fields: tuple[int, ...], offset: int) -> DateTime:
    return DateTime(_checked(fields), offset)


def time_of(*fields: int) -> Time:
    return Time(_checked((2000, 1, 1, *fields))[DAY:])


def _checked(fields: tuple[int, ...]) -> tuple[int, ...]:
    try:  # Python's own calendar is the same one, and quick
        year, month, day, hour, minute, second = (fields + _LOWEST[len(fields) :])[:6]
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise CqlError("a date or time is outside the calendar", "years 1 to 9999 and days that exist") from None
    if len(fields) == MILLISECOND and not 0 <= fields[-1] <= _HIGHEST[-1]:
        raise CqlError("a date or time is outside the calendar", "milliseconds 0 to 999")
    return fields


def read_date(text: str) -> Date | None:
    """Read ``YYYY(-MM(-DD))``; None where it is no date.

    >>> read_date("2014-02-30"), str(read_date("2014-02"))
    (None, '2014-02')
    """
    found = _DATE.fullmatch(text)
    if not found:
        return None
    try:
        return date_of(*map(int, filter(None, found.groups())))
    except CqlError:
        return None


def read_datetime(text: str, offset: int) -> DateTime | None:
    """Read ISO 8601 as CQL and FHIR write it; ``offset`` holds where the text has no zone."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return None
    if found["hour"] and not found["day"]:
        return None
    zone = found["zone"]
    if zone:
        minutes = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[4:6])
        offset = -minutes if zone[0] == "-" else minutes
    try:
        return datetime_of(_fields(found, "year", "month", "day", "hour", "minute", "second", "fraction"), offset)
    except CqlError:
        return None


def read_time(text: str) -> Time | None:
    found = _TIME.fullmatch(text)
    if not found:
        return None
    try:
        return time_of(*_fields(found, "hour", "minute", "second", "fraction"))
    except CqlError:
        return None


def _fields(found: re.Match[str], *names: str) -> tuple[int, ...]:
    texts = [found[name] for name in names if found[name] is not None]
    if "fraction" in names and found["fraction"] is not None:
        texts[-1] = texts[-1].ljust(3, "0")[:3]
    return tuple(map(int, texts))


def from_datetime(moment: datetime) -> DateTime:
    """Return an aware Python datetime as CQL's DateTime, to the millisecond."""
    zone = moment.utcoffset()
    if zone is None:
        raise ValueError("the evaluation timestamp has no zone")
    fields = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    return DateTime((*fields, moment.microsecond // 1000), int(zone.total_seconds()) // 60)


# Comparing ------------------------------------------------------------------------------------------------------


def same_offset(value: Any, offset: int) -> Any:
    """Return a DateTime as read on clocks ``offset`` minutes east of UTC, where it is known to the hour."""
    if type(value) is not DateTime or value.offset == offset or value.precision < HOUR:
        return value
    moved = moment_of(lowest(value)) + timedelta(minutes=offset - value.offset)
    return DateTime(fields_of(moved)[: value.precision], offset)


def compare(left: Any, right: Any, precision: int | None = None) -> int | None:
    """Return -1, 0 or 1, or None where the answer lies in fields that are not known."""
    if type(left) is not type(right):
        left, right = alike(left, right)
    if type(left) is DateTime and left.offset != right.offset:
        right = same_offset(right, left.offset)
    mine, yours = left.fields, right.fields
    if precision is None:
        if mine == yours:
            return 0
        needed = max(len(mine), len(yours))
    else:
        needed = precision - DAY if type(left) is Time else precision
    for place in range(needed):
        if place >= len(mine) or place >= len(yours):
            return None
        if mine[place] != yours[place]:
            return -1 if mine[place] < yours[place] else 1
    return 0


def alike(left: Any, right: Any) -> tuple[Any, Any]:
    """A Date beside a DateTime is a DateTime whose time is not known."""
    if type(left) is Date and type(right) is DateTime:
        return DateTime(left.fields, right.offset), right
    if type(left) is DateTime and type(right) is Date:
        return left, DateTime(right.fields, left.offset)
    raise CqlError("dates and times of unlike kinds are compared", "two Dates, two DateTimes or two Times")


# Filling in what is not known -----------------------------------------------------------------------------------


def lowest(value: Any) -> Any:
    """Return the first moment that the value may be, to its type's finest precision."""
    start = DAY if type(value) is Time else 0
    end = DAY if type(value) is Date else MILLISECOND
    missing = _LOWEST[start + len(value.fields) : end]
    return value.with_fields(value.fields + missing) if missing else value


def highest(value: Any) -> Any:
    start = DAY if type(value) is Time else 0
    end = DAY if type(value) is Date else MILLISECOND
    fields = value.fields + _HIGHEST[start + len(value.fields) : end]
    if start == 0 and value.precision < DAY:
        fields = (*fields[:2], monthrange(fields[0], fields[1])[1], *fields[3:])
    return value.with_fields(fields)


def first_of(kind: type, offset: int = 0) -> Any:
    """Return the type's minimum: 0001-01-01 or midnight."""
    return _end_of(kind, _LOWEST, offset)


def last_of(kind: type, offset: int = 0) -> Any:
    return _end_of(kind, _HIGHEST, offset)


def _end_of(kind: type, fields: tuple[int, ...], offset: int) -> Any:
    if kind is Date:
        return Date(fields[:DAY])
    return Time(fields[DAY:]) if kind is Time else DateTime(fields, offset)


# Python's own moments -------------------------------------------------------------------------------------------


def moment_of(value: Any) -> datetime:
    year, month, day, hour, minute, second, millisecond = (*value.fields, 0, 0, 0, 0)[:7]
    return datetime(year, month, day, hour, minute, second, millisecond * 1000, UTC)


def fields_of(moment: datetime) -> tuple[int, ...]:
    return (
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond // 1000
    )  # fmt: skip
