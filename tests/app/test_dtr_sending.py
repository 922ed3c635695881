"""What leaves the app when a form is done: signed where the form asks for it, and with what its answers refer to."""

from datetime import UTC, datetime

import pytest
import requests  # noqa: TID251 an EHR that asks for the list

from app.config import BadSettings, Config
from app.dtr.signing import AUTHOR_S, signed
from fhir_r4.generations import Generation
from fhir_r4.resource import extension, extensions
from fhir_r4.systems import CANDIDATE_EXPRESSION, INTENDED_USE, SIGNATURE, SIGNATURE_REQUIRED
from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import Browser, a_town, paid_by
from tests.second_opinion import assert_fhir, assert_profiled

WHEN = datetime(2026, 3, 1, 17, tzinfo=UTC)
WHO = "Practitioner/lindqvist"
WITNESS = {"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.5"}
ASKED = {"url": SIGNATURE_REQUIRED, "valueCodeableConcept": {"coding": [WITNESS]}}


def response(*links):
    return {"item": [{"linkId": one, "answer": [{"valueString": "x"}]} for one in links]}


@pytest.mark.requirement("dtr-2.0.1@221")
def test_a_form_is_signed_as_a_whole_or_at_a_question_as_it_asks():
    form = {"item": [{"linkId": "a"}, {"linkId": "b", "extension": [ASKED]}]}
    made = signed(form, response("a", "b"), WHO, WHEN)
    assert not extensions(made, SIGNATURE)
    assert [bool(extensions(one, SIGNATURE)) for one in made["item"]] == [False, True]
    whole = signed(form | {"extension": [{"url": SIGNATURE_REQUIRED}]}, response("a"), WHO, WHEN)
    said = extension(whole, SIGNATURE)["valueSignature"]
    assert said == {"type": [AUTHOR_S], "when": "2026-03-01T17:00:00+00:00", "who": {"reference": WHO}}


def test_a_signature_is_given_once_however_often_a_form_is_signed():
    form = {"extension": [ASKED]}
    twice = signed(form, signed(form, response("a"), "Practitioner/other", WHEN), WHO, WHEN)
    (only,) = extensions(twice, SIGNATURE)
    assert (only["valueSignature"]["who"], only["valueSignature"]["type"]) == ({"reference": WHO}, [WITNESS])


def test_a_form_that_asks_for_no_signature_has_none():
    assert signed({"item": [{"linkId": "a"}]}, response("a"), WHO, WHEN) == response("a")


RESULTS = {"language": "text/fhirpath", "expression": "%order | %patient"}
FORM = a_form(
    {"linkId": "what", "type": "string", "text": "What?"},
    {"linkId": "which", "type": "reference", "text": "Which record?",
     "extension": [{"url": CANDIDATE_EXPRESSION, "valueExpression": RESULTS}]},
    extension=[ASKED],
)  # fmt: skip


@pytest.fixture(scope="module")
def payer():
    made = OtherPayer()
    made.packages = [(FORM, None, [])]
    yield made
    made.close()


@pytest.fixture
def browser(opened, tmp_path, payer):
    with a_town(opened, tmp_path, paid_by(payer)) as town:
        yield Browser(town)


ANSWERS = {"item": [
    {"linkId": "what", "answer": [{"valueString": "Oxygen"}]},
    {"linkId": "which", "answer": [{"valueReference": {"reference": "DeviceRequest/home-oxygen"}}]}]}  # fmt: skip


def test_the_records_that_a_question_may_name_are_offered(browser):
    page = browser.launch()
    assert "DeviceRequest/home-oxygen" in page.text
    assert "Patient/amy-baxter" in page.text


@pytest.mark.requirement("dtr-2.0.1@231", "dtr-2.0.1@232", "dtr-2.0.1@233")
def test_a_completed_response_is_sent_on_with_what_its_answers_name(browser):
    page = browser.launch()
    assert "By sending I sign the form, as the payer asks." in page.text
    assert browser.get("response-bundle.json").status_code == 409
    assert browser.post("complete", ANSWERS | {"attested": True}, page).status_code == 200
    bundle = browser.get("response-bundle.json").json()
    held = [one["resource"]["resourceType"] for one in bundle["entry"]]
    assert held == ["QuestionnaireResponse", "DeviceRequest"]
    assert extensions(bundle["entry"][0]["resource"], SIGNATURE)
    assert_profiled(bundle, Generation.V2_2, references="open")


@pytest.mark.requirement("dtr-2.2.0@spec-156", "dtr-2.2.0@spec-157", "dtr-2.2.0@spec-158")
def test_the_response_comes_first_and_once_and_what_its_answers_name_after_it(browser):
    page = browser.launch()
    browser.post("complete", ANSWERS | {"attested": True}, page)
    bundle = browser.get("response-bundle.json").json()
    assert bundle["type"] == "collection"
    first, *others = (one["resource"] for one in bundle["entry"])
    assert first["resourceType"] == "QuestionnaireResponse"
    assert "QuestionnaireResponse" not in {one["resourceType"] for one in others}
    assert [f"{one['resourceType']}/{one['id']}" for one in others] == ["DeviceRequest/home-oxygen"]


