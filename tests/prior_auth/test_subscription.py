"""A client is told of its own organizations, over rest-hook, in its generation's content."""

import copy

import pytest

from fhir_r4.generations import Generation
from fhir_r4.problems import Forbidden, InvalidRequest
from fhir_r4.resource import Identifier, as_dict
from fhir_r4.systems import BACKPORT, NPI
from prior_auth.notification import Event, Standing, handshake, heartbeat, notification, replay, statuses
from prior_auth.subscription import TOPIC, read_subscription
from tests.given import NOW, a_certification
from tests.prior_auth.test_claim_response import a_case, writer
from tests.second_opinion import assert_profiled

OWN = [Identifier(NPI, "1234567893"), Identifier("urn:tin", "12-3456789")]
BOTH = pytest.mark.parametrize("generation", list(Generation))


def a_subscription(generation, filtered="org-identifier=1234567893", **channel):
    content = {"2.0": "id-only", "2.2": "full-resource"}[generation]
    criteria = [{"url": f"{BACKPORT}/backport-filter-criteria", "valueString": filtered}] if filtered else []
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to know",
        "criteria": TOPIC,
        "_criteria": {"extension": criteria},
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://ehr.example.org/hook",
            "header": ["Authorization: Bearer secret"],
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": f"{BACKPORT}/backport-payload-content", "valueCode": content}]},
        }
        | channel,
    }


def asking(name, value):
    """Return one of the channel's extensions that ask for something."""
    return {"url": f"{BACKPORT}/backport-{name}", "valueUnsignedInt": value}


def read(body, generation):
    return read_subscription(body, generation, OWN, NOW)


@BOTH
def test_a_subscription_is_read(generation):
    subscriber = read(a_subscription(generation), generation)
    assert subscriber.endpoint == "https://ehr.example.org/hook"
    assert subscriber.headers == (("Authorization", "Bearer secret"),)
    assert subscriber.organizations == {"1234567893"}


def test_a_channel_may_ask_for_heartbeats_a_timeout_and_several_events_at_once():
    asked = [asking("heartbeat-period", 86400), asking("timeout", 5), asking("max-count", 500)]
    subscriber = read(a_subscription(Generation.V2_2, extension=asked), Generation.V2_2)
    assert (subscriber.heartbeat_seconds, subscriber.timeout_seconds, subscriber.most_events) == (86400, 5, 20)


@pytest.mark.parametrize(("end", "kept"), [("2020-12-31T12:00:00Z", False), ("2026-12-31T12:00:00Z", True)])
def test_an_end_that_is_past_already_is_passed_over(end, kept):
    """The samples that testers start from have one."""
    body = a_subscription(Generation.V2_2) | {"end": end}
    assert (read(body, Generation.V2_2).ends_at is not None) is kept


@pytest.mark.parametrize("end", ["tomorrow", "2026-12-31T12:00:00", "9999-12-31T23:59:59-01:00", 1])
def test_an_end_that_is_no_instant_is_named(end):
    with pytest.raises(InvalidRequest) as refused:
        read(a_subscription(Generation.V2_2) | {"end": end}, Generation.V2_2)
    assert [issue.expression for issue in refused.value.issues] == ["Subscription.end"]


@pytest.mark.parametrize(
    "filtered",
    [
        "org-identifier=1234567893",
        "orgIdentifier=1234567893",
        "identifier=1234567893",
        "ClaimResponse?org-identifier=1234567893",
        "org-identifier=1234567893,12-3456789",
        f"org-identifier={NPI}|1234567893",
    ],
)
@pytest.mark.requirement("pas-2.2.1@spec-58")
def test_the_filter_is_read_in_every_spelling(filtered):
    assert read(a_subscription(Generation.V2_2, filtered), Generation.V2_2).organizations


@BOTH
def test_without_a_filter_it_is_about_the_client_s_own_organizations(generation):
    assert "1234567893" in read(a_subscription(generation, None), generation).organizations


def test_an_unrelated_filter_is_tolerated_on_2_0_only():
    odd = "Encounter.patient=1"
    assert read(a_subscription(Generation.V2_0, odd), Generation.V2_0).organizations
    with pytest.raises(InvalidRequest):
        read(a_subscription(Generation.V2_2, odd), Generation.V2_2)


