"""U+0000 stands in no address and no form: PostgreSQL would answer it with a fault of its own."""

import pytest

from app.storage import tables
from tests.app.subscribers import may_subscribe
from tests.given import a_form_response, a_submission_bundle

NUL = "\0"


def is_refused(answer):
    """Tell whether it is a 400 that says why and repeats nothing of what was sent."""
    return (
        answer.status_code == 400 and "U+0000" in answer.text and NUL not in answer.text and "Baxter" not in answer.text
    )


@pytest.mark.parametrize(
    "path",
    [
        "/fhir/2.2/Subscription?url=Baxter%00",
        "/fhir/2.2/Subscription?Baxter%00=1",
        "/fhir/2.0/ValueSet/$expand?url=%00",
        "/fhir/2.2/metadata?_format=%00",
        "/cds-services/order-sign-crd%00/feedback",
    ],
)
def test_a_machine_is_told_so_in_fhir_s_words(house, path):
    may_subscribe(house)
    scope = "system/Questionnaire.rs" if "ValueSet" in path else "system/Subscription.cruds"
    bearer = {"Authorization": f"Bearer {house.token(scope)}"}
    method = "POST" if "feedback" in path else "GET"
    answer = house.web.open(path, method=method, headers=bearer)
    assert is_refused(answer)
    assert answer.json["issue"][0]["code"] == "value"


@pytest.mark.parametrize(
    "path",
    [
        "/worklist?queue=Baxter%00",
        "/policies?words=%00",
        "/policies/home-oxygen%00/2026.1",
        "/lookup?code=E0424&plan=%00",
    ],
)
def test_a_person_is_told_so_by_a_page(silva, path):
    answer = silva.browser.get(path)
    assert is_refused(answer)
    assert answer.mimetype == "text/html"


def test_a_form_with_it_changes_nothing(silva, house):
    house.submit(a_submission_bundle(form=a_form_response({"2.1": None})))
    case = f"/authorizations/{house.rows(tables.authorizations)[0]['id']}"
    before = house.rows(tables.decisions)
    assert is_refused(silva.decides(case, action="A1", starts="2026-03-01", ends="2026-08-31", note=f"Baxter{NUL}"))
    assert is_refused(silva.post("/policies/home-oxygen/2026.1/try", {"fact-spo2": NUL}))
    assert house.rows(tables.decisions) == before


def test_no_file_of_a_form_is_called_so(house):
    part = '--x\r\nContent-Disposition: form-data; name="file"; filename="Baxter\0"\r\n\r\nbytes\r\n--x--\r\n'
    answer = house.web.post("/login", data=part.encode(), content_type="multipart/form-data; boundary=x")
    assert is_refused(answer)
