"""What the app asks of an EHR: which rights at its launch, and which resources with them."""

import re
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from app.clients.outbound import Reply
from app.dtr.record import Record
from app.dtr.told import nobody
from app.sandbox.smart import Context
from fhir_r4.wire import write_json
from tests.app.other_payer import a_form
from tests.app.town import ORDER

COVERAGE = "Coverage/amy-baxter-acme"
QUESTION = {"linkId": "1", "type": "string", "text": "Why?"}
PATIENT = {"reference": "Patient/amy-baxter"}
USER = "Practitioner/lindqvist"


def asked_scopes(visitor, launch="x"):
    """Return the scopes of the authorization request that a launch leads to."""
    query = {"iss": f"{visitor.town.ehr}/fhir"} | ({"launch": launch} if launch else {})
    started = visitor.get("launch", params=query, allow_redirects=False)
    return parse_qs(urlsplit(started.headers["Location"]).query)["scope"][0].split()


@pytest.mark.parametrize("launch", ["x", None], ids=["from the EHR", "standalone"])
@pytest.mark.parametrize(
    "scope",
    [
        pytest.param("launch/patient", marks=pytest.mark.requirement("dtr-2.0.1@120")),
        pytest.param("openid", marks=pytest.mark.requirement("dtr-2.0.1@122")),
        pytest.param("fhirUser", marks=pytest.mark.requirement("dtr-2.0.1@122", "dtr-2.0.1@359")),
        pytest.param("patient/QuestionnaireResponse.cu", marks=pytest.mark.requirement("dtr-2.0.1@132")),
    ],
)
def test_a_launch_asks_for_the_patient_the_person_and_the_right_to_save(visitor, scope, launch):
    assert scope in asked_scopes(visitor, launch)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("Patient", marks=pytest.mark.requirement("dtr-2.0.1@134", "dtr-2.2.0@spec-116")),
        pytest.param("Coverage", marks=pytest.mark.requirement("dtr-2.0.1@135", "dtr-2.2.0@spec-116")),
        pytest.param("QuestionnaireResponse", marks=pytest.mark.requirement("dtr-2.0.1@136", "dtr-2.2.0@spec-116")),
        pytest.param("Encounter", marks=pytest.mark.requirement("dtr-2.0.1@137", "dtr-2.2.0@spec-116")),
        pytest.param("ServiceRequest", marks=pytest.mark.requirement("dtr-2.0.1@138", "dtr-2.2.0@spec-116")),
        pytest.param("MedicationRequest", marks=pytest.mark.requirement("dtr-2.0.1@139", "dtr-2.2.0@spec-116")),
        pytest.param("DeviceRequest", marks=pytest.mark.requirement("dtr-2.0.1@140", "dtr-2.2.0@spec-116")),
        pytest.param("Appointment", marks=pytest.mark.requirement("dtr-2.0.1@141", "dtr-2.2.0@spec-116")),
        pytest.param("NutritionOrder", marks=pytest.mark.requirement("dtr-2.0.1@142", "dtr-2.2.0@spec-116")),
        pytest.param("VisionPrescription", marks=pytest.mark.requirement("dtr-2.0.1@143", "dtr-2.2.0@spec-116")),
        pytest.param("Practitioner", marks=pytest.mark.requirement("dtr-2.0.1@144", "dtr-2.2.0@spec-117")),
        pytest.param("PractitionerRole", marks=pytest.mark.requirement("dtr-2.0.1@145", "dtr-2.2.0@spec-117")),
        pytest.param("Organization", marks=pytest.mark.requirement("dtr-2.0.1@146", "dtr-2.2.0@spec-117")),
        pytest.param("Location", marks=pytest.mark.requirement("dtr-2.0.1@147", "dtr-2.2.0@spec-117")),
        pytest.param("Observation", marks=pytest.mark.requirement("dtr-2.0.1@132")),
    ],
)
def test_a_launch_asks_to_read_and_to_search(visitor, kind):
    """And a form that wants such resources has them searched for, or read where they are referred to."""
    granted = re.compile(rf"patient/(\*|{kind})\.(rs|cruds|read)")
    assert any(granted.fullmatch(one) for one in asked_scopes(visitor))
    visitor.town.calls.clear()
    named = "_id" if kind == "Patient" else "patient"
    said(visitor, a_form(QUESTION, extension=[searching("held", f"{kind}?{named}={{{{%patient.id}}}}")]))
    token = next(iter({call[3] for call in visitor.town.calls if call[1] == ORDER}))
    assert (kind, f"{named}=amy-baxter", token) in {call[1:] for call in visitor.town.calls}


VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable"


def searching(name, query):
    """Return a variable of a form that is a search of the record."""
    held = {"name": name, "language": "application/x-fhir-query", "expression": query}
    return {"url": VARIABLE, "valueExpression": held}


def said(visitor, form=None, about=(COVERAGE, ORDER)):
    """Let the payer answer with this form to a launch about these; return the page."""
    visitor.town.stranger.packages[:] = [(form or a_form(QUESTION), None, [])]
    page = visitor.launch(Context("amy-baxter", USER, about))
    assert page.status_code == 200, page.text
    return page


ORDERS = {
    "Encounter": {"status": "planned", "class": {"code": "AMB"}, "subject": PATIENT},
    "DeviceRequest": {"status": "draft", "intent": "order", "subject": PATIENT},
    "MedicationRequest": {"status": "draft", "intent": "order", "subject": PATIENT},
    "NutritionOrder": {"status": "draft", "intent": "order", "patient": PATIENT, "dateTime": "2026-03-01"},
    "CommunicationRequest": {"status": "draft", "subject": PATIENT},
    "ServiceRequest": {"status": "draft", "intent": "order", "subject": PATIENT},
    "VisionPrescription": {"status": "draft", "created": "2026-03-01", "patient": PATIENT,
                           "dateWritten": "2026-03-01", "prescriber": {"reference": USER}, "lensSpecification": []},
    "Appointment": {"status": "proposed", "participant": [{"actor": PATIENT, "status": "accepted"}]},
}  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("Encounter", marks=pytest.mark.requirement("dtr-2.0.1@251")),
        pytest.param("DeviceRequest", marks=pytest.mark.requirement("dtr-2.0.1@252")),
        pytest.param("MedicationRequest", marks=pytest.mark.requirement("dtr-2.0.1@253")),
        pytest.param("NutritionOrder", marks=pytest.mark.requirement("dtr-2.0.1@254")),
        pytest.param("CommunicationRequest", marks=pytest.mark.requirement("dtr-2.0.1@255")),
        pytest.param("ServiceRequest", marks=pytest.mark.requirement("dtr-2.0.1@256")),
        pytest.param("VisionPrescription", marks=pytest.mark.requirement("dtr-2.0.1@257")),
        "Appointment",
    ],
)
def test_a_form_is_opened_for_every_kind_of_order(visitor, stranger, kind):
    """The order is read from the EHR, and goes to the payer as it is there."""
    order = {name: value for name, value in ORDERS[kind].items() if value} | {"resourceType": kind, "id": "o1"}
    records = visitor.town.sandbox.extensions["ehr"].records
    records.put(order)
    said(visitor, about=(COVERAGE, f"{kind}/o1"))
    assert ("GET", f"{kind}/o1") in {call[:2] for call in visitor.town.calls}
    (asked,) = stranger.asked("$questionnaire-package")
    assert [one["resource"] for one in asked["parameter"] if one["name"] == "order"] == [records.told(f"{kind}/o1")]


@pytest.mark.requirement("dtr-2.0.1@245")
def test_the_coverage_that_the_launch_names_is_read(visitor, stranger):
    said(visitor)
    assert ("GET", COVERAGE) in {call[:2] for call in visitor.town.calls}
    assert stranger.asked("$questionnaire-package")[0]["parameter"][0]["resource"]["id"] == "amy-baxter-acme"


@pytest.mark.requirement("dtr-2.0.1@248", "dtr-2.0.1@250")
def test_where_the_launch_names_no_coverage_the_patient_s_are_searched_for(visitor):
    """The only one that is active is taken."""
    order = visitor.town.sandbox.extensions["ehr"].records.get(ORDER)
    bare = {name: value for name, value in order.items() if name != "insurance"} | {"id": "bare"}
    visitor.town.sandbox.extensions["ehr"].records.put(bare)
    said(visitor, about=("DeviceRequest/bare",))
    searches = {call[2] for call in visitor.town.calls if call[1] == "Coverage"}
    assert searches == {"patient=amy-baxter&status=active"}


