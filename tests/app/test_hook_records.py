"""Calls and answers are kept for disputes, found again, measured and deleted; feedback comes back to its cards."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from click.testing import CliRunner

from app.cli import main
from app.jobs import hook_measures, standing
from app.jobs.runner import work
from app.retention import purge
from app.storage import hook_records, tables
from app.storage.hook_records import Search
from app.storage.outbox import Job
from app.web import create_app
from fhir_r4.coverage_information import CoverageInformation, assertion_ids, extension_2_2, with_extension
from fhir_r4.systems import HCPCS
from fhir_r4.wire import read_json
from tests.app.fixtures import BASE, ISSUER
from tests.given import HOOKS, TODAY, a_coverage, a_hook, a_hook_of, a_patient, an_encounter, an_order


def feedback_of(card, outcome="accepted", **changes):
    taken = {"acceptedSuggestions": [{"id": str(uuid4())}]} if outcome == "accepted" else {}
    one = {"card": card, "outcome": outcome, "outcomeTimestamp": "2026-03-01T17:05:00Z"} | taken | changes
    return {"feedback": [one]}


def tell(house, body, service="order-sign-crd"):
    return house.call(body, service=f"{service}/feedback")


def measured(house):
    """Take the measures of what has come in, as the job does; return them."""
    hook_measures.measure(house.service, Job(0, hook_measures.MEASURE, 1, "everybody", 1))
    return [row["data"] for row in house.rows(tables.crd_metrics)]


def operator(house, *words):
    done = CliRunner().invoke(main, ["hooks", *words, "--data", str(house.config.data)])
    assert done.exit_code == 0, done.output
    return done.output


# Feedback


def test_feedback_is_kept_and_answered_with_200(house):
    (card,) = house.call(a_hook()).json["cards"]
    why = {"reason": card["overrideReasons"][0], "userComment": "on file"}
    assert tell(house, feedback_of(card["uuid"], "overridden", overrideReason=why)).status_code == 200
    (kept,) = house.rows(tables.hook_feedback)
    assert (kept["card"], kept["outcome"]) == (card["uuid"], "overridden")
    assert kept["reason"]["code"] == "documented-elsewhere"
    assert kept["reason"]["comment"] == "on file"


@pytest.mark.parametrize(
    ("body", "element"),
    [
        ({}, "feedback"),
        ({"feedback": []}, "feedback"),
        ({"feedback": [{}] * 501}, "feedback"),
        (feedback_of(None), "feedback[0].card"),
        (feedback_of("x" * 65), "feedback[0].card"),
        (feedback_of("c", "ignored"), "feedback[0].outcome"),
        (feedback_of("c", ["accepted"]), "feedback[0].outcome"),
        (feedback_of("c", acceptedSuggestions=[]), "feedback[0].acceptedSuggestions"),
        (feedback_of("c", acceptedSuggestions=[{}]), "feedback[0].acceptedSuggestions[0].id"),
        (feedback_of("c", outcomeTimestamp="yesterday"), "feedback[0].outcomeTimestamp"),
        (feedback_of("c", outcomeTimestamp="2026-03-01T17:05:00"), "feedback[0].outcomeTimestamp"),
        (feedback_of("c", outcomeTimestamp="0001-01-01T00:00:00+14:00"), "feedback[0].outcomeTimestamp"),
        (feedback_of("c", outcomeTimestamp="9999-12-31T23:59:59-12:00"), "feedback[0].outcomeTimestamp"),
    ],
)
def test_feedback_that_says_nothing_usable_is_400_and_named(house, body, element):
    answer = tell(house, body)
    assert answer.status_code == 400
    assert [element] in [issue["expression"] for issue in answer.json["issue"]]
    assert house.rows(tables.hook_feedback) == []


def test_feedback_needs_a_token_made_for_it_and_used_once(house):
    token = house.hook_token("order-sign-crd/feedback")
    assert house.call(feedback_of("c"), service="order-sign-crd/feedback", token=token).status_code == 200
    assert house.call(feedback_of("c"), service="order-sign-crd/feedback", token=token).status_code == 401
    assert house.call(feedback_of("c"), service="order-sign-crd/feedback", token=house.hook_token()).status_code == 401
    assert len(house.rows(tables.hook_feedback)) == 1
    assert tell(house, feedback_of("c"), service="unheard-of").status_code == 404


# Browsers


@pytest.fixture
def browser(house):
    """The house with one browser-based client let in."""
    config = replace(house.config, cors_origins="https://app.ehr.example.org http://localhost:9000")
    return create_app(config, replace(house.service, config=config)).test_client()


@pytest.mark.requirement("cds-hooks-2.0@208")
@pytest.mark.parametrize("path", ["", "/order-sign-crd", "/order-sign-crd/feedback"])
def test_the_browser_of_a_listed_origin_may_call(browser, path):
    headers = {"Origin": "https://app.ehr.example.org", "Access-Control-Request-Method": "POST"}
    answer = browser.options(f"/cds-services{path}", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.ehr.example.org"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_browser_reads_answers_and_refusals_alike(browser):
    headers = {"Origin": "http://localhost:9000"}
    for answer in (browser.get("/cds-services", headers=headers), browser.post("/cds-services/x", headers=headers)):
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:9000"
        assert "Origin" in answer.headers["Vary"]


def test_other_origins_and_other_doors_are_closed_to_browsers(browser, house):
    headers = {"Origin": "https://evil.example"}
    assert "Access-Control-Allow-Origin" not in browser.get("/cds-services", headers=headers).headers
    ours = {"Origin": "https://app.ehr.example.org"}
    assert "Access-Control-Allow-Origin" not in browser.get("/health/live", headers=ours).headers
    assert "Access-Control-Allow-Origin" not in house.web.get("/cds-services", headers=ours).headers


# Disputes


@pytest.mark.requirement("crd-2.0.1@76", "crd-2.0.1@78", "crd-2.2.1@found-38")
def test_a_call_is_found_by_instance_assertion_order_and_member(house):
    body = a_hook()
    house.call(body)
    house.call(a_hook(order=an_order(id="other"), prefetch={"coverage": None}))
    measured(house)
    (promise,) = house.rows(tables.coverage_assertions)
    for words in (
        ("--instance", body["hookInstance"]), ("--assertion", promise["id"]), ("--member", "ACME0001234"),
        ("--order", "DeviceRequest/home-oxygen"),
    ):  # fmt: skip
        (line,) = operator(house, "find", *words, "--who", "dr-silva").splitlines()
        assert json.loads(line)["hook_instance"] == body["hookInstance"]
    (line,) = operator(house, "find", "--order", "DeviceRequest/other", "--who", "x", "--whole").splitlines()
    found = json.loads(line)
    assert "ehr-secret" not in found["request"]
    assert json.loads(found["response"]) == {"cards": [], "systemActions": []}


def test_a_call_is_found_at_once_and_when_its_measures_are_taken(house):
    body = a_hook()
    house.call(body)
    for taken in (0, 1):
        assert len(house.rows(tables.crd_metrics)) == taken
        for words in (("--instance", body["hookInstance"]), ("--member", "ACME0001234")):
            (line,) = operator(house, "find", *words, "--who", "dr-silva").splitlines()
            assert json.loads(line)["hook_instance"] == body["hookInstance"]
        measured(house)


@pytest.mark.requirement("crd-2.0.1@80")
def test_who_looked_is_recorded_and_what_for_is_not_quoted(house):
    house.call(a_hook())
    operator(house, "find", "--member", "ACME0001234", "--who", "dr-silva")
    event = house.rows(tables.events)[-1]
    assert (event["kind"], event["actor"]) == ("hooks.searched", "dr-silva")
    assert event["detail"]["by"] == ["member"]
    assert "ACME0001234" not in str(event["detail"])


@pytest.mark.requirement("crd-2.0.1@79")
def test_nobody_looks_without_saying_who_or_what_for(house):
    for words in (("find", "--member", "x"), ("find", "--who", "x")):
        done = CliRunner().invoke(main, ["hooks", *words, "--data", str(house.config.data)])
        assert done.exit_code != 0


def test_measures_and_promises_outlast_the_payloads(house):
    house.call(a_hook())
    house.call(a_hook(prefetch={"coverage": None}))
    tell(house, feedback_of("c"))
    measured(house)
    later = house.clock.now + timedelta(days=91)
    purge(house.service.database, house.config, "test", later)
    assert (
        house.rows(tables.hook_invocations) == house.rows(tables.hook_orders) == house.rows(tables.hook_feedback) == []
    )
    assert len(house.rows(tables.crd_metrics)) == 2


# Measures


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.requirement("crd-2.0.1@94", "crd-2.2.1@sec-6")
def test_every_call_is_measured_off_its_path_and_no_patient_is_in_it(house, hook, version):
    answer = house.call(a_hook_of(hook, version=version), service=f"{hook}-crd")
    assert house.rows(tables.crd_metrics) == []
    (told,) = measured(house)
    assert (told["hookType"], told["httpResponse"], told["tokenUse"]) == (hook, 200, "not-used")
    assert told["payerId"]["value"] == "00099"
    assert told["groupId"]["value"] == "1234567893"
    (request,) = told["request"]
    said = next(one for one in request["response"] if one["type"] == "coverage-info")
    assert said["coverageInfo"][0]["assertionId"] in answer.text
    for private in ("Baxter", "ACME0001234", "1950-02-01", "amy-baxter"):
        assert private not in json.dumps(told)


def test_an_order_is_measured_by_its_codes_wherever_they_stand(house):
    drug = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": "urn:drugs", "code": "inf"}]}}
    order = an_order(resourceType="MedicationRequest", medicationReference={"reference": "#m"}, contained=[drug])
    del order["codeCodeableConcept"]
    lens = {"coding": [{"system": HCPCS, "code": "V2020"}], "text": "Amy's glasses"}
    glasses = {"resourceType": "VisionPrescription", "id": "v", "lensSpecification": [{"product": lens}]}
    body = a_hook(order=order)
    body["context"]["draftOrders"]["entry"].append({"resource": glasses})
    house.call(body)
    (told,) = measured(house)
    codes = [[one["code"] for one in request["orderDetail"]["coding"]] for request in told["request"]]
    assert codes == [["inf"], ["V2020"]]


@pytest.mark.parametrize("hook", HOOKS)
def test_what_was_sent_along_is_no_order_of_the_call(house, hook):
    body = a_hook_of(hook, encounterId="stay")
    body["prefetch"] |= {"encounter": an_encounter(), "history": an_order(id="long-ago", status="completed")}
    house.call(body, service=f"{hook}-crd")
    (told,) = measured(house)
    (request,) = told["request"]
    assert "coverage-info" in [one["type"] for one in request["response"]]
    assert len(house.rows(tables.hook_orders)) == 1


def test_who_is_not_known_is_measured_by_an_identifier_that_says_so(house):
    """CRDMetricData.payerId has a system and a value."""
    house.call(a_hook(prefetch={"coverage": None}))
    (told,) = measured(house)
    assert told["payerId"]["system"].endswith("/data-absent-reason")
    assert told["payerId"]["value"] == "unknown"


def test_a_call_is_measured_once(house):
    house.call(a_hook())
    measured(house)
    house.clock.now += timedelta(minutes=2)
    assert len(measured(house)) == 1


@pytest.mark.parametrize(("hook", "code"), [("order-select", "invalid"), ([], "required"), ({}, "required")])
def test_a_refused_call_is_measured_with_its_issues(house, hook, code):
    """One that could not be would leave all calls after it without their measures."""
    house.call(a_hook(hook=hook))
    (told,) = measured(house)
    assert (told["httpResponse"], told["issue"]) == (400, [{"code": code}])


def test_measures_are_written_as_ndjson_and_csv_with_what_became_of_the_cards(house):
    for version in ("2.0", "2.2"):
        card = house.call(a_hook(version=version)).json["cards"][0]
    tell(house, feedback_of(card["uuid"]))
    measured(house)
    old, new = map(json.loads, operator(house, "metrics").splitlines())
    assert {"orderDetail", "response"} <= old.keys()
    assert "request" not in old
    answers = {one["type"]: one for one in new["request"][0]["response"]}
    assert answers["guideline"]["engagement"] == "accept"
    assert "engagement" not in answers["coverage-info"]
    rows = list(csv.DictReader(io.StringIO(operator(house, "metrics", "--format", "csv"))))
    assert [row["covered"] for row in rows] == ["covered", "covered"]
    assert {row["docNeeded"] for row in rows} == {"clinical"}
    assert rows[0]["codes"].endswith("|E0424")
    assert operator(house, "metrics", "--since", "2027-01-01") == ""


def test_each_coverage_of_an_order_is_a_row_and_what_another_payer_said_is_none(house):
    told = CoverageInformation(coverage="Coverage/x", covered="not-covered", date=TODAY, coverage_assertion_id="theirs")
    order = with_extension({**an_order(), "insurance": []}, extension_2_2(told))
    both = {"resourceType": "Bundle", "type": "searchset"}
    both["entry"] = [{"resource": a_coverage(id=one)} for one in ("one", "two")]
    prefetch = {"patient": a_patient(), "coverage": both}
    (action,) = house.call(a_hook(version="2.2", order=order, prefetch=prefetch)).json["systemActions"]
    _, *ours = assertion_ids(action["resource"])
    measured(house)
    rows = list(csv.DictReader(io.StringIO(operator(house, "metrics", "--format", "csv"))))
    assert [row["assertionId"] for row in rows] == ours
    assert len(ours) == 2
    assert [bool(row["cards"]) for row in rows] == [True, False]
    assert "not-covered" not in operator(house, "metrics")


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")'])
def test_what_an_ehr_calls_something_is_no_formula_in_a_spreadsheet(house, formula):
    house.call(a_hook(version="2.2", hookInstance=formula))
    measured(house)
    (row,) = csv.DictReader(io.StringIO(operator(house, "metrics", "--format", "csv")))
    assert row["hookInstance"] == f"'{formula}"


def test_the_job_comes_again_and_there_is_one(house):
    for _ in range(2):
        standing.begin(house.service)
    while work(house.service)[0]:
        pass
    waiting = [row for row in house.rows(tables.outbox) if row["kind"] == hook_measures.MEASURE and not row["done_at"]]
    assert len(waiting) == 1


def test_a_search_for_nothing_finds_nothing(house):
    house.call(a_hook())
    with house.service.database.reading() as connection:
        assert hook_records.found(connection, Search()) == []


def test_the_token_of_discovery_opens_no_feedback(house):
    claims = house.claims(ISSUER, f"{BASE}/cds-services")
    answer = house.call(feedback_of("c"), service="order-sign-crd/feedback", token=house.signer.sign(claims))
    assert read_json(answer.data)["issue"][0]["code"] == "login"
