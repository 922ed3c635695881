"""Which are the first and the last point of an interval?

Source: CQL 1.5 appendix B, "Start", "End"; Author's Guide, "Interval Values".
"""

from typing import Any

from cql.extremes import maximum, minimum, predecessor, successor
from cql.types import Interval


def point_type(interval: Interval) -> type | None:
    for bound in (interval.low, interval.high):
        if bound is not None:
            return type(bound)
    return interval.point


def start(value: Any) -> Any:
    """Return the first point; null where it is not known (CQL 1.5 appendix B, "Start")."""
    if type(value) is not Interval:
        return value
    if value.low is None:
        kind = point_type(value)
        return minimum(kind, value.high) if value.low_closed and kind else None
    return value.low if value.low_closed else successor(value.low)


def end(value: Any) -> Any:
    if type(value) is not Interval:
        return value
    if value.high is None:
        kind = point_type(value)
        return maximum(kind, value.low) if value.high_closed and kind else None
    return value.high if value.high_closed else predecessor(value.high)
