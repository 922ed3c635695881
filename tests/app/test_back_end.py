"""A payer's own systems, as a process of their own: asked, silent, handed cases, and bringing decisions back."""

import json
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.clients.back_end import HttpBackEnd
from app.clients.outbound import Door, may_connect
from app.config import BadSettings, Config
from app.demo.parties import loopback_door, running
from app.jobs import back_end as jobs
from app.registration import Registration, register
from app.storage import authorizations, tables
from app.storage.directory import TableDirectory
from app.web import create_app
from fhir_r4.wire import read_json, write_json
from prior_auth.authorization import Move
from prior_auth.decision import ReviewAction
from prior_auth.review import Reviewer, Verdict, record
from rules.directory import GoldCard
from rules.ports import BackEndAway
from tests.app.fixtures import ROOT, House
from tests.app.subscribers import run_all
from tests.given import AMY, CLINIC, a_form_response, a_hook, a_submission_bundle, an_inquiry_bundle, entry
from tests.journeys.servers import free_port
from tests.second_opinion import assert_profiled

TOKEN = "back-end-secret"
PATIENCE = 2  # seconds: more than a busy machine needs, less than what is slow on purpose
CARD = GoldCard("lumbar-mri", date(2026, 1, 1))
TABLE = defaultdict(tuple, {CLINIC.npi: (CARD,)})
"""Gold cards that the payer keeps as a table."""
SCOPES = ("system/ClaimResponse.cru",)


class Fake:
    """The sandbox's back end in a process of its own."""

    def __init__(self, url):
        self.url, self.door = url, loopback_door()

    def turn(self, **knobs):
        self.door.send("POST", f"{self.url}/knobs", allowed=[self.url], body=write_json(knobs))

    def seen(self):
        return read_json(self.door.send("GET", f"{self.url}/seen", allowed=[self.url]).body)["cases"]


@contextmanager
def a_process(folder):
    port = free_port()
    words = ["--port", str(port), "--tables", str(ROOT / "fixtures" / "payer"), "--token", TOKEN]
    url = f"http://127.0.0.1:{port}"
    with running(["sandbox-back-end", *words], f"{url}/", folder / "back-end.log", {"PATH": sys.executable}):
        yield Fake(url)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    with a_process(tmp_path_factory.mktemp("back-end")) as fake:
        yield fake


@pytest.fixture
def fake(process):
    process.turn(seconds=0, status=0, garbage=False, cases={}, standing={})
    return process


@pytest.fixture
def own(house, fake):
    """The house, with the payer's own systems in place of the tables, which are emptied."""
    with house.service.database.writing() as connection:
        connection.execute(tables.members.delete())
        connection.execute(tables.providers.delete())
    door = Door(allow_loopback_http=True, timeout_seconds=PATIENCE, limit_bytes=1_000_000, private=True)
    systems = HttpBackEnd(door, fake.url, TOKEN, house.service.payers, PATIENCE, TABLE.__getitem__)
    config = replace(house.config, back_end_client="core", back_end_url=fake.url)
    service = replace(house.service, config=config, directory=systems, back_end=systems)
    app = create_app(config, service)
    keys = str(house.config.data / "keys.json")
    register(config, Registration(name="core", scopes=SCOPES, jwks=keys))
    return House(config, service, app.test_client(), house.signer, house.clock)


def action_of(answer):
    item = read_json(answer.data)["entry"][0]["resource"]["item"][0]
    (review,) = item["adjudication"][0]["extension"]
    (code,) = [one for one in review["extension"] if one["url"].endswith("reviewActionCode")]
    return code["valueCodeableConcept"]["coding"][0]["code"]


def decision(case, /, **changes):
    said = {"case": case["case"], "version": case["version"], "item": 1, "action": "A1", "decidedBy": "Dr. Silva",
            "licence": "NY/123456", "starts": "2026-03-01", "ends": "2026-08-31"}  # fmt: skip
    return said | changes


