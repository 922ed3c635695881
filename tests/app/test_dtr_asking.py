"""How the app asks a payer for forms: at the payer's own address, with a key of its own, with what the guide wants."""

import re

import jwt as pyjwt
import pytest

from app.sandbox.smart import Context
from fhir_r4.profiles.check import committed
from fhir_r4.resource import extension, extensions, reference, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, QR_CONTEXT
from tests.app.other_payer import a_form
from tests.app.town import ORDER

COVERAGE = "Coverage/amy-baxter-acme"
USER = "Practitioner/lindqvist"
INPUT = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/dtr-qpackage-input-parameters"
QUESTION = {"linkId": "1", "type": "string", "text": "Why?"}
PROMISE = "assertion-1"


def launched(visitor, stranger, about=(COVERAGE, ORDER)):
    """Launch about these; return the page and what the payer was asked with."""
    stranger.packages[:] = [(a_form(QUESTION), None, [])]
    page = visitor.launch(Context("amy-baxter", USER, about))
    return page, stranger.asked("$questionnaire-package")


def test_when_the_form_of_one_of_two_orders_is_sent_the_other_is_gone_on_with(visitor, stranger):
    mri = "ServiceRequest/lumbar-mri-baxter"
    page, _ = launched(visitor, stranger, (COVERAGE, ORDER, mri))
    page = visitor.press("choose", page, order=mri)
    assert "Another&#39;s form" in visitor.press("orders", page).text  # what is not sent stays open
    visitor.post("complete", {"item": [{"linkId": "1", "answer": [{"valueString": "so"}]}], "attested": True}, page)
    page = visitor.press("orders", visitor.get("result"))
    assert page.text.count("a form is sent") == 1
    visitor.press("choose", page, order=ORDER)
    context = extensions(visitor.get("form.json").json()["response"], QR_CONTEXT)
    assert ORDER in [reference(value_of(one)) for one in context]


def with_promise(visitor, **changes):
    """Put the order into the record as CRD left it: with coverage-information."""
    records = visitor.town.sandbox.extensions["ehr"].records
    parts = [
        {"url": "coverage", "valueReference": {"reference": COVERAGE}},
        {"url": "covered", "valueCode": "covered"},
        {"url": "pa-needed", "valueCode": "auth-needed"},
        {"url": "date", "valueDate": "2026-03-01"},
        {"url": "coverage-assertion-id", "valueString": PROMISE},
    ]
    promised = {"url": COVERAGE_INFORMATION, "extension": parts}
    records.put(records.get(ORDER) | {"extension": [promised]} | changes)


def parameters(asked, name):
    return [one for one in asked["parameter"] if one["name"] == name]


@pytest.mark.requirement("dtr-2.0.1@165", "dtr-2.0.1@242", "dtr-2.0.1@166")
def test_a_form_is_asked_for_by_a_post_below_the_base_of_the_coverage_s_payer(visitor, stranger):
    page, (asked,) = launched(visitor, stranger)
    assert "Another&#39;s form" in page.text
    assert ("POST", "/fhir/Questionnaire/$questionnaire-package") in stranger.requests
    assert parameters(asked, "coverage")[0]["resource"]["id"] == COVERAGE.rpartition("/")[2]


@pytest.mark.requirement("dtr-2.0.1@168", "dtr-2.0.1@293")
@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_it_is_asked_for_with_parameters_that_keep_to_their_profile(visitor, stranger, version):
    with_promise(visitor)
    _, (asked,) = launched(visitor, stranger)
    faults = committed(version).check(asked, INPUT, references="open")
    assert [one for one in faults if one.severity == "error"] == []


@pytest.mark.requirement("dtr-2.0.1@295", "dtr-2.0.1@296", "dtr-2.2.0@oper-6")
def test_it_is_asked_for_with_the_coverage_and_the_order(visitor, stranger):
    _, (asked,) = launched(visitor, stranger)
    records = visitor.town.sandbox.extensions["ehr"].records
    assert [one["resource"] for one in parameters(asked, "coverage")] == [records.told(COVERAGE)]
    assert [one["resource"] for one in parameters(asked, "order")] == [records.told(ORDER)]


@pytest.mark.requirement("dtr-2.2.0@spec-107")
def test_after_crd_the_promise_goes_with_it_as_the_context(visitor, stranger):
    with_promise(visitor)
    _, (asked,) = launched(visitor, stranger)
    assert [one["valueString"] for one in parameters(asked, "context")] == [PROMISE]
    assert extension(parameters(asked, "order")[0]["resource"], COVERAGE_INFORMATION)


@pytest.mark.requirement("dtr-2.0.1@152")
def test_the_app_asks_the_payer_for_the_scopes_that_its_operations_need(visitor, stranger):
    launched(visitor, stranger)
    token = stranger.tokens[0]
    assert {one.lower() for one in token["scope"].split()} == {
        "system/questionnaire.rs",
        "system/valueset.rs",
        "system/library.rs",
    }
    claims = pyjwt.decode(token["client_assertion"], options={"verify_signature": False})
    assert claims["iss"] == claims["sub"] == "dtr-app"


