"""Laws that intervals, dates and quantities keep, whatever the values."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cql import durations, interval, temporal
from cql.arithmetic import add, multiply, subtract
from cql.bounds import end, start
from cql.compare import equal, equivalent, greater, less, less_or_equal
from cql.expand import collapse
from cql.extremes import predecessor, successor
from cql.types import Interval, Quantity
from fhir_r4.ucum import converted

SMALL = st.integers(-50, 50)
DECIMALS = st.decimals(-10_000, 10_000, places=4)


@st.composite
def intervals(draw, bounds=SMALL):
    """An interval of integers that begins before it ends; a bound may be open or, now and then, not known."""
    low, high = sorted((draw(bounds), draw(bounds)))
    closed = draw(st.booleans()), draw(st.booleans())
    low, high = low - (not closed[0]), high + (not closed[1])
    return Interval(
        draw(st.sampled_from([low, low, low, None])), draw(st.sampled_from([high, high, high, None])), *closed
    )


@st.composite
def known(draw):
    low, high = sorted((draw(SMALL), draw(SMALL)))
    return Interval(low, high)


@st.composite
def dates(draw):
    day = draw(st.dates())
    fields = (day.year, day.month, day.day)
    return temporal.Date(fields[: draw(st.sampled_from([1, 2, 3, 3, 3]))])


@st.composite
def moments(draw, precision=None):
    moment = draw(st.datetimes())
    fields = (
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        moment.microsecond // 1000,
    )
    return temporal.DateTime(fields[: precision or draw(st.integers(1, 7))], draw(st.sampled_from([0, 0, -300, 330])))


def points(one):
    return set(range(start(one), end(one) + 1))


@given(known(), known())
def test_intervals_lie_as_their_sets_of_points_do(left, right):
    """Overlaps, includes, before and meets against plain sets."""
    mine, yours = points(left), points(right)
    assert interval.overlaps(left, right) is bool(mine & yours)
    assert interval.includes(left, right) is (mine >= yours)
    assert interval.properly_includes(left, right) is (mine > yours)
    assert interval.before(left, right) is (max(mine) < min(yours))
    assert interval.meets(left, right) is (max(mine) + 1 == min(yours) or max(yours) + 1 == min(mine))


@given(known(), known())
def test_union_intersect_and_except_are_those_of_the_points(left, right):
    """Null exactly where the points make no one interval."""
    mine, yours = points(left), points(right)
    for operation, expected in (
        (interval.union, mine | yours),
        (interval.intersect, mine & yours),
        (interval.difference, mine - yours),
    ):
        found = operation(left, right)
        is_one = bool(expected) and max(expected) - min(expected) + 1 == len(expected)
        assert (points(found) == expected) if found else not is_one


@given(intervals(), intervals())
def test_before_and_after_mirror_each_other(left, right):
    """Also where a bound is not known."""
    assert interval.before(left, right) is interval.after(right, left)
    assert interval.overlaps(left, right) is interval.overlaps(right, left)
    assert interval.includes(left, left) in (True, None)


@given(st.lists(known(), max_size=8))
def test_collapse_keeps_the_points_and_leaves_nothing_to_join(several):
    """Collapsing again changes nothing."""
    collapsed = collapse(several, None)
    covered = {point for one in several for point in points(one)}
    assert {point for one in collapsed for point in points(one)} == covered
    assert collapse(collapsed, None) == collapsed
    assert all(interval.overlaps(a, b) is False for a in collapsed for b in collapsed if a is not b)


@given(moments(), moments())
def test_comparison_answers_one_way_or_not_at_all(left, right):
    """Less, equal and greater exclude each other, and are all unknown together."""
    answers = [less(left, right), equal(left, right), greater(left, right)]
    assert answers.count(True) == 1 or (answers.count(True) == 0 and None in answers)


@given(moments(), moments(), moments())
def test_before_is_transitive(one, two, three):
    """What is known of two pairs holds of the third, unless a field is missing."""
    if less(one, two) is True and less(two, three) is True:
        assert less(one, three) is not False


@given(
    moments(7), st.integers(-5000, 5000), st.sampled_from(["day", "hour", "minute", "second", "millisecond", "week"])
)
def test_adding_and_taking_away_a_definite_duration_is_nothing(moment, count, unit):
    """Months and years clamp to the month's last day, so for them it does not hold."""
    amount = Quantity(Decimal(count), unit)
    if not 100 < moment.fields[0] < 9900:
        return
    assert subtract(add(moment, amount), amount) == moment


@given(dates(), st.integers(-600, 600))
def test_months_keep_the_precision_and_stay_in_the_calendar(date, count):
    """A date moved by months is a date that exists."""
    if not 100 < date.fields[0] < 9900:
        return
    moved = add(date, Quantity(Decimal(count), "month"))
    assert moved.precision == date.precision
    assert temporal.date_of(*moved.fields) == moved


@given(dates())
def test_a_date_lies_between_its_first_and_last_moment(date):
    """And is equivalent to itself, equal to itself and of the same year."""
    assert less_or_equal(temporal.lowest(date), temporal.highest(date))
    assert equal(date, date) is True
    assert temporal.compare(date, temporal.lowest(date), temporal.YEAR) == 0


@given(moments(7), moments(7))
def test_a_duration_is_what_has_to_be_added_at_least(left, right):
    """Whole days from left to right, and not one more."""
    right = temporal.same_offset(right, left.offset)
    if not 100 < left.fields[0] < 9900 or not 100 < right.fields[0] < 9900 or less(right, left):
        return
    days = durations.duration_between(left, right, temporal.DAY)
    assert less_or_equal(add(left, Quantity(Decimal(days), "day")), right)
    assert less(right, add(left, Quantity(Decimal(days + 1), "day")))


@given(SMALL | DECIMALS)
def test_the_successor_of_the_predecessor_is_the_value(value):
    """Integers step by one, Decimals by a hundred-millionth."""
    assert successor(predecessor(value)) == value


@given(DECIMALS, st.sampled_from([("g", "mg"), ("[lb_av]", "kg"), ("Cel", "[degF]"), ("h", "min"), ("L", "dL")]))
def test_converting_there_and_back_is_equivalent(value, units):
    """To the 28 digits of a Decimal."""
    source, target = units
    there = converted(value, source, target)
    assert abs(converted(there, target, source) - value) < Decimal("1e-18")


@given(DECIMALS, DECIMALS)
def test_quantities_add_as_their_values_do(left, right):
    """In either order, and in another unit of the dimension."""
    grams = add(Quantity(left, "g"), Quantity(right, "g"))
    assert equal(grams, add(Quantity(right, "g"), Quantity(left * 1000, "mg"))) is True
    assert equivalent(grams, add(Quantity(left * 1000, "mg"), Quantity(right, "g")))


@given(DECIMALS, DECIMALS)
def test_a_product_does_not_depend_on_the_order(left, right):
    """Rounding included."""
    assert multiply(left, right) == multiply(right, left)