def bring(house, body, client="core"):
    token = house.token("system/ClaimResponse.cru", client)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return house.web.post("/back-end/decisions", data=json.dumps(body), headers=headers)


# Asked


def test_members_and_providers_are_the_payer_s_own(own):
    assert action_of(own.submit(a_submission_bundle())) == "A1"
    assert own.inquire(an_inquiry_bundle()).status_code == 200


def test_who_is_not_known_there_is_a_business_error_as_ever(own):
    bundle = a_submission_bundle()
    entry(bundle, "Patient")["identifier"] = [{"system": "https://clinic.example.org/members", "value": "nobody"}]
    entry(bundle, "Coverage").update(subscriberId="nobody")
    entry(bundle, "Coverage").pop("identifier", None)
    response = read_json(own.submit(bundle).data)["entry"][0]["resource"]
    assert response["error"][0]["code"]["coding"][0]["code"] == "75"


def test_what_was_authorized_elsewhere_is_on_file_for_hooks_and_requests(own, fake):
    code = {"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "E0424"}
    held = {"number": "OLD-1", "codes": [code], "starts": "2026-01-01", "ends": "2026-12-31"}
    fake.turn(standing={AMY.member_id: [held]})
    assert b"OLD-1" in own.call(a_hook()).data
    answer = own.submit(a_submission_bundle())
    assert action_of(answer) == "A4"
    assert "authorized elsewhere" in answer.text


def providers(**said):
    return {CLINIC.npi: {"name": CLINIC.name, "network": "in"} | said}


@pytest.fixture
def known_providers(fake):
    """What the systems say of the clinic, put back as it was."""
    yield lambda **said: fake.turn(providers=providers(**said))
    fake.turn(providers=providers())


def test_gold_cards_of_the_systems_hold_beside_those_of_the_table(own, known_providers):
    known_providers(goldCards=[{"policy": "home-*", "from": "2026-01-01", "to": "2026-06-30"}])
    told = GoldCard("home-*", date(2026, 1, 1), date(2026, 6, 30))
    assert own.service.directory.provider(CLINIC.npi).gold_cards == (told, CARD)
    assert own.service.directory.provider(CLINIC.npi).gold_cards == (told, CARD)  # remembered, and not doubled


@pytest.mark.parametrize("cards", [None, []])
def test_systems_need_not_speak_of_gold_cards(own, known_providers, cards):
    known_providers(goldCards=cards)
    assert own.service.directory.provider(CLINIC.npi).gold_cards == (CARD,)


@pytest.mark.parametrize("cards", ["all", [{}], [{"policy": "a", "from": "now"}], ["a"], 7, [None]])
def test_gold_cards_that_cannot_be_read_are_no_answer(own, known_providers, cards):
    known_providers(goldCards=cards)
    with pytest.raises(BackEndAway):
        own.service.directory.provider(CLINIC.npi)


def test_a_network_that_is_neither_in_nor_out_is_no_answer(own, known_providers):
    known_providers(network="INN")
    with pytest.raises(BackEndAway):
        own.service.directory.provider(CLINIC.npi)


# Silent


@pytest.mark.parametrize("knobs", [{"seconds": 2 * PATIENCE}, {"status": 500}, {"status": 302}, {"garbage": True}])
@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_systems_that_do_not_answer_pend_a_request_and_refuse_nobody(own, fake, knobs, version):
    fake.turn(**knobs)
    answer = own.submit(a_submission_bundle(), version)
    assert action_of(answer) == "A4"
    assert_profiled(read_json(answer.data), version, references="open")
    fake.turn(seconds=0, status=0, garbage=False)
    run_all(own)
    (case,) = own.rows(tables.authorizations)
    assert (case["plan"], case["member_id"], case["open"]) == (AMY.plan, AMY.member_id, False)
    assert [row["action"] for row in own.rows(tables.decisions)] == ["A4", "A1"]


def test_they_are_asked_again_for_days(own, fake):
    fake.turn(status=500)
    own.submit(a_submission_bundle())
    for _ in range(3):
        run_all(own)
        own.clock.now += timedelta(hours=2)
    (row,) = own.rows(tables.outbox)
    assert (row["kind"], row["dead_at"]) == (jobs.LOOK_UP, None)
    assert "status 500" in row["fault"]
    fake.turn(status=0)
    run_all(own)
    assert [row["action"] for row in own.rows(tables.decisions)][-1] == "A1"


def test_a_member_who_turns_out_unknown_is_left_to_a_person(own, fake):
    bundle = a_submission_bundle()
    entry(bundle, "Patient")["identifier"] = [{"system": "https://clinic.example.org/members", "value": "nobody"}]
    entry(bundle, "Coverage").update(subscriberId="nobody")
    entry(bundle, "Coverage").pop("identifier", None)
    fake.turn(status=503)
    assert action_of(own.submit(bundle)) == "A4"
    fake.turn(status=0)
    run_all(own)
    last = own.rows(tables.decisions)[-1]
    assert last["action"] == "A4"
    assert last["reason"] == "No member was found under this number. A person looks at the request."


def test_whoever_else_asks_meanwhile_is_told_to_come_back(own, fake):
    fake.turn(status=500)
    answer = own.inquire(an_inquiry_bundle())
    assert (answer.status_code, answer.data) == (503, b"")
    assert answer.headers["Retry-After"]


def test_a_process_that_is_gone_is_no_other_than_one_that_is_silent(own):
    door = Door(allow_loopback_http=True, timeout_seconds=0.4, limit_bytes=1000)
    gone = HttpBackEnd(door, f"http://127.0.0.1:{free_port()}", TOKEN, own.service.payers, 0.4)
    with pytest.raises(BackEndAway):
        gone.provider("1234567893")


def test_a_wrong_token_is_no_answer(own, fake):
    door = Door(allow_loopback_http=True, timeout_seconds=0.4, limit_bytes=1000)
    with pytest.raises(BackEndAway, match="401"):
        HttpBackEnd(door, fake.url, "wrong", own.service.payers, 0.4).provider("1234567893")


@pytest.mark.parametrize("said", [{}, {"plan": "x", "birthDate": "soon", "coveredFrom": "2026-01-01"}])
def test_an_answer_that_is_not_as_agreed_is_no_answer(own, said):
    systems = own.service.directory
    systems._ask = lambda *_, **__: said
    with pytest.raises(BackEndAway, match="not as agreed"):
        systems.member(own.service.payers[0], "x")


# Cases out, decisions in


def a_case(own, fake):
    own.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    run_all(own)
    (case,) = fake.seen()
    return case


@pytest.mark.requirement("pas-2.0.1@72")
def test_a_pended_case_is_handed_over_with_its_request(own, fake):
    case = a_case(own, fake)
    assert (case["memberId"], case["version"], case["items"][0]["action"]) == (AMY.member_id, 1, "A4")
    assert case["request"]["resourceType"] == "Bundle"
    assert [row["kind"] for row in own.rows(tables.events)].count("authorization.handed-over") == 1


def test_what_was_decided_at_once_is_not_handed_over(own, fake):
    own.submit(a_submission_bundle())
    run_all(own)
    assert fake.seen() == []


def test_a_decision_comes_back_and_is_told_like_any_other(own, fake):
    case = a_case(own, fake)
    answer = bring(own, decision(case))
    assert (answer.status_code, answer.json["version"]) == (200, 2)
    kept = own.rows(tables.decisions)[-1]
    assert (kept["action"], kept["decided_by"], kept["licence"]) == ("A1", "Dr. Silva", "NY/123456")
    assert own.rows(tables.authorizations)[0]["open"] is False


def test_a_part_is_certified_and_the_case_that_is_looked_at_again_says_so(own, fake):
    case = a_case(own, fake)
    partly = {"action": "A2", "quantity": 0.5, "reason": "Half of it for now."}
    assert bring(own, decision(case, **partly)).status_code == 200
    with own.service.database.writing() as connection:
        before = authorizations.find(connection, case["case"])
        said = Verdict(1, ReviewAction.PENDED, "An appeal.", before.version, move=Move.REOPEN)
        after = record(before, said, Reviewer("dr-silva", "NY/1"), "PA9", own.clock.now)
        authorizations.save(connection, before, after, own.clock.now)
    run_all(own)
    (item,) = fake.seen()[-1]["items"]
    days = {"starts": "2026-03-01", "ends": "2026-08-31"}
    assert item["certified"] == {"number": before.number, "quantity": 0.5} | days


def test_the_same_decision_again_is_answered_alike_and_changes_nothing(own, fake):
    case = a_case(own, fake)
    first, second = bring(own, decision(case)), bring(own, decision(case))
    assert (second.status_code, second.json) == (200, first.json)
    assert len(own.rows(tables.decisions)) == 2
    assert bring(own, decision(case, decidedBy="Dr. Other")).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"action": "A3", "reason": "Not shown.", "licence": None}, 422),
        ({"action": "A3", "reason": None}, 422),
        ({"ends": None}, 422),
        ({"action": "yes"}, 400),
        ({"item": "1"}, 400),
        ({"decidedBy": None}, 400),
        ({"starts": "soon"}, 400),
        ({"quantity": "many"}, 400),
        ({"action": "A2", "reason": "Less.", "quantity": 7}, 422),
        ({"case": "nobody"}, 404),
        ({"version": 9}, 409),
        ({"item": 7}, 422),
    ],
)
def test_a_decision_that_cannot_stand_changes_nothing(own, fake, changes, status):
    """Refusing care takes a clinician's name, licence and reason, whoever brings the decision."""
    case = a_case(own, fake)
    assert bring(own, decision(case, **changes)).status_code == status
    assert len(own.rows(tables.decisions)) == 1


