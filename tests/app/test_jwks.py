"""A client's keys are those that it publishes, and to fetch them anew keeps no call waiting or out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.clients import jwks
from app.clients.jwks import FRESH_SECONDS, KEPT_SECONDS, REFETCH_SECONDS, JwksCache, KeysUnavailable
from app.clients.outbound import Door, OutboundFailed, Reply
from fhir_r4.wire import write_json
from tests.app.test_hook_ehr import ENOUGH, ehr, silence  # noqa: F401 fixtures
from tests.waiting import until

URL = "https://ehr.example.org/jwks.json"
FIRST, SECOND = ({"kty": "EC", "kid": kid} for kid in ("first", "second"))


class Publisher:
    """Stands for the door: gives the keys that are published now, when it may; by a clock of its own."""

    def __init__(self):
        self.keys, self.asked, self.dead, self.now = [FIRST], 0, False, 0.0
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.cache = JwksCache(self, lambda: self.now)

    def send(self, *_, **__):
        self.asked += 1
        assert self.may_answer.wait(60)
        if self.dead:
            raise OutboundFailed("too slow")
        return Reply(200, {}, write_json({"keys": self.keys}))

    def called(self, kid):
        return self.cache.keys(URL, kid)


@pytest.fixture
def publisher():
    """One whose set was read some minutes ago."""
    made = Publisher()
    assert made.called("first") == [FIRST]
    made.now += FRESH_SECONDS + 1
    return made


def test_while_one_call_fetches_the_set_anew_others_go_on_with_the_one_that_is_kept(publisher):
    publisher.may_answer.clear()
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(publisher.called, "first")
        until(lambda: publisher.asked == 2)
        assert publisher.called("first") == [FIRST]
        publisher.may_answer.set()
        assert fetching.result() == [FIRST]


@pytest.mark.parametrize("dead", [False, True], ids=["it comes", "it does not"])
def test_calls_that_come_while_the_very_first_set_is_fetched_wait_for_it(dead):
    """As when a service begins, and the EHR goes on calling."""
    publisher = Publisher()
    publisher.may_answer.clear()
    publisher.dead = dead
    with ThreadPoolExecutor(1 + jwks.WAITING) as pool:
        first = pool.submit(publisher.called, "first")
        until(lambda: publisher.asked)
        others = [pool.submit(publisher.called, "first") for _ in range(jwks.WAITING)]
        until(lambda: publisher.cache._seats._value == 0)
        assert publisher.called("first") == [], "nobody more waits"
        publisher.may_answer.set()
        assert [one.result() for one in others] == [[] if dead else [FIRST]] * jwks.WAITING
        if dead:
            with pytest.raises(KeysUnavailable):
                first.result()
    assert publisher.asked == 1
    assert publisher.called("first") == ([] if dead else [FIRST])


def test_a_key_that_is_published_no_longer_counts_no_longer(publisher):
    publisher.keys = [SECOND]
    assert publisher.called("second") == [SECOND]
    assert publisher.called("first") == []


def test_who_publishes_no_key_any_more_has_none(publisher):
    publisher.keys = []
    assert publisher.called("first") == []


def test_keys_that_are_kept_count_for_ten_minutes_while_the_set_cannot_be_had(publisher):
    publisher.dead = True
    assert publisher.called("first") == [FIRST]
    publisher.now = KEPT_SECONDS + 1
    with pytest.raises(KeysUnavailable):
        publisher.called("first")


def test_invented_keys_are_asked_for_once_in_a_while(publisher):
    assert [publisher.called(kid) for kid in ("x", "y", "z")] == [[], [], []]
    assert publisher.asked == 2
    publisher.now += REFETCH_SECONDS + 1
    assert publisher.called("x") == []
    assert publisher.asked == 3


def test_a_set_that_does_not_come_is_not_waited_for_longer_than_a_hook_can(ehr, monkeypatch):  # noqa: F811
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.5)
    ehr.behave(silence)
    door = Door(allow_loopback_http=True, timeout_seconds=ENOUGH, limit_bytes=100_000)
    with pytest.raises(KeysUnavailable, match="too slow"):
        JwksCache(door).keys(f"{ehr.base}/jwks.json", "first")
    assert not ehr.server.over.is_set(), "it is silent still"