@pytest.mark.requirement("pas-2.0.1@148", "pas-2.2.1@spec-59")
def test_other_people_s_organizations_are_not_watched():
    with pytest.raises(Forbidden):
        read(a_subscription(Generation.V2_2, "org-identifier=1999999984"), Generation.V2_2)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"type": "websocket"}, "Subscription.channel.type"),
        ({"type": "email"}, "Subscription.channel.type"),
        ({"endpoint": None}, "Subscription.channel.endpoint"),
        ({"endpoint": "ftp://x"}, "Subscription.channel.endpoint"),
        ({"payload": "text/plain"}, "Subscription.channel.payload"),
        ({"header": ["Host: evil"]}, "Subscription.channel.header[0]"),
        ({"header": ["X: a\r\nY: b"]}, "Subscription.channel.header[0]"),
        ({"header": [5]}, "Subscription.channel.header[0]"),
        ({"_payload": None}, "Subscription.channel._payload.extension"),
        ({"extension": [asking("heartbeat-period", 1)]}, "Subscription.channel.extension"),
        ({"extension": [asking("timeout", "soon")]}, "Subscription.channel.extension"),
        ({"extension": [asking("max-count", 0)]}, "Subscription.channel.extension"),
    ],
)
@pytest.mark.requirement("pas-2.2.1@spec-56")
def test_another_channel_is_refused_and_named(change, where):
    with pytest.raises(InvalidRequest) as refused:
        read(a_subscription(Generation.V2_2, **change), Generation.V2_2)
    assert [issue.expression for issue in refused.value.issues] == [where]


@pytest.mark.requirement("pas-2.0.1@145", "pas-2.2.1@spec-62")
def test_each_generation_has_one_content():
    for generation, other in ((Generation.V2_0, "2.2"), (Generation.V2_2, "2.0")):
        with pytest.raises(InvalidRequest):
            read(a_subscription(other), generation)


def test_another_topic_is_refused():
    body = copy.deepcopy(a_subscription(Generation.V2_2)) | {"criteria": "https://example.org/topic"}
    with pytest.raises(InvalidRequest):
        read(body, Generation.V2_2)


SUBSCRIPTION = Standing("https://payer.example.org/fhir/2.2/Subscription/1", "active", 3)


def an_event(number=3):
    return Event(number, NOW, a_case(a_certification()))


def told(generation):
    return notification(SUBSCRIPTION, [an_event()], writer(generation))


def parameters(bundle):
    return {one["name"]: one for one in bundle["entry"][0]["resource"]["parameter"]}


@BOTH
def test_a_notification_keeps_to_the_backport_s_profiles(generation):
    assert_profiled(told(generation), generation)
    for silent in (handshake, heartbeat):
        assert_profiled(silent(SUBSCRIPTION, NOW), generation)


@BOTH
@pytest.mark.parametrize("content", ["empty", "id-only", "full-resource"])
def test_the_answers_to_queries_keep_to_the_backport_s_profiles(generation, content):
    asked = replay(SUBSCRIPTION, [an_event(2), an_event(3)], content, writer(generation))
    assert_profiled(asked, generation)
    assert parameters(asked)["type"]["valueCode"] == "query-event"
    assert parameters(asked)["events-since-subscription-start"]["valueString"] == "3"
    failing = Standing(f"{SUBSCRIPTION.url}0", "error", 3, "the endpoint could not be told")
    assert_profiled(statuses([SUBSCRIPTION, failing], "https://payer.example.org/fhir/2.2", NOW), generation)


def test_several_events_are_told_in_one_notification_in_order():
    bundle = notification(SUBSCRIPTION, [an_event(2), an_event(3)], writer(Generation.V2_0))
    events = [one for one in bundle["entry"][0]["resource"]["parameter"] if one["name"] == "notification-event"]
    assert [one["part"][0]["valueString"] for one in events] == ["2", "3"]
    assert parameters(bundle)["events-since-subscription-start"]["valueString"] == "3"


@BOTH
def test_a_notification_says_its_number_and_what_it_is_about(generation):
    said = parameters(told(generation))
    assert said["type"]["valueCode"] == "event-notification"
    assert said["events-since-subscription-start"]["valueString"] == "3"
    assert all("request" in entry and "response" in entry for entry in told(generation)["entry"])


def test_2_0_sends_ids():
    bundle = told(Generation.V2_0)
    assert "resource" not in bundle["entry"][1]
    assert "/ClaimResponse/" in bundle["entry"][1]["fullUrl"]


@pytest.mark.requirement("pas-2.2.1@spec-61")
def test_2_2_sends_the_full_response_bundle():
    bundle = told(Generation.V2_2)
    held = bundle["entry"][1]["resource"]
    assert (held["resourceType"], held["type"]) == ("Bundle", "collection")
    assert as_dict(held["entry"][0])["resource"]["resourceType"] == "ClaimResponse"


def test_a_handshake_tells_no_event():
    said = parameters(handshake(Standing(SUBSCRIPTION.url, "requested", 0), NOW))
    assert (said["type"]["valueCode"], said["status"]["valueCode"]) == ("handshake", "requested")
    assert "notification-event" not in said
