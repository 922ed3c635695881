"""The EHR of a hook: read in parallel and within the budget, and whatever it does, the answer is in time."""

import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from app.api import cds_hooks
from app.clients.ehr import HttpEhr
from app.clients.ehr_lines import EhrLines
from app.clients.hook_ehr import HookEhr
from app.clients.outbound import Door
from app.registration import Registration, register
from app.storage import tables
from app.web import create_app
from app.wiring import way_out
from fhir_r4.wire import read_json, write_json
from rules.ports import Part
from tests.app.fixtures import ISSUER
from tests.given import ACME, a_coverage, a_hook, a_hook_of, a_patient, a_record

PAYER = {"resourceType": "Organization", "id": "acme", "identifier": [ACME.identifiers[0].to_fhir()]}
QUESTION = "Questionnaire?url=x&status=active"
ENOUGH = 60
"""Seconds, on a machine however slow: for what does not wait for its time to run out."""
QUERY = "Coverage?patient=amy-baxter&status=active&_include=Coverage:payor"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        path = self.path.removeprefix("/fhir/")
        server.asked.append((path, self.headers.get("Authorization")))
        status, body = server.manner(path, self)
        if status is None:
            return
        raw = body if isinstance(body, bytes) else write_json(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        try:
            self.wfile.write(raw)
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass


def bundle(*resources, next_url=None):
    links = [{"relation": "next", "url": next_url}] if next_url else []
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}


def well(path, _):
    """Answer as a server does that knows Amy, her coverage and its payer."""
    if path == "metadata":
        return 404, {}
    if path.startswith("Coverage?"):
        included = [PAYER] if "_include" in path else []
        return 200, bundle(a_coverage(payor=[{"reference": "Organization/acme"}]), *included)
    found = {"Organization/acme": PAYER}.get(path) or a_record().get(path)
    return (200, found) if found else (404, {"resourceType": "OperationOutcome", "issue": []})


@pytest.fixture
def ehr():
    """An EHR on a socket of its own whose manner a test may change."""
    held = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    held.daemon_threads = True
    held.asked, held.manner, held.over = [], well, threading.Event()
    threading.Thread(target=held.serve_forever, daemon=True).start()
    yield SimpleNamespace(
        server=held, base=f"http://127.0.0.1:{held.server_port}/fhir", asked=held.asked,
        behave=lambda manner: setattr(held, "manner", manner),
    )  # fmt: skip
    held.over.set()
    held.shutdown()
    held.server_close()


def reader(ehr, *, lines=None):
    door = Door(allow_loopback_http=True, timeout_seconds=ENOUGH, limit_bytes=5_000_000)
    server = HttpEhr(door, ehr.base, "t", allowed=[ehr.base], deadline=time.monotonic() + ENOUGH)
    return HookEhr(server, lines or EhrLines(4), token=True)


@pytest.fixture
def house_with(house, ehr):
    """The house, with that EHR registered for its client and time enough to read it."""
    keys = str(house.config.data / "keys.json")
    said = Registration(name="riverside-ehr", hook_issuer=ISSUER, hook_jwks=keys, ehrs=(ehr.base,))
    register(house.config, said)
    with_budget(house, ENOUGH)
    return house


def with_budget(house, seconds):
    house.config = replace(house.config, hook_budget_seconds=seconds)
    house.service = replace(house.service, config=house.config, door=way_out(house.config, ENOUGH))
    house.web = create_app(house.config, house.service).test_client()


def a_call(ehr, **changes):
    authorization = {"access_token": "short-lived", "token_type": "Bearer", "expires_in": 30}
    return a_hook(prefetch={}, fhirServer=ehr.base, fhirAuthorization=authorization) | changes


# Reading


@pytest.mark.requirement("crd-2.0.1@57", "cds-hooks-2.0@61")
def test_every_read_carries_the_hook_s_token_but_for_what_the_server_tells_everybody(ehr):
    found = reader(ehr).fetch([QUERY, "Patient/amy-baxter"])
    assert len(found[QUERY]) == 2
    tokens = {path: token for path, token in ehr.asked if path != "metadata"}
    assert set(tokens.values()) == {"Bearer t"}
    assert all(token is None for path, token in ehr.asked if path == "metadata")


