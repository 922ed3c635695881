"""What is a moment that is known only in part, and what comes before or after it?

A value holds as many fields as are known: ``Date((2014, 3))`` is some day in March 2014. Comparison is
three-valued: it answers None where the unknown fields decide.

Source: CQL 1.5 Author's Guide, "Date and Time Values", "Comparing Dates and Times"; appendix H on uncertainty.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from cql.errors import CqlError
from cql.types import Quantity, Uncertainty

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
_MILLISECONDS = {WEEK: 604_800_000, DAY: 86_400_000, HOUR: 3_600_000, MINUTE: 60_000, SECOND: 1000, MILLISECOND: 1}
_PER_COARSER = {MONTH: 12, DAY: 30, HOUR: 24, MINUTE: 60, SECOND: 60, MILLISECOND: 1000}


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


Temporal = Date | DateTime | Time
TEMPORAL = (Date, DateTime, Time)


def _clock(fields: tuple[int, ...]) -> str:
    return ":".join(f"{field:02}" for field in fields[:3]) + (f".{fields[3]:03}" if len(fields) > 3 else "")


# Reading and checking -------------------------------------------------------------------------------------------

_CLOCK = r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?)?"
_MOMENT = re.compile(
    rf"(?P<year>\d{{4}})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?(?:T(?:{_CLOCK})?(?P<zone>Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
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
    found = _MOMENT.fullmatch(text)
    if not found or "T" in text:
        return None
    try:
        return date_of(*_fields(found, "year", "month", "day"))
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
    return tuple(int(text) for text in texts)


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
    moved = _moment(lowest(value)) + timedelta(minutes=offset - value.offset)
    return DateTime(_fields_of(moved)[: value.precision], offset)


def compare(left: Any, right: Any, precision: int | None = None) -> int | None:
    """Return -1, 0 or 1, or None where the answer lies in fields that are not known."""
    if type(left) is not type(right):
        left, right = _alike(left, right)
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


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
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
    return value.with_fields(value.fields + _LOWEST[start + len(value.fields) : end])


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


# Arithmetic -----------------------------------------------------------------------------------------------------


def shifted(value: Any, amount: Quantity, sign: int = 1) -> Any:
    """Return ``value`` moved by a duration; parts finer than the value's precision are cut off.

    A month later than 31 January is 28 or 29 February. A Time wraps at midnight.

    Source: CQL 1.5 appendix B, Date and Time operators, "Add" and "Subtract".
    """
    unit = UNITS.get(amount.unit)
    if unit is None:
        raise CqlError(f"'{amount.unit}' is not a duration", "a unit of time such as days or 'min'")
    count = sign * int(amount.value)
    if unit == WEEK:
        count, unit = count * 7, DAY
    while unit > value.precision and unit > YEAR:
        count, unit = (
            _toward_zero(count, 365 if (unit, value.precision) == (DAY, YEAR) else _PER_COARSER[unit]),
            (YEAR if (unit, value.precision) == (DAY, YEAR) else unit - 1),
        )
    if type(value) is Time:
        return _shifted_time(value, count, unit)
    if unit <= MONTH:
        return _shifted_months(value, count * 12 if unit == YEAR else count)
    try:
        moved = _moment(lowest(value)) + timedelta(milliseconds=count * _MILLISECONDS[unit])
    except OverflowError:
        raise CqlError("a date lies outside the calendar", "years 1 to 9999") from None
    return value.with_fields(_fields_of(moved)[: len(value.fields)])


def _toward_zero(count: int, per: int) -> int:
    return count // per if count >= 0 else -(-count // per)


def _shifted_months(value: Any, months: int) -> Any:
    year, month = value.fields[0], value.fields[1] if value.precision >= MONTH else 1
    year, month = divmod(year * 12 + month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise CqlError("a date lies outside the calendar", "years 1 to 9999")
    fields = (year, month + 1, *value.fields[2:])[: len(value.fields)]
    if len(fields) >= DAY:
        fields = (*fields[:2], min(fields[2], monthrange(fields[0], fields[1])[1]), *fields[3:])
    return value.with_fields(fields)


def _shifted_time(value: Time, count: int, unit: int) -> Time:
    if unit < HOUR:
        raise CqlError("a time of day cannot be moved by days", "hours, minutes, seconds or milliseconds")
    total = (_time_milliseconds(value.fields) + count * _MILLISECONDS[unit]) % _MILLISECONDS[DAY]
    rest, millisecond = divmod(total, 1000)
    fields = (rest // 3600, rest // 60 % 60, rest % 60, millisecond)
    return Time(fields[: len(value.fields)])


def _time_milliseconds(fields: tuple[int, ...]) -> int:
    hour, minute, second, millisecond = (*fields, 0, 0, 0)[:4]
    return ((hour * 60 + minute) * 60 + second) * 1000 + millisecond


def _moment(value: Any) -> datetime:
    year, month, day, hour, minute, second, millisecond = (*value.fields, 0, 0, 0, 0)[:7]
    return datetime(year, month, day, hour, minute, second, millisecond * 1000, UTC)


def _fields_of(moment: datetime) -> tuple[int, ...]:
    return (
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond // 1000
    )  # fmt: skip


def milliseconds(value: Any) -> int:
    """Return a full DateTime's distance from the year 1 in UTC, a Date's or Time's from its own zero."""
    if type(value) is Time:
        return _time_milliseconds(value.fields)
    days: int = date(*value.fields[:3]).toordinal() * _MILLISECONDS[DAY]
    if type(value) is Date:
        return days
    return days + _time_milliseconds(value.fields[DAY:]) - int(value.offset) * 60_000


