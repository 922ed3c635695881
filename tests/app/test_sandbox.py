"""The other side speaks FHIR and gives its records to whoever has a token, and to nobody else."""

import pytest

from fhir_r4.wire import read_json, write_json
from tests.app.fixtures import launch_token
from tests.second_opinion import assert_fhir


@pytest.fixture
def guest(sandbox):
    client, token = sandbox.app.test_client(), launch_token(sandbox)

    def get(path):
        answer = client.get(f"/fhir/{path}", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, read_json(answer.data)

    get.post = lambda path, body: client.post(
        f"/fhir/{path}", data=write_json(body), headers={"Authorization": f"Bearer {token}"}
    )
    return get


def test_without_a_token_nothing_is_read(sandbox):
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
        assert sandbox.app.test_client().get("/fhir/Patient/amy-baxter", headers=header).status_code == 401


def test_every_synthetic_record_is_fhir(sandbox, guest):
    for kind in ("Patient", "Coverage", "Organization", "Practitioner", "DeviceRequest", "Observation", "Condition"):
        status, bundle = guest(kind)
        assert status == 200
        assert bundle["total"] > 0
        assert_fhir(bundle)


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("Observation?patient=amy-baxter&code=http://loinc.org|59408-5&_sort=-date&_count=1", ["amy-baxter-spo2"]),
        ("Observation?patient=nobody", []),
        ("Coverage?patient=Patient/amy-baxter&status=active", ["amy-baxter-acme"]),
        ("DeviceRequest?_id=home-oxygen&_include=DeviceRequest:requester", ["home-oxygen", "lindqvist"]),
        ("Condition?patient=amy-baxter&category=problem-list-item", ["amy-baxter-copd"]),
        ("Patient?identifier=https://www.acmehealth.example/member-id|ACME0001234", ["amy-baxter"]),
    ],
)
def test_searches_find_what_they_ask_for(guest, search, ids):
    status, bundle = guest(search)
    assert status == 200
    assert [entry["resource"]["id"] for entry in bundle.get("entry", [])] == ids


def test_a_resource_that_is_not_there_is_not_found(guest):
    assert guest("Patient/nobody")[0] == 404


FORM = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": "Patient/amy-baxter"}}


def test_a_resource_can_be_created_and_read_back(guest):
    answer = guest.post("QuestionnaireResponse", FORM)
    assert answer.status_code == 201
    assert guest(answer.headers["Location"].partition("/fhir/")[2].partition("/_history")[0])[0] == 200
    assert guest.post("Patient", {"resourceType": "Basic"}).status_code == 405
