"""How far do moments lie apart, and which moment lies a duration away?

Source: CQL 1.5 appendix B, Date and Time operators "Add", "Subtract", "Difference", "Duration"; Author's Guide,
"Date and Time Arithmetic".
"""

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from cql.errors import CqlError
from cql.temporal import (
    DAY,
    HOUR,
    MILLISECOND,
    MINUTE,
    MONTH,
    SECOND,
    UNIT_NAMES,
    UNITS,
    WEEK,
    YEAR,
    Date,
    DateTime,
    Time,
    alike,
    fields_of,
    first_of,
    highest,
    last_of,
    lowest,
    moment_of,
    same_offset,
)
from cql.types import Quantity, Uncertainty

_MILLISECONDS = {WEEK: 604_800_000, DAY: 86_400_000, HOUR: 3_600_000, MINUTE: 60_000, SECOND: 1000, MILLISECOND: 1}
_DAYS_OF_EVERY_MONTH = 28
_PER_COARSER = {MONTH: 12, DAY: 30, HOUR: 24, MINUTE: 60, SECOND: 60, MILLISECOND: 1000}


def shifted(value: Any, amount: Quantity, sign: int = 1) -> Any:
    """Return ``value`` moved by a duration; parts finer than the value's precision are cut off.

    A month later than 31 January is 28 or 29 February. A Time wraps at midnight.

    Source: CQL 1.5 appendix B, Date and Time operators, "Add" and "Subtract".
    """
    unit = UNITS.get(amount.unit)
    if unit is None:
        raise CqlError("the quantity added to a date is not a duration", "a unit of time such as days or 'min'")
    count, unit = _coarsened(sign * int(amount.value), unit, value.precision)
    if type(value) is Time:
        return _shifted_time(value, count, unit)
    if unit <= MONTH:
        return _shifted_months(value, count * 12 if unit == YEAR else count)
    try:
        moved = moment_of(lowest(value)) + timedelta(milliseconds=count * _MILLISECONDS[unit])
    except OverflowError:
        raise CqlError("a date lies outside the calendar", "years 1 to 9999") from None
    return value.with_fields(fields_of(moved)[: len(value.fields)])


def _coarsened(count: int, unit: int, precision: int) -> tuple[int, int]:
    """Tell a duration in what a value of this precision knows: 45 days are one month, 400 days one year."""
    if unit == WEEK:
        count, unit = count * 7, DAY
    while unit > precision:
        per, unit = (365, YEAR) if (unit, precision) == (DAY, YEAR) else (_PER_COARSER[unit], unit - 1)
        count = _toward_zero(count, per)
    return count, unit


def _toward_zero(count: int, per: int) -> int:
    return count // per if count >= 0 else -(-count // per)


def _shifted_months(value: Any, months: int) -> Any:
    year, month = value.fields[0], value.fields[1] if value.precision >= MONTH else 1
    year, month = divmod(year * 12 + month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise CqlError("a date lies outside the calendar", "years 1 to 9999")
    fields = (year, month + 1, *value.fields[2:])[: len(value.fields)]
    if len(fields) >= DAY and fields[2] > _DAYS_OF_EVERY_MONTH:
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
        left, right = alike(left, right)
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
