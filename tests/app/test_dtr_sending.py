"""What leaves the app when a form is done: signed where the form asks for it, and with what its answers refer to."""

import shutil
from datetime import UTC, datetime

import pytest

from app.dtr.signing import AUTHOR_S, signed
from fhir_r4.generations import Generation
from fhir_r4.resource import extension, extensions
from fhir_r4.systems import CANDIDATE_EXPRESSION, SIGNATURE, SIGNATURE_REQUIRED
from tests.app.other_payer import OtherPayer, a_form
from tests.app.town import Browser, Town
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
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    said = {"renderer": "plain"}
    town = Town(data, lambda all_: all_ | said | {"payers": [all_["payers"][0] | {"base": payer.base}]})
    yield Browser(town)
    town.close()


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
