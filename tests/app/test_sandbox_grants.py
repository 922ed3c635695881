"""A token of the sandbox EHR opens the record of the patient for whom the app was launched, as far as its scopes go."""

import base64
import hashlib

import pytest

from app.clock import now
from app.sandbox.grants import grant_of
from app.sandbox.server import RECORDS, create_sandbox
from app.sandbox.smart import Context, Refused
from fhir_r4.wire import write_json
from tests.app.test_sandbox_search import asking, found

APP = "patient/*.rs patient/QuestionnaireResponse.cu"
AMY = {"reference": "Patient/amy-baxter"}
OTHER = {"reference": "Patient/bernard-okoye"}


@pytest.fixture
def ehr():
    return create_sandbox("http://ehr.example.org", "http://payer.example.org", RECORDS)


@pytest.fixture
def ask(ehr):
    return asking(ehr, grant_of("amy-baxter", APP))


def form(subject=AMY, **more):
    return {"resourceType": "QuestionnaireResponse", "status": "in-progress", "questionnaire": "https://x/q"} | (
        {"subject": subject} if subject else {}) | more  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Patient/amy-baxter", 200),
        ("Coverage/amy-baxter-acme", 200),
        ("DeviceRequest/home-oxygen", 200),
        ("Practitioner/lindqvist", 200),
        ("Organization/acme", 200),
        ("Patient/bernard-okoye", 404),
        ("DeviceRequest/home-oxygen-okoye", 404),
    ],
)
def test_what_is_another_patient_s_is_not_there(ask, path, status):
    assert ask(path)[0] == status


@pytest.mark.parametrize(
    "search",
    [
        "Patient?_id=bernard-okoye",
        "DeviceRequest?patient=bernard-okoye",
        "Observation?subject=Patient/bernard-okoye",
        "Coverage?beneficiary=Patient/bernard-okoye",
    ],
)
def test_a_search_finds_nothing_of_another_patient(ask, search):
    assert found(ask(search)) == []


def test_a_search_without_a_patient_finds_what_is_this_one_s(ask):
    everybody = found(ask("Patient"))
    assert everybody == ["amy-baxter"]
    assert len(found(ask("Practitioner"))) > 1


def test_a_batch_goes_no_further_than_its_token(ask):
    entries = [{"request": {"method": "GET", "url": url}} for url in ("Patient/amy-baxter", "Patient/bernard-okoye")]
    body = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    _, said = ask("", method="POST", body=write_json(body))
    assert [one["response"]["status"][:3] for one in said["entry"]] == ["200", "404"]


@pytest.mark.parametrize("subject", [OTHER, None])
def test_a_form_of_another_patient_or_of_nobody_is_not_kept(ehr, ask, subject):
    before = len(list(ehr.extensions["ehr"].records))
    assert ask("QuestionnaireResponse", method="POST", body=write_json(form(subject)))[0] == 403
    assert len(list(ehr.extensions["ehr"].records)) == before


def test_a_form_is_not_moved_to_another_patient_nor_another_s_overwritten(ehr, ask):
    _, mine = ask("QuestionnaireResponse", method="POST", body=write_json(form()))
    path = f"QuestionnaireResponse/{mine['id']}"
    assert ask(path, method="PUT", body=write_json(mine | {"subject": OTHER}))[0] == 403
    theirs = asking(ehr, grant_of("bernard-okoye", APP))
    assert theirs(path, method="PUT", body=write_json(mine | {"subject": OTHER}))[0] in {404, 405}
    assert ask(path)[1]["subject"] == AMY


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        ("patient/Patient.r", "GET", "Patient/amy-baxter", 200),
        ("patient/Patient.r", "GET", "Patient?_id=amy-baxter", 403),
        ("patient/Patient.s", "GET", "Patient/amy-baxter", 403),
        ("patient/Patient.read", "GET", "Patient?_id=amy-baxter", 200),
        ("patient/Patient.rs", "GET", "DeviceRequest/home-oxygen", 403),
        ("patient/*.rs", "POST", "QuestionnaireResponse", 403),
        ("patient/QuestionnaireResponse.c", "POST", "QuestionnaireResponse", 201),
        ("patient/QuestionnaireResponse.write", "POST", "QuestionnaireResponse", 201),
        ("openid fhirUser", "GET", "Patient/amy-baxter", 403),
        ("system/*.cruds user/*.rs", "GET", "Patient/amy-baxter", 403),
        ("", "GET", "Patient/amy-baxter", 403),
    ],
)
def test_a_token_opens_what_its_scopes_name(ehr, scopes, method, path, status):
    ask = asking(ehr, grant_of("amy-baxter", scopes))
    assert ask(path, method=method, body=write_json(form()) if method == "POST" else None)[0] == status


def test_an_app_gets_no_more_than_a_patient_s_record_whatever_it_asks_for(ehr):
    authorization, verifier = ehr.extensions["ehr"].authorization, "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"code_challenge": challenge, "redirect_uri": "https://app", "client_id": "app",
             "scope": f"openid system/*.cruds user/*.rs {APP}"}  # fmt: skip
    code = authorization.code(asked, Context("amy-baxter", "Practitioner/lindqvist"), now())
    form_ = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": "https://app"}
    said = authorization.token(form_, now())
    assert said["scope"] == f"openid {APP}"
    with pytest.raises(Refused):
        authorization.token(form_, now())
