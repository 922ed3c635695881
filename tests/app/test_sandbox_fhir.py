"""The sandbox EHR keeps forms, answers batches, and says of itself what is so."""

import pytest

from app.sandbox.parameters import COMMON, PARAMETERS, WRITABLE
from app.sandbox.server import RECORDS, create_sandbox
from fhir_r4.capability import Capability
from fhir_r4.resource import kind
from fhir_r4.systems import QR_CONTEXT
from fhir_r4.wire import write_json
from tests.app.test_sandbox_search import asking, found
from tests.second_opinion import assert_fhir

FORM = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": "https://forms.example.org/Questionnaire/cpap|1",
    "status": "in-progress",
    "authored": "2026-03-01T09:00:00-05:00",
    "subject": {"reference": "Patient/carmen-delgado"},
    "extension": [{"url": QR_CONTEXT, "valueReference": {"reference": "DeviceRequest/carmen-delgado-cpap"}}],
}


@pytest.fixture
def ehr():
    return create_sandbox("http://ehr.example.org", "http://payer.example.org", RECORDS)


@pytest.fixture
def ask(ehr):
    return asking(ehr)


@pytest.fixture
def kept(ask):
    _, made = ask("QuestionnaireResponse", method="POST", body=write_json(FORM))
    return made


@pytest.mark.parametrize(
    "search",
    [
        "context=DeviceRequest/carmen-delgado-cpap",
        "patient=carmen-delgado&context=carmen-delgado-cpap&status=in-progress",
        "questionnaire=https://forms.example.org/Questionnaire/cpap",
        "questionnaire=https://forms.example.org/Questionnaire/cpap|1&subject=Patient/carmen-delgado",
        "patient=carmen-delgado&authored=ge2026-03-01&_sort=-authored",
    ],
)
def test_a_form_is_found_by_order_questionnaire_patient_status_and_time(ask, kept, search):
    assert found(ask(f"QuestionnaireResponse?{search}")) == [kept["id"]]
    assert found(ask("QuestionnaireResponse?context=DeviceRequest/home-oxygen")) == []
    assert found(ask("QuestionnaireResponse?questionnaire=https://forms.example.org/Questionnaire/cpap|2")) == []


def test_a_form_is_created_and_updated_and_counts_its_versions(ask, kept):
    assert ask.headers["ETag"] == 'W/"1"'
    assert ask.headers["Location"].endswith(f"/QuestionnaireResponse/{kept['id']}/_history/1")
    path = f"QuestionnaireResponse/{kept['id']}"
    status, changed = ask(path, method="PUT", body=write_json(kept | {"status": "completed"}), If_Match='W/"1"')
    assert (status, changed["meta"]["versionId"], changed["status"]) == (200, "2", "completed")
    assert ask(path)[1] == changed
    assert ask(path, If_None_Match='W/"2"') == (304, None)


def test_a_form_that_changed_meanwhile_is_not_overwritten(ask, kept):
    path = f"QuestionnaireResponse/{kept['id']}"
    first = write_json(kept | {"language": "en"})
    assert ask(path, method="PUT", body=first, If_Match='W/"1"')[0] == 200
    assert ask(path, method="PUT", body=write_json(kept), If_Match='W/"1"')[0] == 412
    assert ask(path)[1]["language"] == "en"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "QuestionnaireResponse", b"{", 400),
        ("POST", "QuestionnaireResponse", b'{"resourceType": "Basic"}', 400),
        ("POST", "QuestionnaireResponse", b'{"resourceType": "QuestionnaireResponse"}', 422),
        ("POST", "QuestionnaireResponse", b'{"resourceType": "QuestionnaireResponse", "status": "done"}', 422),
        ("POST", "QuestionnaireResponse", write_json(FORM | {"x": 1}), 422),
        ("PUT", "QuestionnaireResponse/mine", write_json(FORM | {"id": "mine"}), 405),
        ("PUT", "QuestionnaireResponse", write_json(FORM), 405),
        ("POST", "Patient", b'{"resourceType": "Patient"}', 405),
        ("PUT", "Patient/carmen-delgado", b'{"resourceType": "Patient", "id": "carmen-delgado"}', 405),
        ("DELETE", "Patient/carmen-delgado", None, 405),
        ("PATCH", "Patient/carmen-delgado", b"[]", 405),
        ("POST", "Patient/carmen-delgado", b"{}", 405),
    ],
)  # fmt: skip
def test_what_an_app_may_not_write_is_refused_and_nothing_is_kept(ask, method, path, body, status):
    before = ask("Patient/carmen-delgado")[1]
    answered = ask(path, method=method, body=body)
    assert (answered[0], kind(answered[1])) == (status, "OperationOutcome")
    assert_fhir(answered[1])
    assert found(ask("QuestionnaireResponse")) == []
    assert ask("Patient/carmen-delgado")[1] == before


