"""The DTR client keeps other makers' expressions on a lead, and its keys to itself."""

import stat

import jwt as pyjwt
import pytest

from app.clock import now
from app.dtr.credentials import Credentials
from app.dtr.evaluator import RanAway, fill, queries_of
from fhir_r4.systems import INITIAL_EXPRESSION, VARIABLE
from fhir_r4.wire import read_object
from questionnaires.populate import information_origin

DRAFT = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "1"}]}


def form(expression, language="text/fhirpath"):
    held = {"url": INITIAL_EXPRESSION, "valueExpression": {"language": language, "expression": expression}}
    return {"resourceType": "Questionnaire", "item": [{"linkId": "1", "type": "string", "extension": [held]}]}


def filled(expression, **variables):
    return fill(form(expression), DRAFT, variables, information_origin("auto"), now=now())


def test_a_form_is_filled_in_a_process_of_its_own():
    assert (
        filled("%patient.name.family", patient={"resourceType": "Patient", "name": [{"family": "Oster"}]}).response[
            "item"
        ][0]["answer"][0]["valueString"]
        == "Oster"
    )


@pytest.mark.parametrize(
    "expression", ["'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')", "1.repeat($this + 1)"]
)
def test_an_expression_that_runs_away_is_stopped(expression, monkeypatch):
    monkeypatch.setattr("app.dtr.evaluator.WALL_SECONDS", 2)
    with pytest.raises(RanAway):
        filled(expression)


@pytest.mark.parametrize(("expression", "why"), [("1 <<", "PathError"), ("%nobody.name", "ValueError")])
def test_an_expression_that_fails_leaves_the_question_empty_and_says_why(expression, why):
    answered = filled(expression)
    assert "answer" not in answered.response["item"][0]
    assert why in answered.empty["1"]


@pytest.mark.parametrize(
    ("language", "why"),
    [
        ("text/cql", "the form came without its libraries"),
        ("text/javascript", "the expression is neither CQL nor FHIRPath"),
    ],
)
def test_a_language_that_is_not_spoken_leaves_the_question_empty(language, why):
    answered = fill(form("x", language), DRAFT, {}, information_origin("auto"), now=now())
    assert answered.empty == {"1": why}


def test_only_queries_whose_tokens_have_a_value_are_asked():
    def variable(name, query):
        held = {"name": name, "language": "application/x-fhir-query", "expression": query}
        return {"url": VARIABLE, "valueExpression": held}

    asked = {"extension": [variable("a", "Patient?_id={{%patient.id}}"), variable("b", "X?_id={{%patient.gender}}")]}
    assert queries_of(asked, {"patient": {"resourceType": "Patient", "id": "p"}}) == {"a": "Patient?_id=p"}


def test_the_private_key_is_the_owner_s_and_the_public_half_is_published(tmp_path):
    credentials = Credentials.in_folder(tmp_path, "dtr-app")
    assert stat.S_IMODE((tmp_path / "private-key.json").stat().st_mode) == 0o600
    (public,) = read_object((tmp_path / "jwks.json").read_bytes())["keys"]
    assert "d" not in public
    assert repr(credentials) == "Credentials(client_id='dtr-app')"
    key = pyjwt.PyJWK(public)
    claims = pyjwt.decode(credentials.assertion("https://x", now()), key, ["ES384"], audience="https://x")
    assert claims["iss"] == claims["sub"] == "dtr-app"
    assert Credentials.in_folder(tmp_path, "dtr-app").key.as_dict() == credentials.key.as_dict()
