"""An EHR that keeps failing is left alone, so that hooks answer at once; one that answers again is asked again."""

import pytest

from app.clients.breaker import FAILURES, LONGEST_REST, REST, Breaker
from app.clients.ehr_lines import EhrLines
from tests.app.test_hook_ehr import a_call, ehr, house_with, reader, well  # noqa: F401 fixtures

NOBODY = "Patient/nobody"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def fail(breaker, times=FAILURES):
    return [breaker.begin() and breaker.end(answered=False) for _ in range(times)]


def test_it_is_asked_until_it_has_failed_some_times_in_a_row(breaker):
    assert fail(breaker) == [False] * (FAILURES - 1) + [True]
    assert breaker.resting
    assert not breaker.begin()


def test_one_answer_in_between_begins_the_count_anew(breaker):
    fail(breaker, FAILURES - 1)
    assert breaker.begin()
    breaker.end(answered=True)
    fail(breaker, FAILURES - 1)
    assert not breaker.resting


def test_after_a_while_one_request_asks_and_the_others_do_not(breaker, clock):
    fail(breaker)
    clock.now += REST - 1
    assert not breaker.begin()
    assert breaker.seconds_left == 1
    clock.now += 1
    assert breaker.begin()
    assert not breaker.begin()
    breaker.end(answered=True)
    assert not breaker.resting
    assert breaker.begin()
    assert breaker.begin()


def test_one_that_fails_again_is_left_alone_twice_as_long_up_to_a_limit(breaker, clock):
    fail(breaker)
    rests = []
    for _ in range(6):
        clock.now += breaker.seconds_left
        assert breaker.begin()
        assert breaker.end(answered=False)
        rests.append(breaker.seconds_left)
    assert rests == [2 * REST, 4 * REST, LONGEST_REST, LONGEST_REST, LONGEST_REST, LONGEST_REST]
    clock.now += LONGEST_REST
    breaker.begin()
    breaker.end(answered=True)
    fail(breaker)
    assert breaker.seconds_left == REST


def test_a_request_that_came_to_ask_nothing_leaves_its_turn_to_the_next(breaker, clock):
    fail(breaker)
    clock.now += REST
    assert breaker.begin()
    assert not breaker.end(answered=None)
    assert breaker.begin()


def test_who_was_under_way_when_it_was_given_up_does_not_lengthen_the_rest(breaker, clock):
    assert breaker.begin()
    fail(breaker)
    clock.now += 1
    assert not breaker.end(answered=False)
    assert breaker.seconds_left == REST - 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_ehr_that_fails_is_not_asked_any_more(ehr, status):  # noqa: F811
    lines = EhrLines(4)
    ehr.behave(lambda *_: (status, {}))
    tripped = [_fetched(ehr, lines).tripped for _ in range(FAILURES)]
    assert tripped == [False] * (FAILURES - 1) + [True]
    asked = len(ehr.asked)
    last = _fetched(ehr, lines)
    assert (last.resting, last.token_use) == (True, "not-used")
    assert len(ehr.asked) == asked
    assert list(lines.resting()) == [ehr.base]


@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_an_ehr_that_refuses_has_answered(ehr, status):  # noqa: F811
    lines = EhrLines(4)
    ehr.behave(lambda *_: (status, {}))
    for _ in range(2 * FAILURES):
        assert not _fetched(ehr, lines).resting
    assert lines.resting() == {}


def test_one_that_comes_back_is_asked_again(ehr):  # noqa: F811
    lines = EhrLines(4)
    ehr.behave(lambda *_: (500, {}))
    for _ in range(FAILURES):
        _fetched(ehr, lines)
    ehr.behave(well)
    lines.of(ehr.base).breaker._until = 0.0
    assert not _fetched(ehr, lines).resting
    assert lines.resting() == {}


def test_a_hook_of_such_an_ehr_is_answered_at_once_and_it_is_counted(house_with, ehr):  # noqa: F811
    before = [_counted(house_with, event) for event in ("tripped", "resting")]
    ehr.behave(lambda *_: (503, {}))
    for _ in range(FAILURES):
        house_with.call(a_call(ehr))
    asked = len(ehr.asked)
    answer = house_with.call(a_call(ehr))
    assert answer.status_code == 412  # no Coverage, neither sent nor read
    assert len(ehr.asked) == asked
    assert [_counted(house_with, event) for event in ("tripped", "resting")] == [one + 1 for one in before]


def _counted(house, event):
    line = f'priorauth_hook_ehr_total{{client="riverside-ehr",event="{event}"}} '
    told = [one for one in house.web.get("/metrics").text.splitlines() if one.startswith(line)]
    return float(told[0].removeprefix(line)) if told else 0.0


def _fetched(ehr, lines):  # noqa: F811
    one = reader(ehr, lines=lines)
    one.fetch([NOBODY, "Patient/nobody-else"])
    return one