def test_an_update_keeps_to_the_id_of_its_address(ask, kept):
    assert ask(f"QuestionnaireResponse/{kept['id']}", method="PUT", body=write_json(FORM | {"id": "s99"}))[0] == 400


def batch(*entries, type_="batch"):
    return write_json({"resourceType": "Bundle", "type": type_, "entry": list(entries)})


def request(method, url, resource=None):
    return {"request": {"method": method, "url": url}} | ({"resource": resource} if resource else {})


def test_a_batch_is_answered_entry_by_entry(ask):
    """One that fails leaves the others alone (FHIR R4, "Batch")."""
    status, answered = ask(
        "",
        method="POST",
        body=batch(
            request("GET", "Patient/carmen-delgado"),
            request("GET", "Observation?patient=priya-raman&code=8867-4"),
            request("GET", "Patient/nobody"),
            request("GET", "Observation?date=soon"),
            request("POST", "QuestionnaireResponse", FORM),
            request("POST", "QuestionnaireResponse", FORM | {"status": "done"}),
            request("DELETE", "Patient/carmen-delgado"),
            {},
        ),
    )
    assert (status, answered["type"]) == (200, "batch-response")
    statuses = [one["response"]["status"][:3] for one in answered["entry"]]
    assert statuses == ["200", "200", "404", "400", "201", "422", "405", "405"]
    assert answered["entry"][0]["resource"]["id"] == "carmen-delgado"
    assert found((200, answered["entry"][1]["resource"])) == ["priya-raman-pulse"]
    assert kind(answered["entry"][2]["response"]["outcome"]) == "OperationOutcome"
    assert len(found(ask("QuestionnaireResponse"))) == 1
    assert_fhir(answered)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"[]", 400), (b'{"resourceType": "Bundle"}', 400), (b'{"resourceType": "Patient"}', 400),
        (batch(type_="transaction"), 400), (batch(*[request("GET", "Patient/x")] * 101), 413),
        (batch(request("POST", "", {"resourceType": "Bundle", "type": "batch"})), 200), (batch(), 200),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused(ask, body, status):
    answered = ask("", method="POST", body=body)
    assert answered[0] == status
    assert_fhir(answered[1])


def test_the_capability_statement_says_what_is_so(ask, ehr):
    """Open to all; every type searched is named with all its parameters, and nothing else."""
    statement = ehr.test_client().get("/fhir/metadata").get_json()
    assert_fhir(statement)
    told = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert told.keys() == PARAMETERS.keys()
    for resource_type, one in told.items():
        names = {each["name"] for each in one["searchParam"]}
        assert names == PARAMETERS[resource_type].keys() | COMMON.keys()
        codes = {each["code"] for each in one["interaction"]}
        assert ("create" in codes) is (resource_type in WRITABLE)
        assert ask(resource_type)[0] == 200
        for include in one.get("searchInclude", []):
            assert ask(f"{resource_type}?_include={include}", Prefer="handling=strict")[0] == 200
        assert ask(f"{resource_type}?_revinclude=Provenance:target")[0] == 200
    asked = "Observation?patient=1&code=2&_include=Observation:encounter"
    assert Capability.read(statement).local(asked) == asked


def test_no_guest_without_a_token_reads_writes_or_batches(ehr):
    client = ehr.test_client()
    for method, path in (("POST", "/fhir"), ("GET", "/fhir/Patient"), ("PUT", "/fhir/Task/1")):
        assert client.open(path, method=method, data=b"{}").status_code == 401