# What the record may lack, or have more of --------------------------------------------------------------------------


def filled_with(visitor, *resources, expression="%found.entry.resource.value.value"):
    """Put these Observations in the record, and return what the app filled in from them, and why not."""
    for one in resources:
        visitor.town.sandbox.extensions["ehr"].records.put(one)
    variable = searching("found", "Observation?patient={{%patient.id}}&code=urn:x|y")
    initial = {"url": INITIAL, "valueExpression": {"language": "text/fhirpath", "expression": expression}}
    said(visitor, a_form(QUESTION | {"type": "decimal", "extension": [initial]}, extension=[variable]))
    state = visitor.get("form.json").json()
    return state["response"]["item"][0].get("answer"), state["state"]["marks"].get("1")


INITIAL = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression"


def an_observation(**more):
    code = {"coding": [{"system": "urn:x", "code": "y"}]}
    return {"resourceType": "Observation", "id": "obs", "status": "final", "code": code, "subject": PATIENT} | more


ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"dataAbsentReason": {"coding": [{"code": "unknown"}]}},
        {"_valueString": {"extension": [{"url": ABSENT, "valueCode": "masked"}]}},
        {"valueQuantity": {"extension": [{"url": ABSENT, "valueCode": "masked"}]}},
        {"subject": {**PATIENT, "extension": [{"url": "urn:e", "valueBoolean": True}]}},
    ],
    ids=["no value", "a reason why not", "a primitive of extensions alone", "a quantity of extensions alone", "more"],
)
@pytest.mark.requirement("dtr-2.0.1@366", "dtr-2.0.1@368", "dtr-2.0.1@358")
def test_what_a_resource_does_not_say_is_not_known_and_nobody_s_fault(visitor, more):
    """A value that is missing, or withheld with its reason, leaves the question to the person."""
    answer, mark = filled_with(visitor, an_observation(**more))
    assert answer is None
    assert (mark["kind"], mark["words"]) == ("empty", "The record has nothing")


@pytest.mark.requirement("dtr-2.0.1@3", "dtr-2.0.1@363", "dtr-2.0.1@261")
def test_a_resource_with_all_that_us_core_marks_is_read_without_error(visitor):
    """And with contained resources, components, extensions and references that lead nowhere."""
    component = {"code": {"text": "diastolic"}, "valueQuantity": {"value": 80}, "dataAbsentReason": {"text": "?"}}
    full = an_observation(
        meta={"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-vital-signs"]},
        text={"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"},
        contained=[{"resourceType": "Device", "id": "d"}],
        extension=[{"url": "urn:unknown", "valueString": "x"}],
        category=[{"coding": [{"code": "vital-signs"}]}],
        encounter={"reference": "Encounter/nowhere"},
        effectivePeriod={"start": "2026-02-01T10:00:00Z"},
        performer=[{"reference": "#d"}, {"display": "somebody"}],
        hasMember=[{"reference": "Observation/gone"}],
        component=[component, {"code": {"text": "empty"}}],
        valueQuantity={"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
    )
    answer, mark = filled_with(visitor, full)
    assert answer[0]["valueDecimal"] == 120
    assert mark["kind"] == "record"


class Together:
    """An EHR that answers nothing before two have asked; one of what they ask for is not there."""

    def __init__(self):
        self.asked = threading.Barrier(2, timeout=5)

    def send(self, _method, url, **_):
        self.asked.wait()
        kind, identity = url.split("/")[-2:]
        return Reply(404 if identity == "gone" else 200, {}, write_json({"resourceType": kind, "id": identity}))


def test_people_are_read_together_and_each_once_and_one_that_the_ehr_does_not_give_keeps_no_other_away():
    record = Record(Together(), "https://ehr.example.org/fhir", "token", nobody)
    wanted = ("Practitioner/a", "Practitioner/gone", "Practitioner/a")
    assert record.given(wanted) == {"Practitioner/a": {"resourceType": "Practitioner", "id": "a"}}