def test_only_the_client_that_the_operator_named_brings_decisions(own, fake):
    case = a_case(own, fake)
    keys = str(own.config.data / "keys.json")
    register(own.config, Registration(name="another", scopes=SCOPES, jwks=keys))
    assert bring(own, decision(case), "another").status_code == 403


def test_nobody_does_where_none_is_named(house):
    keys = str(house.config.data / "keys.json")
    register(house.config, Registration(name="core", scopes=SCOPES, jwks=keys))
    assert bring(house, {}).status_code == 403


# Settings


def test_the_tables_stand_in_where_no_system_is_named(house):
    assert isinstance(house.service.back_end, TableDirectory)
    assert house.service.back_end.takes_cases is False
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    assert "back-end.hand-over" not in {row["kind"] for row in house.rows(tables.outbox)}


@pytest.mark.parametrize("url", ["http://core.example", "https://core.example/", "http://127.0.0.1:1"])
def test_an_address_that_will_not_do_stops_the_start(url):
    with pytest.raises(BadSettings, match="BACK_END_URL"):
        Config.from_env({"PRIORAUTH_BACK_END_URL": url})


@pytest.mark.parametrize(
    ("address", "reached"),
    [("10.1.2.3", True), ("192.168.0.7", True), ("fd00::1", True), ("169.254.169.254", False), ("0.0.0.0", False)],
)
def test_the_operator_s_own_systems_may_live_inside_but_not_just_anywhere(address, reached):
    assert may_connect(address, loopback=False, private=True) is reached
    assert may_connect(address, loopback=False) is False


@pytest.mark.parametrize("knobs", [{"seconds": 2 * PATIENCE}, {"status": 500}])
def test_a_hook_is_answered_in_time_whatever_they_do(own, fake, knobs):
    """Nothing is claimed of a member whom nobody could look up."""
    fake.turn(**knobs)
    answer = own.call(a_hook())
    assert answer.status_code in {200, 503}
    assert b"coverage-assertion-id" not in answer.data
