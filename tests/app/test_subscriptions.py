"""A subscriber sees to its own asking; whatever its endpoint does, events are kept, in order, and none is lost."""

from datetime import timedelta

import pytest
from click.testing import CliRunner

from app.cli import main
from app.deliveries import deliveries, retry
from app.jobs import notify
from app.jobs.runner import ATTEMPTS
from app.registration import Registration, register
from app.storage import tables
from app.storage.sealing import Keyring, NoKey, new_key, read_keys
from fhir_r4.problems import Unknown
from fhir_r4.systems import BACKPORT
from fhir_r4.wire import read_json
from prior_auth.subscription import TOPIC
from tests.app import subscribers
from tests.app.browsing import Person
from tests.app.subscribers import (
    Endpoint,
    a_pended_case,
    decide,
    run_all,
    status,
    subscribe,
    subscription,
)
from tests.given import a_form_response, a_submission_bundle, entry
from tests.prior_auth.test_subscription import a_subscription, asking, parameters
from tests.second_opinion import assert_profiled

pytestmark = pytest.mark.usefixtures("subscribing")
BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])


def call(house, method, path, body=None, client="riverside-ehr", scope="system/Subscription.cruds"):
    headers = {"Authorization": f"Bearer {house.token(scope, client)}", "Content-Type": "application/fhir+json"}
    return house.web.open(f"/fhir/{path}", method=method, json=body, headers=headers)


def told(house, identity, count=1):
    """Let ``count`` changes be told, or at least be numbered."""
    for _ in range(count):
        decide(house, a_pended_case(house))
        run_all(house)
    return identity


# One's own, and nobody else's


@BOTH
@pytest.mark.requirement("pas-2.0.1@209", "pas-2.2.1@spec-57", "pas-2.2.1@spec-54")
def test_a_new_subscription_is_requested_and_answered_as_it_is_kept(house, endpoint, version):
    answer = house.post(
        f"{version}/Subscription",
        a_subscription(version, endpoint=endpoint.url),
        token=house.token("system/Subscription.cruds"),
    )
    body = read_json(answer.data)
    assert (answer.status_code, body["status"]) == (201, "requested")
    assert answer.headers["Location"].endswith(f"/fhir/{version}/Subscription/{body['id']}")
    assert_profiled(body, version)
    if version == "2.2":
        assert_profiled(body, version, "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-subscription")


@pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"])
@pytest.mark.parametrize("header", ["Authorization: Bearer secret", 5, {"Authorization": "secret"}, None], ids=type)
def test_headers_are_a_list_or_are_refused_naming_the_element(house, endpoint, client, header):
    """A header that is a text and no list would be left out of every notification without a word."""
    asked = a_subscription("2.0", endpoint=endpoint.url, header=header)
    token = house.token("system/Subscription.cruds", client)
    answer = house.post("2.0/Subscription", asked, token=token)
    assert answer.status_code == 400
    where = {one for issue in read_json(answer.data)["issue"] for one in issue["expression"]}
    assert "Subscription.channel.header" in where
    assert b"secret" not in answer.data
    assert house.rows(tables.subscriptions) == []


@BOTH
@pytest.mark.parametrize(
    ("url", "said", "status"),
    [
        (f"{BACKPORT}/backport-filter-criteria", "Encounter?patient=Patient/123", {"2.0": 201, "2.2": 400}),
        ("http://hl7.org/fhir/5.0/StructureDefinition/a-filter", "Patient/123", {"2.0": 201, "2.2": 201}),
    ],
)
def test_a_filter_that_is_not_understood_is_refused_or_left_out_of_what_is_kept(
    house, endpoint, version, url, said, status
):
    """Backport 1.1.0, "Accepting Subscription Requests": reject it, or adjust it and say so."""
    asked = a_subscription(version, endpoint=endpoint.url)
    asked["_criteria"]["extension"] = [{"url": url, "valueString": said}]
    answer = house.post(f"{version}/Subscription", asked, token=house.token("system/Subscription.cruds"))
    assert answer.status_code == status[version]
    assert "_criteria" not in read_json(answer.data)


