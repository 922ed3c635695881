"""The DTR client keeps other makers' expressions on a lead, and its keys to itself."""

import os
import signal
import stat
import time
from contextlib import suppress
from pathlib import Path

import jwt as pyjwt
import pytest

from app.clock import now
from app.dtr.credentials import Credentials
from app.dtr.evaluator import RanAway, evaluating
from app.dtr.fork_server import ForkServer
from fhir_r4.systems import INITIAL_EXPRESSION, VARIABLE
from fhir_r4.wire import read_object
from questionnaires.populate import information_origin

DRAFT = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "1"}]}


def form(expression, language="text/fhirpath"):
    held = {"url": INITIAL_EXPRESSION, "valueExpression": {"language": language, "expression": expression}}
    return {"resourceType": "Questionnaire", "item": [{"linkId": "1", "type": "string", "extension": [held]}]}


def filled(expression, **variables):
    return filled_form(form(expression), variables)


def filled_form(form, variables, logic=()):
    with evaluating(form, logic) as evaluator:
        return evaluator.fill(DRAFT, variables, information_origin("auto"), now())


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


@pytest.mark.parametrize(
    ("expression", "why"), [("1 <<", "is not FHIRPath that can be read"), ("%nobody.name", "the expression failed")]
)
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
    answered = filled_form(form("x", language), {})
    assert answered.empty == {"1": why}


def test_only_queries_whose_tokens_have_a_value_are_asked():
    def variable(name, query):
        held = {"name": name, "language": "application/x-fhir-query", "expression": query}
        return {"url": VARIABLE, "valueExpression": held}

    asked = {"extension": [variable("a", "Patient?_id={{%patient.id}}"), variable("b", "X?_id={{%patient.gender}}")]}
    with evaluating(asked) as evaluator:
        assert evaluator.queries({"patient": {"resourceType": "Patient", "id": "p"}}) == {"a": "Patient?_id=p"}


def test_one_process_answers_several_times_and_is_gone_after_that():
    """Compiled once for the searches and for the filling; a form that ran away answers no more."""
    person = {"patient": {"resourceType": "Patient", "id": "p", "name": [{"family": "Oster"}]}}
    with evaluating(form("%patient.name.family")) as evaluator:
        assert evaluator.queries(person) == {}
        for _ in range(2):
            answered = evaluator.fill(DRAFT, person, information_origin("auto"), now())
            assert answered.response["item"][0]["answer"][0]["valueString"] == "Oster"
        assert is_running(evaluator.process)
    assert is_gone(evaluator.process)


def is_running(process):
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def is_gone(process):
    ends = time.monotonic() + 20
    while is_running(process) and time.monotonic() < ends:
        time.sleep(0.01)
    return not is_running(process)


def test_a_form_that_ran_away_is_ended_and_answers_no_more(monkeypatch):
    monkeypatch.setattr("app.dtr.evaluator.WALL_SECONDS", 1)
    with evaluating(form("1.repeat($this + 1)")) as evaluator:
        for _ in range(2):
            with pytest.raises(RanAway):
                evaluator.fill(DRAFT, {}, information_origin("auto"), now())
    assert is_gone(evaluator.process)


def test_a_process_knows_no_settings_of_ours(monkeypatch):
    monkeypatch.setenv("PRIORAUTH_ENCRYPTION_KEYS", "secret")
    with ForkServer("app.dtr.evaluator").child() as channel:
        process = int(channel.recv_bytes())
        environment = Path(f"/proc/{process}/environ")
        if not environment.exists():
            pytest.skip("this system does not show a process's environment")
        assert b"PRIORAUTH" not in environment.read_bytes()


def test_where_the_server_of_processes_has_died_another_one_is_started():
    server = ForkServer("app.dtr.evaluator")
    with server.child() as channel:
        leader = os.getpgid(int(channel.recv_bytes()))
    os.kill(leader, signal.SIGKILL)
    os.waitpid(leader, 0)
    with server.child() as channel:
        assert channel.poll(30)
        assert os.getpgid(int(channel.recv_bytes())) != leader


def test_where_there_can_be_no_process_the_form_is_not_filled(monkeypatch):
    monkeypatch.setattr("app.dtr.evaluator._server", Unforked())
    with pytest.raises(RanAway), evaluating({}):
        pass


class Unforked:
    def child(self):
        raise OSError


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