@pytest.mark.requirement("dtr-2.0.1@234")
def test_what_those_resources_refer_to_themselves_stays_where_it_is(browser):
    """The order that an answer names has a patient, a requester and a coverage; no answer names them."""
    page = browser.launch()
    browser.post("complete", ANSWERS | {"attested": True}, page)
    order = browser.get("response-bundle.json").json()["entry"][1]["resource"]
    assert order["subject"]["reference"] == "Patient/amy-baxter"
    assert len(browser.get("response-bundle.json").json()["entry"]) == 2


@pytest.mark.requirement("dtr-2.0.1@235", "dtr-2.0.1@236")
def test_a_response_is_sent_on_whole_and_another_form_is_a_response_of_its_own(browser, payer):
    """Nothing is cut out of it for one recipient; its one purpose is what the payer's form says."""
    second = a_form({"linkId": "more", "type": "string", "text": "More?"}, url=f"{FORM['url']}-2", title="Second")
    payer.packages = [(FORM, None, []), (second, None, [])]
    try:
        page = browser.launch()
        browser.post("complete", ANSWERS | {"attested": True}, page)
        sent = browser.get("response-bundle.json").json()["entry"][0]["resource"]
        records = browser.town.sandbox.extensions["ehr"].records
        (kept,) = records.search("QuestionnaireResponse", "patient=amy-baxter")
        assert [one["answer"] for one in sent["item"]] == [one["answer"] for one in kept["item"]]
        (purpose,) = extensions(sent, INTENDED_USE)
        assert len(purpose["valueCodeableConcept"]["coding"]) == 1
        page = browser.press("another", browser.get("result"), form=f"{second['url']}|{second['version']}")
        browser.post(
            "complete", {"item": [{"linkId": "more", "answer": [{"valueString": "x"}]}], "attested": True}, page
        )
        both = records.search("QuestionnaireResponse", "patient=amy-baxter")
        assert len({one["questionnaire"] for one in both}) == 2
        other = browser.get("response-bundle.json").json()["entry"]
        assert [one["linkId"] for one in other[0]["resource"]["item"]] == ["more"]
    finally:
        payer.packages = [(FORM, None, [])]


def test_what_an_answer_names_and_the_ehr_does_not_give_is_said(browser):
    page = browser.launch()
    browser.post("complete", ANSWERS | {"attested": True}, page)
    browser.town.closed = frozenset({"/fhir/DeviceRequest/home-oxygen"})
    refused = browser.get("response-bundle.json")
    assert refused.status_code == 409
    assert "did not give what the answers refer to" in refused.text


@pytest.mark.requirement("dtr-2.0.1@103", "dtr-2.0.1@110", "dtr-2.0.1@111")
def test_everybody_may_know_which_payers_are_supported(browser):
    told = browser.get("2.0/supported-payers")
    assert told.headers["Content-Type"] == "application/json"
    assert {"id": "00099", "name": "Acme Health", "system": "urn:oid:2.16.840.1.113883.6.300"} in told.json()["payers"]


@pytest.mark.requirement("dtr-2.2.0@spec-101", "dtr-2.2.0@spec-102", "dtr-2.2.0@spec-105")
def test_the_supported_payers_of_2_2_are_a_list_by_its_profile(browser):
    told = browser.get("2.2/supported-payers").json()
    assert_fhir(told)
    assert_profiled(told, Generation.V2_2)
    assert told["contained"][0]["identifier"][0]["value"] in {"00099", "1992999825"}


@pytest.mark.requirement("dtr-2.0.1@112", "dtr-2.2.0@prof-2")
@pytest.mark.parametrize("path", ["2.0/supported-payers", "2.2/supported-payers"])
def test_a_payer_is_told_by_its_name_and_by_what_a_coverage_and_an_endpoint_call_it(browser, path):
    """Each identifier of dtr.yaml, by which HRex too finds a payer's endpoints."""
    told = browser.get(path).text
    for words in ("Acme Health", "00099", "urn:oid:2.16.840.1.113883.6.300", "1992999825"):
        assert words in told


@pytest.mark.requirement("dtr-2.0.1@109", "dtr-2.2.0@spec-106")
def test_the_list_is_had_by_a_simple_get_and_outside_of_tests_by_tls_alone(browser):
    """A service whose address is neither https nor loopback does not start."""
    told = requests.get(
        f"{browser.town.payer}/dtr/2.0/supported-payers", headers={"Accept": "application/json"}, timeout=9
    )
    assert (told.status_code, told.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(BadSettings, match="https"):
        Config.from_env(env={"PRIORAUTH_BASE_URL": "http://pa.example.org"})