def test_one_client_s_subscriptions_are_counted_and_another_s_are_no_matter(house, endpoint, monkeypatch):
    monkeypatch.setattr("app.api.subscriptions.MOST_OF_ONE", 2)
    mine = [subscribe(house, endpoint, version) for version in ("2.0", "2.2")]
    one_more = a_subscription("2.0", endpoint=endpoint.url)
    answer = call(house, "POST", "2.0/Subscription", one_more)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (422, "too-costly")
    assert call(house, "POST", "2.0/Subscription", one_more, client="other-ehr").status_code == 201
    call(house, "DELETE", f"2.0/Subscription/{mine[0]}")
    assert call(house, "POST", "2.0/Subscription", one_more).status_code == 201


@pytest.mark.parametrize("operation", ["_search", "$status"])
def test_a_search_for_more_ids_than_a_database_takes_is_refused(house, operation):
    many = ["x"] * 501
    headers = {"Authorization": f"Bearer {house.token('system/Subscription.cruds')}"}
    if operation == "_search":
        answer = house.web.post("/fhir/2.0/Subscription/_search", data={"_id": ",".join(many)}, headers=headers)
    else:
        body = {"resourceType": "Parameters", "parameter": [{"name": "id", "valueId": one} for one in many]}
        answer = call(house, "POST", "2.0/Subscription/$status", body)
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (400, "too-costly")


@BOTH
@pytest.mark.requirement("pas-2.0.1@210")
def test_an_update_takes_effect_after_a_new_handshake(house, endpoint, version):
    identity = subscribe(house, endpoint, version)
    run_all(house)
    other = Endpoint()
    body = a_subscription(version, endpoint=other.url) | {"id": identity}
    assert call(house, "PUT", f"{version}/Subscription/{identity}", body).json["status"] == "requested"
    run_all(house)
    told(house, identity)
    assert other.taken() == [("handshake", 0), ("event-notification", 1)]
    assert endpoint.numbers() == []
    other.server.shutdown()


def test_a_header_sent_back_as_it_was_shown_stays_what_it_was(house, endpoint):
    identity = subscribe(house, endpoint)
    shown = call(house, "GET", f"2.0/Subscription/{identity}").json
    assert shown["channel"]["header"] == ["Authorization: ***"]
    assert call(house, "PUT", f"2.0/Subscription/{identity}", shown).status_code == 200
    run_all(house)
    assert {headers["Authorization"] for _, _, headers in endpoint.received} == {"Bearer secret"}


def test_a_header_that_is_held_goes_to_no_other_endpoint(house, endpoint):
    """Else whoever holds one of the client's tokens would be sent what is never shown again."""
    created = call(house, "POST", "2.0/Subscription", a_subscription("2.0", endpoint=endpoint.url)).json
    elsewhere = created["channel"] | {"endpoint": f"{endpoint.url}/elsewhere"}
    path = f"2.0/Subscription/{created['id']}"
    answer = call(house, "PUT", path, created | {"channel": elsewhere})
    assert answer.status_code == 400
    assert answer.json["issue"][0]["expression"] == ["Subscription.channel.header"]
    anew = elsewhere | {"header": ["Authorization: Bearer another"]}
    assert call(house, "PUT", path, created | {"channel": anew}).status_code == 200
    run_all(house)
    assert [headers["Authorization"] for _, _, headers in endpoint.received] == ["Bearer another"]