def test_what_is_asked_for_together_is_read_at_the_same_time(ehr):
    """Each read waits until three are under way: one after the other none would ever be answered."""
    together = threading.Barrier(3, timeout=ENOUGH)

    def manner(path, handler):
        if path != "metadata":
            together.wait()
        return well(path, handler)

    ehr.behave(manner)
    found = reader(ehr).fetch([QUERY, "Patient/amy-baxter", "Organization/acme"])
    assert None not in found.values()


@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_where_the_server_takes_no_include_the_rest_is_read_by_itself(house_with, ehr, status):
    """Some refuse what they do not know, some fall over it."""

    def manner(path, handler):
        return (status, {}) if "_include" in path else well(path, handler)

    ehr.behave(manner)
    assert house_with.call(a_call(ehr)).json["systemActions"]
    assert "Organization/acme" in [path for path, _ in ehr.asked]


def test_a_server_that_refuses_a_parameter_is_asked_for_what_it_can_find(ehr):
    """What does not match is left out by us; what is observed of somebody is not asked for whole."""

    def manner(path, _):
        return (400, {}) if "status=" in path or "code=" in path else (200, bundle())

    ehr.behave(manner)
    asked = ["Coverage?patient=a&status=active&_include=Coverage:payor", "Procedure?patient=a&code=1", QUESTION]
    asked += ["Observation?patient=a&code=1"]
    found = reader(ehr).fetch(asked)
    assert [found[one] for one in asked] == [(), (), None, None]
    assert {"Coverage?patient=a", "Procedure?patient=a"} <= {path for path, _ in ehr.asked}
    assert not {"Observation?patient=a", "Questionnaire?url=x"} & {path for path, _ in ehr.asked}


def test_what_the_include_brought_is_not_read_again(house_with, ehr):
    assert house_with.call(a_call(ehr)).json["systemActions"]
    assert "Organization/acme" not in [path for path, _ in ehr.asked]


@pytest.mark.requirement("crd-2.0.1@60")
def test_a_server_that_calls_a_parameter_otherwise_is_asked_in_its_own_words(ehr):
    parameter = {"name": "insured", "definition": "http://hl7.org/fhir/SearchParameter/Coverage-patient"}
    resource = {"type": "Coverage", "searchParam": [parameter], "searchInclude": []}
    told = {"resourceType": "CapabilityStatement", "rest": [{"resource": [resource]}]}
    answered = threading.Event()

    def manner(path, handler):
        if path == "metadata":
            answered.set()
            return 200, told
        return well(path, handler)

    ehr.behave(manner)
    lines = EhrLines(4)
    reader(ehr, lines=lines).fetch([QUERY])
    assert answered.wait(ENOUGH)
    ends = time.monotonic() + ENOUGH
    while time.monotonic() < ends:  # the statement is kept beside the request
        ehr.asked.clear()
        reader(ehr, lines=lines).fetch([QUERY])
        if ehr.asked[0][0] == "Coverage?insured=amy-baxter&status=active":
            return
        time.sleep(0.01)
    pytest.fail(f"asked {ehr.asked}")


@pytest.mark.requirement("crd-2.2.1@conf-2")
@pytest.mark.parametrize("version", ["3.1.1", "6.1.0", "7.0.0"])
def test_us_core_servers_of_all_versions_are_read_alike(house_with, ehr, version):
    """7.0.0 has the member number in the identifier, 3.1.1 knows no Coverage profile: subscriberId alone."""
    number = {"identifier": [], "subscriberId": "ACME0001234"} if version == "3.1.1" else {}

    def manner(path, handler):
        status, body = well(path, handler)
        if path.startswith("Coverage?"):
            body["entry"][0]["resource"] |= number
        return status, body

    ehr.behave(manner)
    assert "auth-needed" in house_with.call(a_call(ehr)).text


def test_a_search_goes_on_to_its_further_pages(house_with, ehr):
    def manner(path, handler):
        if path.startswith("Coverage?page=2"):
            return 200, bundle(a_coverage())
        if path.startswith("Coverage?"):
            return 200, bundle(next_url=f"{ehr.base}/Coverage?page=2")
        return well(path, handler)

    ehr.behave(manner)
    assert "auth-needed" in house_with.call(a_call(ehr)).text


