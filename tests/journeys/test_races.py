"""Provider, reviewer and worker reach for one case at once, in several processes: one wins, the others are told."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests  # noqa: TID251 a client of the service

from app import clock
from app.demo.reviewer import Browser, PageBroken
from fhir_r4.resource import dicts, extension
from fhir_r4.systems import REVIEW_ACTION
from fhir_r4.wire import write_json
from tests.given import a_form_response, a_submission_bundle, an_inquiry_bundle, an_update_bundle, entry, infos
from tests.journeys.test_killed import PASSWORD

pytestmark = pytest.mark.journey
ROUNDS = 6
NO_TEST = {"2.1": None, "2.3": None}


class Clinic:
    """A client over HTTP; every request is its own connection, as from many hands."""

    def __init__(self, town):
        self.base = f"{town.here.service}/fhir/2.0"
        self.token = town.here.operate("client", "token", "riverside-ehr").splitlines()[-1].strip()

    def post(self, path, body):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/fhir+json"}
        return requests.post(f"{self.base}/{path}", data=write_json(body), headers=headers, timeout=30)


def action_of(response):
    if response["outcome"] == "error":
        return "error"
    (item,) = response["item"]
    parts = extension(item["adjudication"][0], REVIEW_ACTION)["extension"]
    return next(one["valueCodeableConcept"]["coding"][0]["code"] for one in parts if one["url"].endswith("ActionCode"))


def first(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["entry"][0]["resource"]


def a_request(now):
    form = a_form_response(NO_TEST, authored=now.isoformat())
    bundle = a_submission_bundle(form=form, now=now)
    entry(bundle, "DeviceRequest")["authoredOn"] = now.date().isoformat()
    return bundle


def a_cancellation(bundle, now):
    update = an_update_bundle(bundle, now=now)
    entry(update, "Claim")["extension"] = infos({}, certification="3")["extension"]
    return update


def a_form_by_itself(reference, now):
    answers = {"2.3": {"valueDate": now.date().isoformat()}}
    said = {"TrackingId": {"value": reference}, "MemberId": {"value": "ACME0001234"}}
    content = a_form_response(answers, authored=now.isoformat())
    return {
        "resourceType": "Parameters",
        "parameter": [
            *({"name": name, "valueIdentifier": value} for name, value in said.items()),
            {"name": "AttachTo", "valueCode": "preauthorization"},
            {"name": "Attachment", "part": [{"name": "Content", "resource": content}]},
        ],
    }


def a_reviewer(town, name):
    link = town.here.operate("staff", "add", name, "--role", "reviewer", "--licence", "NY/123456")
    browser = Browser(town.here.service, name, town.out)
    browser.set_password(link, PASSWORD)
    browser.log_in(name, PASSWORD)
    return browser


def refuses(browser, case):
    try:
        return "Not shown." in browser.decide(case, {"action": "A3", "reason": "Not shown."})
    except PageBroken as told:
        return str(told)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_update_worker_and_two_reviewers_at_once(build_town, request, database):
    settings = {"PRIORAUTH_WORKERS": "2", "PRIORAUTH_JOB_POLL_SECONDS": "0.1"}
    if database == "postgresql":
        settings["PRIORAUTH_DATABASE_URL"] = request.getfixturevalue("postgres_server").new_database()
    town = build_town(**settings)
    clinic, silva, lind = Clinic(town), a_reviewer(town, "dr-silva"), a_reviewer(town, "dr-lind")
    for _ in range(ROUNDS):
        now = clock.now()
        bundle = a_request(now)
        response = first(clinic.post("Claim/$submit", bundle))
        assert action_of(response) == "A4"
        case = f"{town.here.service}/authorizations/{response['id']}"
        with ThreadPoolExecutor(4) as pool:
            form = pool.submit(clinic.post, "$submit-attachment", a_form_by_itself(response["id"], now))
            refused = [pool.submit(refuses, browser, case) for browser in (silva, lind)]
            update = pool.submit(clinic.post, "Claim/$submit", a_cancellation(bundle, now))
        assert form.result().status_code == 200
        verdicts = [one.result() for one in refused]
        changed = action_of(first(update.result()))
        ended = action_of(first(clinic.post("Claim/$inquire", an_inquiry(response, now))))
        assert verdicts.count(True) <= 1  # of two reviewers one wins
        assert set(verdicts) <= {True, "status 409", "the case has no form"}  # and the other is told
        assert (changed, ended) in {("C", "C"), ("error", "A3")}  # the provider learns which it was
        assert (True in verdicts) == (ended == "A3")


def an_inquiry(response, now):
    inquiry = an_inquiry_bundle(now=now)
    number = next(one["valueString"] for one in dicts(response["item"][0]["extension"])
                  if one["url"].endswith("administrationReferenceNumber"))  # fmt: skip
    item = entry(inquiry, "Claim")["item"][0]
    url = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-administrationReferenceNumber"
    item["extension"] = [{"url": url, "valueString": number}]
    return inquiry