def test_a_client_turns_its_subscription_off_and_nothing_more_is_sent(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    body = a_subscription("2.0", endpoint=endpoint.url) | {"id": identity, "status": "off"}
    assert call(house, "PUT", f"2.0/Subscription/{identity}", body).json["status"] == "off"
    told(house, identity)
    assert endpoint.numbers() == []


def test_an_update_names_the_subscription_of_the_url(house, endpoint):
    identity = subscribe(house, endpoint)
    body = a_subscription("2.0", endpoint=endpoint.url) | {"id": "other"}
    answer = call(house, "PUT", f"2.0/Subscription/{identity}", body)
    assert (answer.status_code, answer.json["issue"][0]["expression"]) == (400, ["Subscription.id"])


@BOTH
@pytest.mark.requirement("pas-2.0.1@211")
def test_what_is_deleted_is_gone_with_its_secret_and_the_audit_says_what_was_left(house, endpoint, version):
    identity = subscribe(house, endpoint, version)
    run_all(house)
    endpoint.answers = [500] * 9
    told(house, identity)
    assert call(house, "DELETE", f"{version}/Subscription/{identity}").status_code == 204
    assert call(house, "GET", f"{version}/Subscription/{identity}").status_code == 404
    assert house.rows(tables.subscriptions) == house.rows(tables.subscription_events) == []
    (deleted,) = [row for row in house.rows(tables.events) if row["kind"] == "subscription.deleted"]
    assert deleted["detail"] == {"subscription": identity, "undelivered": 1}
    house.clock.now += timedelta(days=1)
    run_all(house)
    assert endpoint.numbers() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "2.0/Subscription/{}"),
        ("PUT", "2.0/Subscription/{}"),
        ("DELETE", "2.0/Subscription/{}"),
        ("GET", "2.0/Subscription/{}/$status"),
        ("GET", "2.0/Subscription/{}/$events"),
    ],
)
def test_another_client_s_is_answered_as_one_that_is_not_there(house, endpoint, method, path):
    identity = subscribe(house, endpoint)
    body = a_subscription("2.0", endpoint=endpoint.url) | {"id": identity}
    answer = call(house, method, path.format(identity), body if method == "PUT" else None, "other-ehr")
    assert answer.status_code == 404
    assert status(house, identity) == "requested"


def test_each_base_has_its_own(house, endpoint):
    identity = subscribe(house, endpoint, "2.0")
    assert call(house, "GET", f"2.2/Subscription/{identity}").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 2), ("?status=active", 1), ("?status=active,requested", 2), ("?status=off", 0), ("?_id=nobody", 0),
     ("?url=http://127.0.0.1:1/hook", 0), ("?unknown=x", 2)],
)  # fmt: skip
def test_a_search_finds_one_s_own(house, endpoint, query, found):
    subscribe(house, endpoint)
    run_all(house)
    subscribe(house, endpoint)
    subscribe(house, endpoint, client="other-ehr")
    body = call(house, "GET", f"2.0/Subscription{query}").json
    assert (body["type"], body["total"]) == ("searchset", found)
    assert_profiled(body, "2.0")


def test_the_right_to_read_is_not_the_right_to_ask(house, endpoint):
    body = a_subscription("2.0", endpoint=endpoint.url)
    assert call(house, "POST", "2.0/Subscription", body, scope="system/Subscription.rs").status_code == 403


def sent_by(bundle, sender):
    """Return the bundle with the sending system's own name on its Claim."""
    parts = [
        {"url": "applicationSenderCode", "valueString": sender},
        {"url": "applicationReceiverCode", "valueString": "ACME"},
        {"url": "interchangeSenderID", "valueString": sender},
    ]
    url = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-TransmissionIdentifiers"
    entry(bundle, "Claim").setdefault("extension", []).append({"url": url, "extension": parts})
    return bundle


@pytest.mark.parametrize(("sender", "told_of"), [("RIVERSIDE01", [1]), ("SOMEBODY01", [])])
def test_a_sending_system_is_watched_by_its_own_name_and_by_no_other_s(house, endpoint, sender, told_of):
    """2.2.1 calls what is filtered by the sending system's identifier; naming another's opens nothing to it."""
    keys = str(house.config.data / "keys.json")
    scopes = ("system/Claim.crus", "system/Subscription.cruds")
    known = ("1234567893", "urn:x12:isa06|RIVERSIDE01")
    register(house.config, Registration(name="riverside-ehr", organizations=known, scopes=scopes, jwks=keys))
    others = ("urn:x12:isa06|SOMEBODY01", "urn:x12:isa06|RIVERSIDE01")
    register(house.config, Registration(name="watcher", organizations=others, scopes=scopes, jwks=keys))
    body = a_subscription("2.2", f"org-identifier={sender}", endpoint=endpoint.url)
    assert call(house, "POST", "2.2/Subscription", body, "watcher").status_code == 201
    run_all(house)
    house.submit(sent_by(a_submission_bundle(form=a_form_response({"2.1": None})), sender))
    decide(house, house.rows(tables.authorizations)[-1]["id"])
    run_all(house)
    assert endpoint.numbers() == told_of