@pytest.mark.parametrize(("first", "pages"), [({}, 1), ({"status": "entered-in-error"}, 2), ({"code": {}}, 2)])
def test_a_search_for_the_newest_is_read_no_further_than_that(ehr, first, pages):
    """Each page is a round trip while the clinician waits; what does not count makes the next one be read."""
    code = {"coding": [{"system": "http://loinc.org", "code": "59408-5"}]}
    newest = {"resourceType": "Observation", "id": "one", "status": "final", "code": code}

    def manner(path, _):
        if path == "metadata":
            return 404, {}
        found = newest | (first if "page" not in path else {"id": "another"})
        return 200, bundle(found, next_url=f"{ehr.base}/Observation?page=2")

    ehr.behave(manner)
    asked = "Observation?patient=amy-baxter&code=http://loinc.org|59408-5&_sort=-date&_count=1"
    found = reader(ehr).fetch([asked])[asked]
    assert len(found) == len([path for path, _ in ehr.asked if path != "metadata"]) == pages


def test_a_prefetched_bundle_goes_on_at_the_server_and_its_outcomes_are_no_coverage(house_with, ehr):
    def manner(path, handler):
        return (200, bundle(a_coverage())) if path == "Coverage?page=2" else well(path, handler)

    ehr.behave(manner)
    outcome = {"resource": {"resourceType": "OperationOutcome", "id": "o", "issue": []}, "search": {"mode": "outcome"}}
    sent = bundle(next_url=f"{ehr.base}/Coverage?page=2") | {"entry": [outcome]}
    body = a_call(ehr, prefetch={"patient": a_patient(), "coverage": sent})
    assert "auth-needed" in house_with.call(body).text


# Whatever it does


def garbage(_, handler):
    handler.wfile.write(b"\x00\x01 this is not http\r\n\r\n")
    handler.close_connection = True
    return None, b""


def silence(_, handler):
    handler.server.over.wait()
    handler.close_connection = True
    return None, b""


def moved(_, handler):
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:9/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return None, b""


BROKEN = {
    "garbage": garbage,
    "not json": lambda *_: (200, b"<html>"),
    "another resource": lambda *_: (200, {"resourceType": "OperationOutcome", "issue": []}),
    "ten megabytes": lambda *_: (200, b'{"resourceType":"Bundle","x":"' + b"y" * 10_000_000 + b'"}'),
    "a redirect": moved,
    "an error": lambda *_: (503, {}),
    "a refusal": lambda *_: (401, {}),
    "deep": lambda *_: (200, b'{"a":' * 200 + b"1" + b"}" * 200),
}


@pytest.mark.parametrize("manner", BROKEN)
@pytest.mark.parametrize(("version", "covered"), [("2.0", "conditional"), ("2.2", "indeterminate")])
def test_an_ehr_that_answers_wrongly_makes_the_answer_open_and_never_an_error(
    house_with, ehr, manner, version, covered
):
    ehr.behave(BROKEN[manner])
    by_reference = a_coverage(payor=[{"reference": "Organization/acme"}])
    body = a_call(ehr, prefetch={"patient": a_patient(), "coverage": by_reference})
    body["extension"]["davinci-crd.requestedVersion"] = version
    answer = house_with.call(body)
    assert answer.status_code == 200
    assert f'{{"url":"covered","valueCode":"{covered}"}}' in answer.text


@pytest.mark.parametrize(("lost", "instead"), [("Organization/acme", "Coverage.payor"), ("Patient", "subscriberId")])
def test_where_the_ehr_has_not_what_tells_whose_coverage_it_is_the_answer_says_what_would_do(
    house_with, ehr, lost, instead
):
    """To ask again would not help: the EHR answers, and has no such resource."""

    def manner(path, handler):
        if path.startswith(lost):
            return 404, {"resourceType": "OperationOutcome", "issue": []}
        return well(path, handler)

    ehr.behave(manner)
    sent = a_coverage(payor=[{"reference": "Organization/acme"}])
    if lost == "Patient":
        del sent["subscriberId"], sent["identifier"]
    answer = house_with.call(a_call(ehr, prefetch={"coverage": sent}))
    assert '"valueCode":"indeterminate"' in answer.text or '"valueCode":"conditional"' in answer.text
    assert instead in answer.text
    assert "again" not in answer.text


@pytest.mark.parametrize("manner", BROKEN)
def test_an_ehr_that_gives_no_coverage_at_all_is_412(house_with, ehr, manner):
    ehr.behave(BROKEN[manner])
    assert house_with.call(a_call(ehr)).status_code == 412


def test_endless_pages_come_to_an_end(house_with, ehr):
    """Nobody can say that there is no Coverage on the pages that were not read."""
    ehr.behave(lambda *_: (200, bundle(next_url=f"{ehr.base}/Coverage?again=1")))
    assert house_with.call(a_call(ehr)).status_code == 412
    assert len([path for path, _ in ehr.asked if path != "metadata"]) <= 6


