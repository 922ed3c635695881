"""For whom, for what and for how long does an EHR's token let the app in? What its token response says is kept to."""

import pytest

from app.sandbox.smart import TOKEN_LIFE, Context, Refused
from tests.app.other_payer import a_form
from tests.app.test_dtr_filling import COVERAGE, USER, item
from tests.app.town import ORDER

ANSWER = {"item": [{"linkId": "1", "answer": [{"valueString": "so"}]}]}


class Says:
    """What the EHR's token endpoint answers, changed."""

    def __init__(self, ehr):
        self.ehr, self.given = ehr, ehr.authorization.token
        self.asked, self.change, self.renews = [], {}, True

    def __call__(self, form, now):
        self.asked.append(form)
        if form["grant_type"] == "authorization_code":
            self.grant = self.given(form, now)
            return {name: value for name, value in (self.grant | self.change).items() if value is not None}
        if not self.renews:
            raise Refused("invalid_grant")
        _, rights = self.ehr.tokens._held.pop(self.grant["access_token"])
        again = self.ehr.tokens.issue(now, TOKEN_LIFE, rights)
        return {"access_token": again, "token_type": "Bearer", "expires_in": 600, "refresh_token": "second"}

    def ends(self):
        """Let the token that was given end."""
        del self.ehr.tokens._held[self.grant["access_token"]]


@pytest.fixture
def says(visitor, stranger, monkeypatch):
    stranger.packages[:] = [(a_form(item("1")), None, [])]
    made = Says(visitor.town.sandbox.extensions["ehr"])
    monkeypatch.setattr(made.ehr.authorization, "token", made)
    return made


def launched(visitor, *about):
    return visitor.launch(Context("amy-baxter", USER, about or (COVERAGE, ORDER)))


def kept(visitor):
    return visitor.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")


def test_a_token_that_ends_while_a_form_is_filled_is_renewed_where_the_ehr_allows_it(visitor, says):
    says.change = {"expires_in": 1, "refresh_token": "first"}
    page = launched(visitor)
    assert visitor.post("save", ANSWER, page).status_code == 200
    assert visitor.post("save", ANSWER, page).status_code == 200  # with the second token, which has not ended
    _, renewal = says.asked
    assert renewal == {"grant_type": "refresh_token", "refresh_token": "first", "client_id": "priorauth-dtr"}
    assert len(kept(visitor)) == 1


def test_who_types_does_not_wait_for_an_ehr_that_gives_no_further_token(visitor, says):
    says.change, says.renews = {"expires_in": 1, "refresh_token": "first"}, False
    page = launched(visitor)
    assert visitor.post("draft", ANSWER, page).status_code == 200
    assert visitor.get("form.json").status_code == 200
    assert [one["grant_type"] for one in says.asked] == ["authorization_code"]


@pytest.mark.parametrize("change", [{}, {"expires_in": 1, "refresh_token": "first"}], ids=["never could", "refused"])
def test_a_token_that_ended_for_good_is_told_of_and_what_to_do(visitor, says, change):
    says.change, says.renews = change, False
    page = launched(visitor)
    says.ends()
    told = visitor.post("save", ANSWER, page)
    assert told.status_code == 409
    assert "no longer lets this app in" in told.json()["error"]
    assert "try again" not in told.json()["error"]
    assert "so" in visitor.get("form.json").text


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("launch patient/*.rs patient/QuestionnaireResponse.cu", True),
        ("patient/*.cruds", True),
        ("patient/QuestionnaireResponse.write", True),
        ("user/*.*", True),
        (None, True),  # an EHR that names no scopes grants what was asked (RFC 6749, 5.1)
        ("openid fhirUser launch patient/*.rs", False),
        ("patient/*.read patient/Task.cu", False),
        ("patient/QuestionnaireResponse.u", False),
    ],
)
def test_who_may_not_save_is_told_before_filling_the_form(visitor, says, scope, may):
    says.change = {"scope": scope}
    assert ("lets this app read the record, and not save" in launched(visitor).text) is not may


@pytest.mark.parametrize("patient", ["amy-baxter", "Patient/amy-baxter", "{ehr}/fhir/Patient/amy-baxter"])
def test_the_patient_of_a_launch_may_be_said_as_a_reference(visitor, says, patient):
    says.change = {"patient": patient.format(ehr=visitor.town.ehr)}
    assert "Amy Baxter" in launched(visitor).text


def test_what_a_launch_is_about_may_be_named_in_a_version(visitor, says):
    page = launched(visitor, f"{COVERAGE}/_history/1", f"{ORDER}/_history/1")
    assert "What is to be documented?" not in page.text
    assert "Amy Baxter" in page.text