# Questions afterwards


@BOTH
def test_the_topic_can_be_read_by_who_may_subscribe_and_its_filters_are_those_that_are_understood(house, version):
    path = f"/fhir/{version}/Basic/PASSubscriptionTopic"
    assert house.web.get(path).status_code == 401
    token = {"Authorization": f"Bearer {house.token('system/Subscription.cruds')}"}
    answer = house.web.get(path, headers=token)
    topic = read_json(answer.data)
    assert_profiled(topic, version, references="open")
    held = [one for one in topic["extension"] if one["url"].endswith("canFilterBy")]
    names = {part["valueString"] for one in held for part in one["extension"] if part["url"] == "filterParameter"}
    assert names == {"orgIdentifier", "org-identifier"}
    assert {"url": topic["extension"][0]["url"], "valueUri": TOPIC} in topic["extension"]
    assert house.web.get(f"/fhir/{version}/Basic/another", headers=token).status_code == 404


@BOTH
@pytest.mark.requirement("pas-2.0.1@141")
def test_status_says_how_subscriptions_stand(house, endpoint, version):
    identity = subscribe(house, endpoint, version)
    told(house, identity, 2)
    for path in (f"{version}/Subscription/{identity}/$status", f"{version}/Subscription/$status?status=active"):
        for method in ("GET", "POST"):
            body = call(house, method, path).json
            assert_profiled(body, version)
            said = parameters(body)
            assert (said["status"]["valueCode"], said["type"]["valueCode"]) == ("active", "query-status")
            assert said["events-since-subscription-start"]["valueString"] == "2"
    assert call(house, "GET", f"{version}/Subscription/$status?id=nobody").json["total"] == 0
    assert call(house, "GET", f"{version}/Subscription/$status?status=well").status_code == 400


@BOTH
def test_events_are_told_again_by_number(house, endpoint, version):
    identity = subscribe(house, endpoint, version)
    told(house, identity, 3)
    path = f"{version}/Subscription/{identity}/$events"
    asked = {"resourceType": "Parameters", "parameter": [{"name": "eventsSinceNumber", "valueString": "2"}]}
    for body in (call(house, "GET", f"{path}?eventsSinceNumber=2").json, call(house, "POST", path, asked).json):
        assert_profiled(body, version)
        events = [one for one in body["entry"][0]["resource"]["parameter"] if one["name"] == "notification-event"]
        assert [one["part"][0]["valueString"] for one in events] == ["2", "3"]
        assert ("resource" in body["entry"][1]) is (version == "2.2")
    one = call(house, "GET", f"{path}?eventsSinceNumber=1&eventsUntilNumber=1&content=empty").json
    assert len(one["entry"]) == 1
    for wrong in ("eventsSinceNumber=x", "eventsUntilNumber=-1", "content=all"):
        assert call(house, "GET", f"{path}?{wrong}").status_code == 400


