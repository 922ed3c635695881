"""When does the payer owe an answer?"""

from datetime import datetime, timedelta


def decision_due(received: datetime, *, urgent: bool) -> datetime:
    """Return the last moment at which a decision on a complete request is on time.

    Args:
        received: when the request reached us, with its zone. Not when a worker picked it up.
        urgent: Claim.priority is ``stat`` or the level of service is urgent: the provider says that a delay
            risks life or function.

    Returns:
        72 hours later if urgent, otherwise 7 calendar days later, in the zone of ``received``.

    Raises:
        ValueError: ``received`` has no zone; a deadline without one is off by hours.

    Source: CMS-0057-F; 42 CFR 422.568(b)(1) (standard) and 422.572(a) (expedited).

    >>> from datetime import UTC
    >>> decision_due(datetime(2026, 3, 2, 9, 30, tzinfo=UTC), urgent=True).isoformat()
    '2026-03-05T09:30:00+00:00'
    """
    if received.tzinfo is None:
        raise ValueError("received needs a time zone")
    return received + (timedelta(hours=72) if urgent else timedelta(days=7))