ELSEWHERE = "http://127.0.0.1:9/fhir/Coverage?page=2"


def going_on(first, further, fault=(500, {})):
    """Answer a search for Coverages by one page that goes on to another, which is not given."""

    def manner(path, handler):
        if "page=2" in path:
            return fault
        return (200, bundle(*first, next_url=further)) if path.startswith("Coverage?") else well(path, handler)

    return manner


@pytest.mark.parametrize("elsewhere", [True, False])
def test_what_was_read_before_a_page_that_is_not_given_counts(house_with, ehr, elsewhere):
    """One on another host is not asked for at all: the token is for this one."""
    ehr.behave(going_on([a_coverage()], ELSEWHERE if elsewhere else f"{ehr.base}/Coverage?page=2"))
    assert "auth-needed" in house_with.call(a_call(ehr)).text
    (kept,) = house_with.rows(tables.hook_invocations)
    (coverage,) = [one for one in kept["reads"]["asked"] if one["type"] == "Coverage"]
    assert coverage == {"type": "Coverage", "given": True, "whole": False, "count": 1}
    assert any("page=2" in path for path, _ in ehr.asked) is not elsewhere


def test_a_coverage_of_ours_may_stand_on_the_page_that_was_not_given(house_with, ehr):
    other = a_coverage(id="other", payor=[{"identifier": {"system": "urn:oid:1.2", "value": "another"}}])
    ehr.behave(going_on([other], ELSEWHERE))
    assert house_with.call(a_call(ehr)).status_code == 412


@pytest.mark.parametrize(("path", "whole"), [("Observation?page=2", False), (None, True)])
def test_the_ehr_s_port_says_whether_a_search_was_read_to_its_end(ehr, path, whole):
    first = {"resourceType": "Condition", "id": "one"}
    ehr.behave(lambda *_: (200, bundle(first, next_url=path and f"https://ehr.example.org/{path}")))
    asked = "Condition?patient=amy-baxter"
    found = reader(ehr).fetch([asked])[asked]
    assert found == (first,)
    assert isinstance(found, Part) is not whole


@pytest.mark.requirement("crd-2.2.1@resp-43")
def test_a_token_that_expires_half_way_leaves_the_rest_open(house_with, ehr):
    def manner(path, handler):
        return well(path, handler) if path.startswith("Coverage?") else (401, {})

    def without_payer(path, handler):
        status, body = manner(path, handler)
        if path.startswith("Coverage?"):
            body["entry"] = body["entry"][:1]
        return status, body

    ehr.behave(without_payer)
    body = a_call(ehr)
    body["extension"]["davinci-crd.requestedVersion"] = "2.2"
    answer = house_with.call(body)
    assert '{"url":"covered","valueCode":"indeterminate"}' in answer.text
    assert '"code":"technical"' in answer.text
    assert house_with.rows(tables.hook_invocations)[0]["reads"]["token"] == "rejected"


@pytest.mark.parametrize("token", ["токен", "one\ntwo"])
def test_a_token_that_no_header_carries_leaves_the_ehr_unread(house_with, ehr, token):
    by_reference = a_coverage(payor=[{"reference": "Organization/acme"}])
    body = a_call(ehr, prefetch={"patient": a_patient(), "coverage": by_reference})
    body["fhirAuthorization"]["access_token"] = token
    assert "conditional" in house_with.call(body).text
    assert {path for path, _ in ehr.asked} <= {"metadata"}


@pytest.mark.requirement("crd-2.0.1@5", "crd-2.0.1@11", "crd-2.2.1@found-2")
def test_a_silent_ehr_ends_the_wait_at_the_budget(house_with, ehr):
    """The clock is not asserted: the budget is half a second, and the answer is there while the EHR is silent."""
    ehr.behave(silence)
    with_budget(house_with, 0.5)
    by_reference = a_coverage(payor=[{"reference": "Organization/acme"}])
    body = a_call(ehr, prefetch={"patient": a_patient(), "coverage": by_reference})
    answer = house_with.call(body)
    assert "conditional" in answer.text
    assert ehr.server.over.is_set() is False
    ehr.server.over.set()