def test_what_was_not_delivered_can_be_fetched_all_the_same(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [500] * 99
    told(house, identity)
    body = call(house, "GET", f"2.0/Subscription/{identity}/$events").json
    assert parameters(body)["notification-event"]["part"][0]["valueString"] == "1"


# Endpoints that do not do as they should


@pytest.mark.parametrize("manner", ["drop_by_drop", "garbage", "silence", "inward"])
def test_an_endpoint_that_misbehaves_is_tried_again_and_nothing_is_lost(house, endpoint, manner):
    """One that answers slowly or with garbage, hangs up, or redirects into the private network."""
    identity = subscribe(house, endpoint, extension=[asking("timeout", 1)])
    run_all(house)
    endpoint.manner = getattr(subscribers, manner)
    told(house, identity)
    before = len(endpoint.received)
    assert before >= 2
    assert subscription(house, identity).error.startswith("the endpoint fails")
    endpoint.manner, endpoint.received = subscribers.plainly, []
    house.clock.now += timedelta(hours=2)
    run_all(house)
    assert endpoint.numbers() == [1]
    assert (status(house, identity), subscription(house, identity).error) == ("active", None)


def test_an_endpoint_that_is_not_there_leaves_the_subscription_requested_then_in_error(house, endpoint):
    endpoint.server.shutdown()
    endpoint.server.server_close()
    identity = subscribe(house, endpoint)
    for _ in range(12):
        run_all(house)
        house.clock.now += timedelta(hours=2)
    assert status(house, identity) == "error"
    told(house, identity)
    assert subscription(house, identity).told == 1


def test_an_endpoint_that_asks_to_wait_is_not_called_before(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [429]
    endpoint.manner = lambda handler, status: subscribers.plainly(handler, status, [("Retry-After", "7200")])
    told(house, identity)
    calls = len(endpoint.received)
    house.clock.now += timedelta(hours=1)
    run_all(house)
    assert len(endpoint.received) == calls
    house.clock.now += timedelta(hours=1, seconds=1)
    run_all(house)
    assert endpoint.numbers() == [1]


def test_an_endpoint_that_is_gone_by_its_own_word_is_given_up_at_once(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [410]
    told(house, identity)
    assert status(house, identity) == "error"
    (dead,) = deliveries(house.service.database).dead
    assert (dead.kind, dead.fault) == (notify.DELIVER, "status 410")


def test_a_client_that_speaks_for_others_now_is_told_nothing_more(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    decide(house, a_pended_case(house))
    with house.service.database.writing() as connection:
        connection.execute(tables.client_organizations.delete())
    run_all(house)
    assert endpoint.numbers() == []
    assert status(house, identity) == "error"


def test_after_days_without_success_it_is_the_client_s_to_begin_anew_and_no_event_is_skipped(house, endpoint):
    identity = given_up(house, endpoint)
    told(house, identity)
    assert subscription(house, identity).told == 2
    assert endpoint.numbers() == []
    shown = call(house, "GET", f"2.0/Subscription/{identity}").json
    assert (shown["status"], shown["error"]) == ("error", "the endpoint could not be told: status 500")
    endpoint.answers = []
    assert call(house, "PUT", f"2.0/Subscription/{identity}", shown | {"status": "requested"}).status_code == 200
    run_all(house)
    assert endpoint.numbers() == [1, 2]
    assert deliveries(house.service.database).dead == ()


def given_up(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [500] * 1000
    told(house, identity)
    with house.service.database.writing() as connection:  # as it is three days later
        connection.execute(
            tables.outbox.update().where(tables.outbox.c.done_at.is_(None)).values(attempts=ATTEMPTS - 1)
        )
    house.clock.now += timedelta(days=3)
    run_all(house)
    assert status(house, identity) == "error"
    return identity


# Heartbeats, several at once, an end


def test_a_heartbeat_breaks_the_silence_and_only_the_silence(house, endpoint):
    subscribe(house, endpoint, extension=[asking("heartbeat-period", 60)])
    run_all(house)
    house.clock.now += timedelta(seconds=50)
    told(house, None)
    house.clock.now += timedelta(seconds=50)
    run_all(house)
    assert endpoint.taken() == [("handshake", 0), ("event-notification", 1)]
    house.clock.now += timedelta(seconds=11)
    run_all(house)
    house.clock.now += timedelta(seconds=61)
    run_all(house)
    assert endpoint.taken()[2:] == [("heartbeat", 1), ("heartbeat", 1)]
    assert_profiled(endpoint.received[-1][1], "2.0")


def test_a_heartbeat_that_is_lost_says_so_and_the_next_is_sent(house, endpoint):
    identity = subscribe(house, endpoint, extension=[asking("heartbeat-period", 60)])
    run_all(house)
    endpoint.answers = [500]
    for _ in range(2):
        house.clock.now += timedelta(seconds=61)
        run_all(house)
    assert endpoint.taken() == [("handshake", 0), ("heartbeat", 0)]
    assert subscription(house, identity).error is None


def test_who_can_take_several_events_gets_them_together(house, endpoint):
    identity = subscribe(house, endpoint, extension=[asking("max-count", 5)])
    run_all(house)
    endpoint.answers = [500]
    told(house, identity, 3)
    house.clock.now += timedelta(hours=1)
    run_all(house)
    assert endpoint.numbers() == [3]
    events = [p for p in endpoint.received[-1][1]["entry"][0]["resource"]["parameter"] if "part" in p]
    assert [one["part"][0]["valueString"] for one in events] == ["1", "2", "3"]


def test_a_subscription_that_has_ended_is_told_nothing_more(house, endpoint):
    token = house.token("system/Subscription.cruds")
    body = a_subscription("2.0", endpoint=endpoint.url) | {"end": "2026-03-02T00:00:00Z"}
    identity = read_json(house.post("2.0/Subscription", body, token=token).data)["id"]
    run_all(house)
    house.clock.now += timedelta(days=2)
    told(house, identity)
    assert endpoint.numbers() == []


def test_a_failing_subscription_has_one_job_however_many_events_wait(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [500] * 99
    told(house, identity, 4)
    waiting = [row for row in house.rows(tables.outbox) if row["kind"] == notify.DELIVER and row["done_at"] is None]
    assert len(waiting) == 1


# Staff


def test_staff_see_what_was_given_up_and_take_it_up_anew(house, endpoint):
    identity = given_up(house, endpoint)
    silva = Person(house).comes_in()
    page = silva.browser.get("/deliveries").text
    assert "status 500" in page
    assert identity in page
    (dead,) = deliveries(house.service.database).dead
    endpoint.answers = []
    assert silva.post(f"/deliveries/{dead.id}/retry", {}, page="/deliveries").status_code == 303
    run_all(house)
    assert (status(house, identity), endpoint.numbers()) == ("active", [1])
    assert "Everything was delivered" in silva.browser.get("/deliveries").text
    assert [row["actor"] for row in house.rows(tables.events) if row["kind"] == "job.retried"] == ["dr-silva"]


def test_an_auditor_sees_and_does_not_retry(house, endpoint):
    given_up(house, endpoint)
    auditor = Person(house, "ms-okafor", "auditor", None).comes_in()
    assert "Try again" not in auditor.browser.get("/deliveries").text
    (dead,) = deliveries(house.service.database).dead
    assert auditor.post(f"/deliveries/{dead.id}/retry", {}, page="/worklist").status_code == 403


@pytest.mark.parametrize("job", ["1", "9" * 30])
def test_a_dead_letter_that_there_is_not_is_not_found(house, job):
    admin = Person(house, "ms-reyes", "admin", None).is_in()
    assert admin.post(f"/deliveries/{job}/retry", {}, page="/worklist").status_code == 404
    said = CliRunner().invoke(main, ["deliveries", "retry", job, "--data", str(house.config.data)])
    assert said.output.splitlines()[-1].startswith("Error: ")


def test_a_handshake_that_fails_is_seen_while_it_is_tried(house, endpoint):
    endpoint.answers = [500]
    identity = subscribe(house, endpoint)
    run_all(house)
    said = CliRunner().invoke(main, ["deliveries", "list", "--data", str(house.config.data)]).output
    told = "requested, no events wait; the endpoint fails: status 500"
    assert said == f"subscription {identity} of riverside-ehr: {told}\n"
    house.clock.now += timedelta(hours=2)
    run_all(house)
    assert (status(house, identity), deliveries(house.service.database).lagging) == ("active", ())


def test_a_subscription_that_its_client_has_ended_lags_behind_nobody(house, endpoint):
    identity = subscribe(house, endpoint)
    run_all(house)
    endpoint.answers = [500]
    told(house, identity)
    ended(house, identity, endpoint)
    assert deliveries(house.service.database).lagging == ()


def test_a_handshake_that_is_taken_after_its_client_has_ended_it_begins_nothing(house, endpoint):
    def late(handler, code):
        ended(house, identity, endpoint)
        subscribers.plainly(handler, code)

    identity = subscribe(house, endpoint)
    endpoint.manner = late
    run_all(house)
    assert status(house, identity) == "off"


def ended(house, identity, endpoint):
    body = a_subscription("2.0", endpoint=endpoint.url) | {"id": identity, "status": "off"}
    assert call(house, "PUT", f"2.0/Subscription/{identity}", body).status_code == 200


def test_an_operator_does_the_same_at_the_command_line(house, endpoint):
    data = ["--data", str(house.config.data)]
    before = CliRunner().invoke(main, ["deliveries", "list", *data]).output
    assert before == "nothing was given up, and no subscription lags behind\n"
    identity = given_up(house, endpoint)
    said = CliRunner().invoke(main, ["deliveries", "list", *data]).output
    assert f"subscription.deliver {identity}  {ATTEMPTS} attempts, status 500" in said
    assert f"subscription {identity} of riverside-ehr: error, 1 event waits since 2026-" in said
    (dead,) = deliveries(house.service.database).dead
    assert CliRunner().invoke(main, ["deliveries", "retry", str(dead.id), *data]).exit_code == 0
    again = CliRunner().invoke(main, ["deliveries", "retry", str(dead.id), *data])
    assert again.exit_code == 1
    with pytest.raises(Unknown):
        retry(house.service.database, dead.id, "x", house.clock.now)


# Secrets


def test_headers_are_not_in_the_database(house, endpoint):
    subscribe(house, endpoint)
    house.service.database.engine.dispose()
    for file in house.config.data.glob("priorauth.db*"):
        assert b"Bearer secret" not in file.read_bytes()


def test_keys_rotate_and_the_old_one_can_go(house, endpoint, monkeypatch):
    identity = subscribe(house, endpoint)
    old, new = house.config.encryption_key_file.read_text().strip(), new_key()
    data = ["--data", str(house.config.data)]
    monkeypatch.setenv("PRIORAUTH_ENCRYPTION_KEYS", f"{new},{old}")
    assert CliRunner().invoke(main, ["secrets", "rotate", *data]).output == "1 sealed anew\n"
    assert CliRunner().invoke(main, ["secrets", "rotate", *data]).output == "0 sealed anew\n"
    sealed, place = subscription(house, identity).headers, f"subscriptions.headers/{identity}"
    assert b"Bearer secret" in read_keys(new, house.config.encryption_key_file).open(sealed, place)
    with pytest.raises(NoKey):
        read_keys(old, house.config.encryption_key_file).open(sealed, place)
    with pytest.raises(NoKey):
        read_keys(new, house.config.encryption_key_file).open(sealed, "subscriptions.headers/another")


@pytest.mark.parametrize("key", ["short", "!" * 44, "YWJj"])
def test_a_key_that_is_none_is_said_at_the_start(house, key):
    with pytest.raises(NoKey):
        read_keys(key, house.config.encryption_key_file)


def test_without_a_key_nothing_is_sealed():
    with pytest.raises(NoKey):
        Keyring([]).seal(b"x", "y")


def test_a_key_that_is_lost_costs_deliveries_and_no_event(house, endpoint):
    """The subscription is tried again; with the key back in place everything arrives."""
    from dataclasses import replace  # noqa: PLC0415

    identity = subscribe(house, endpoint)
    run_all(house)
    keyring = house.service.keyring
    decide(house, a_pended_case(house))
    held = replace(
        house, service=replace(house.service, keyring=read_keys(new_key(), house.config.encryption_key_file))
    )
    run_all(held)
    assert endpoint.numbers() == []
    assert "PRIORAUTH_ENCRYPTION_KEYS" in subscription(house, identity).error
    house.clock.now += timedelta(hours=1)
    assert house.service.keyring is keyring
    run_all(house)
    assert endpoint.numbers() == [1]