@pytest.mark.requirement("dtr-2.0.1@21", "dtr-2.2.0@spec-4")
def test_a_payer_at_which_the_app_is_not_registered_is_not_asked(visitor, stranger):
    """The coverage is of a payer that dtr.yaml does not name; the clinician is told."""
    records = visitor.town.sandbox.extensions["ehr"].records
    elsewhere = {"identifier": {"system": "urn:payers", "value": "another"}}
    records.put(records.get(COVERAGE) | {"payor": [elsewhere]})
    page, asked = launched(visitor, stranger)
    assert (page.status_code, asked) == (409, [])
    assert "does not know how to ask the payer of this coverage" in page.text
    assert "Back to the form" not in page.text, "there is none"
    assert "close this window" in page.text


@pytest.mark.requirement("dtr-2.2.0@spec-14")
def test_nothing_of_a_form_has_to_be_known_before_it_is_asked_for(visitor, stranger):
    """A form that the app never saw comes with all it needs, and is filled in at once."""
    never_seen = a_form(QUESTION, url="https://payer.example.org/Questionnaire/never-seen", title="Never seen")
    stranger.packages[:] = [(never_seen, None, [])]
    page = visitor.launch()
    assert "Never seen" in page.text
    assert visitor.state()["asked"] == 1


@pytest.mark.requirement("dtr-2.2.0@spec-125")
def test_a_response_that_was_completed_earlier_answers_nothing_now(visitor, stranger):
    """What was true then may not be now: its answers are neither shown nor sent."""
    form = a_form(QUESTION)
    done = {
        "resourceType": "QuestionnaireResponse", "id": "done", "status": "completed",
        "questionnaire": f"{form['url']}|{form['version']}", "subject": {"reference": "Patient/amy-baxter"},
        "authored": "2026-02-01T10:00:00Z", "item": [{"linkId": "1", "answer": [{"valueString": "as it was"}]}],
        "extension": [{"url": "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/qr-context",
                       "valueReference": {"reference": ORDER}}],
    }  # fmt: skip
    visitor.town.sandbox.extensions["ehr"].records.put(done)
    page, _ = launched(visitor, stranger)
    assert "as it was" not in page.text
    assert visitor.state()["answered"] == 0
    assert not re.search("go on with what was begun", page.text)


WIDTH = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-width"


# A payer that answers oddly ------------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.0.1@68")
@pytest.mark.parametrize(
    "more",
    [
        {"extension": [{"url": "urn:unknown", "valueString": "x"}, {"url": "urn:deep", "extension": [{"url": "y"}]}]},
        {"extension": [{"url": WIDTH, "valueQuantity": {"value": 50, "code": "%"}}]},
        {"code": [{"system": "http://loinc.org", "code": "1"}], "definition": "http://x#y", "prefix": "1a"},
        {"_text": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/rendering-markdown",
                                  "valueMarkdown": "**Why?**"}]}},
        {"modifierExtension": [{"url": "urn:unknown", "valueBoolean": True}]},
        {"required": "yes", "repeats": 5, "maxLength": "ten"},
        {"enableWhen": [{"question": "nowhere", "operator": "~", "answerString": 5}], "enableBehavior": "some"},
    ],
    ids=["unknown extensions", "a width", "codes", "markdown", "a modifier", "wrong kinds", "an odd condition"],
)  # fmt: skip
def test_what_the_app_does_not_know_of_a_form_hinders_nobody(visitor, stranger, more):
    """The question beside it is asked and answered, and the form saved."""
    stranger.packages[:] = [(a_form(QUESTION, {"linkId": "2", "type": "string", "text": "Odd?"} | more), None, [])]
    page = visitor.launch()
    assert page.status_code == 200
    sent = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "1", "answer": [{"valueString": "so"}]}]}
    assert visitor.post("save", sent, page).status_code == 200
    (kept,) = visitor.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    assert kept["item"][0]["answer"][0]["valueString"] == "so"


@pytest.mark.requirement("dtr-2.2.0@spec-126")
def test_after_crd_what_the_order_refers_to_goes_along(visitor, stranger):
    """Who ordered, in which role and where, and who is to do it; the patient is known by the coverage."""
    records = visitor.town.sandbox.extensions["ehr"].records
    role = {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": USER},
            "organization": {"reference": "Organization/riverside"}}  # fmt: skip
    records.put(role)
    who = {"requester": {"reference": "PractitionerRole/role"}, "performer": {"reference": "Organization/gone"}}
    with_promise(visitor, **who)
    _, (asked,) = launched(visitor, stranger)
    referred = [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in parameters(asked, "referenced")]
    assert referred == ["PractitionerRole/role", USER, "Organization/riverside"]
    assert (len(parameters(asked, "context")), len(parameters(asked, "order"))) == (1, 1)
