"""Which days does an order tell?"""

from datetime import UTC, date

import pytest

from fhir_r4.days import days_told, first_day


@pytest.mark.parametrize(
    ("order", "day"),
    [
        ({"occurrenceDateTime": "2026-07-01T10:00:00Z", "authoredOn": "2026-03-01"}, date(2026, 7, 1)),
        ({"occurrencePeriod": {"start": "2026-07-02"}}, date(2026, 7, 2)),
        ({"occurrenceTiming": {"event": ["2026-07-05", "2026-08-05"]}}, date(2026, 7, 5)),
        ({"start": "2026-07-03T09:00:00Z"}, date(2026, 7, 3)),
        ({"period": {"start": "2026-07-04"}}, date(2026, 7, 4)),
        ({"authoredOn": "2026-03-01"}, date(2026, 3, 1)),
        ({"occurrenceDateTime": "2026", "authoredOn": "2026-03-01"}, date(2026, 3, 1)),
        ({"authoredOn": "2026"}, None),
        ({"authoredOn": 5}, None),
        ({}, None),
    ],
)
def test_the_day_of_service_goes_before_the_day_of_writing(order, day):
    """A year alone is no day."""
    assert first_day(days_told(order), UTC) == day