# Durations and differences --------------------------------------------------------------------------------------


def duration_between(left: Any, right: Any, precision: int) -> int | Uncertainty:
    """Count the whole periods from ``left`` to ``right`` (CQL 1.5 appendix B, "Duration")."""
    return _between(left, right, precision, _whole_periods)


def difference_between(left: Any, right: Any, precision: int) -> int | Uncertainty:
    """Count the boundaries crossed from ``left`` to ``right`` (CQL 1.5 appendix B, "Difference")."""
    return _between(left, right, precision, _boundaries)


def _between(left: Any, right: Any, precision: int, count: Any) -> int | Uncertainty:
    """Count exactly where both are known to the precision that is counted in, else between the extremes."""
    if type(left) is not type(right):
        left, right = _alike(left, right)
    if type(left) is DateTime:
        right = same_offset(right, left.offset)
    if type(left) is Time and precision not in (HOUR, MINUTE, SECOND, MILLISECOND):
        raise CqlError("times of day lie no days apart", "hours, minutes, seconds or milliseconds")
    needed = DAY if precision == WEEK else precision
    if left.precision >= needed and right.precision >= needed:
        exact: int = count(lowest(left), lowest(right), precision)
        return exact
    low, high = count(highest(left), lowest(right), precision), count(lowest(left), highest(right), precision)
    return low if low == high else Uncertainty(low, high)


def _whole_periods(left: Any, right: Any, precision: int) -> int:
    if precision not in (YEAR, MONTH):
        return _toward_zero(milliseconds(right) - milliseconds(left), _MILLISECONDS[precision])
    if milliseconds(right) < milliseconds(left):
        return -_whole_periods(right, left, precision)
    months: int = (right.fields[0] - left.fields[0]) * 12 + right.fields[1] - left.fields[1]
    if _shifted_months(left, months).fields > right.fields:
        months -= 1
    return months // 12 if precision == YEAR else months


def _boundaries(left: Any, right: Any, precision: int) -> int:
    years: int = right.fields[0] - left.fields[0]
    if precision == YEAR:
        return years
    if precision == MONTH:
        return years * 12 + int(right.fields[1] - left.fields[1])
    shift: int = getattr(left, "offset", 0) * 60_000  # both are on left's clocks: count on them
    mine, yours = milliseconds(left) + shift, milliseconds(right) + shift
    period = _MILLISECONDS[precision]
    # Ordinal day 7 is a Sunday, as are all multiples of 7: a week begins there.
    return yours // period - mine // period


def neighbour(value: Any, sign: int) -> Any:
    """Return the successor (+1) or predecessor (-1) at the value's own precision; CqlError past the last one."""
    edge = last_of(type(value)) if sign > 0 else first_of(type(value))
    if value.fields == edge.fields[: len(value.fields)]:
        raise CqlError("a date or time has no neighbour", "a value inside the type's range")
    return shifted(value, Quantity(Decimal(1), UNIT_NAMES[value.precision]), sign)