def test_no_more_requests_wait_for_one_ehr_than_its_line_has_places(ehr):
    ehr.behave(silence)
    lines = EhrLines(2)
    waiting = [threading.Thread(target=reader(ehr, lines=lines).fetch, args=(["Patient/1"],)) for _ in range(2)]
    for one in waiting:
        one.start()
    while len([path for path, _ in ehr.asked if path == "Patient/1"]) < 2:
        time.sleep(0.01)
    third = reader(ehr, lines=lines)
    assert third.fetch(["Patient/1"]) == {"Patient/1": None}
    assert third.crowded
    assert third.token_use == "not-used"
    ehr.server.over.set()
    for one in waiting:
        one.join()
    ehr.behave(well)
    assert reader(ehr, lines=lines).fetch(["Patient/amy-baxter"])["Patient/amy-baxter"]


def test_the_line_of_one_ehr_is_not_another_s(ehr):
    lines = EhrLines(1)
    assert lines.of("https://dead.example/fhir").enter()
    assert not lines.of("https://dead.example/fhir").enter()
    assert reader(ehr, lines=lines).fetch(["Patient/amy-baxter"])["Patient/amy-baxter"]


def test_what_was_read_is_measured_beside_what_was_sent(house_with, ehr):
    house_with.call(a_call(ehr))
    reads = house_with.rows(tables.hook_invocations)[0]["reads"]
    assert reads["resources"] == {"Coverage": 1, "Organization": 1, "Patient": 1}
    assert (reads["token"], reads["crowded"], reads["resting"]) == ("used", False, False)
    asked = [(one["type"], one["given"], one["count"]) for one in reads["asked"]]
    assert asked == [("Coverage", True, 2), ("Patient", True, 1)]
    assert "amy" not in str(reads)


@pytest.mark.requirement("crd-2.0.1@93", "crd-2.2.1@sec-5")
def test_the_ehr_s_token_is_kept_nowhere(house_with, ehr):
    house_with.call(a_call(ehr))
    for table in tables.metadata.sorted_tables:
        assert "short-lived" not in json.dumps([list(map(str, row.values())) for row in house_with.rows(table)])


def test_a_dispatched_order_is_read_whole_and_comes_back_digit_for_digit(house_with, ehr):
    order = a_record().get("DeviceRequest/home-oxygen")
    raw = write_json(order).replace(b'"value":2.0', b'"value":2.10')

    def manner(path, handler):
        return (200, raw) if path == "DeviceRequest/home-oxygen" else well(path, handler)

    ehr.behave(manner)
    body = a_hook_of("order-dispatch") | {"fhirServer": ehr.base}
    del body["prefetch"]["order"]
    answer = house_with.call(body, service="order-dispatch-crd")
    assert b'"value":2.10,' in answer.data
    assert read_json(answer.data)["systemActions"][0]["resource"]["id"] == "home-oxygen"


def _in_time(house, ehr, hook):
    """Call a hook whose payer only the silent EHR could name, under a budget of half a second."""
    ehr.behave(silence)
    with_budget(house, 0.5)
    body = a_hook_of(hook) | {"fhirServer": ehr.base}
    body["prefetch"]["coverage"] = a_coverage(payor=[{"reference": "Organization/acme"}])
    answer = house.call(body, service=f"{hook}-crd")
    assert "conditional" in answer.text
    assert not ehr.server.over.is_set(), "the EHR is silent still"
    ehr.server.over.set()


@pytest.mark.requirement("crd-2.0.1@6", "crd-2.0.1@7", "crd-2.0.1@8")
@pytest.mark.parametrize("hook", ["order-select", "encounter-start", "encounter-discharge"])
def test_a_secondary_hook_is_answered_within_its_budget(house_with, ehr, hook):
    _in_time(house_with, ehr, hook)


@pytest.mark.requirement("crd-2.0.1@9", "crd-2.0.1@10")
@pytest.mark.parametrize("hook", ["appointment-book", "order-dispatch"])
def test_a_primary_hook_is_answered_within_its_budget(house_with, ehr, hook):
    _in_time(house_with, ehr, hook)


@pytest.mark.requirement("crd-2.0.1@119", "crd-2.0.1@131")
def test_an_option_that_means_nothing_is_logged_and_the_call_answered(house, monkeypatch):
    told = []
    monkeypatch.setattr(cds_hooks.log, "warning", lambda event, **what: told.append((event, what["issue"])))
    body = a_hook()
    body["extension"]["davinci-crd.configuration"] = {"max-cards": "many", "unheard-of": True}
    assert house.call(body).status_code == 200
    assert told == [("hook.configuration", ["max-cards"])]
