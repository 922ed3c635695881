"""What keeps the house a house: settings told, problems rendered, patients out of the logs, the page of proofs true."""

import ast
import dataclasses
import io
import json
import re
from pathlib import Path

import pytest

from app.api import errors
from app.config import Config
from app.logging import configure
from fhir_r4 import problems
from fhir_r4.problems import Problem
from fhir_r4.wire import read_json
from tests import conformance
from tests.given import a_form_response, a_hook, a_patient, a_submission_bundle, an_inquiry_bundle, an_order, entry

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("fhir_r4", "cql", "rules", "questionnaires", "cds_hooks", "prior_auth", "app")


def test_every_setting_is_told_to_the_operator():
    page = (ROOT / "docs" / "operating.md").read_text()
    for setting in dataclasses.fields(Config):
        assert f"`PRIORAUTH_{setting.name.upper()}`" in page


def test_every_setting_is_told_with_its_default():
    """Where the default is nothing there are words, which are for people to check."""
    page = (ROOT / "docs" / "operating.md").read_text()
    told = dict(re.findall(r"^\| `PRIORAUTH_([A-Z_]+)` \| ([^|]*) \|", page, re.MULTILINE))
    read = {bool: lambda word: bool(int(word)), int: int, float: float, str: str}
    for setting in dataclasses.fields(Config):
        usual, said = setting.default, told[setting.name.upper()].strip("`")
        if isinstance(usual, Path):
            assert ROOT / said == ROOT / usual, setting.name
        elif usual != "":
            assert read[type(usual)](said) == usual, setting.name


def test_every_setting_says_what_it_means():
    source = ast.parse((ROOT / "app" / "config.py").read_text())
    (config,) = [one for one in source.body if isinstance(one, ast.ClassDef) and one.name == "Config"]
    for index, line in enumerate(config.body):
        if isinstance(line, ast.AnnAssign):
            words = config.body[index + 1]
            assert isinstance(words, ast.Expr), ast.unparse(line.target)
            assert isinstance(ast.literal_eval(words.value), str)


@pytest.mark.parametrize("problem", Problem.__subclasses__(), ids=lambda one: one.__name__)
def test_every_problem_is_rendered_with_its_own_status_and_code(house, problem):
    app = house.web.application
    app.add_url_rule("/fhir/2.0/broken", view_func=lambda: (_ for _ in ()).throw(problem("a sentence")))
    answer = app.test_client().get("/fhir/2.0/broken")
    assert answer.status_code == problem.status
    if problem.status < 500:
        assert read_json(answer.data)["issue"][0]["code"] == problem.default_code
    else:
        assert answer.data == b""


def test_the_drawing_of_problems_shows_them_all():
    for problem in Problem.__subclasses__():
        assert f"{problem.__name__:<20}  {problem.status}" in problems.__doc__


def test_errors_are_rendered_in_one_place():
    callers = [
        file.relative_to(ROOT)
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        if "operation_outcome(" in file.read_text()
    ]
    allowed = {
        "fhir_r4/problems.py", "app/api/errors.py",
        "questionnaires/package.py", "questionnaires/reported.py",  # an outcome inside an answer, or the answer itself
        "prior_auth/answer.py",
        "app/api/attachments.py",  # the whole answer of $submit-attachment
        "app/sandbox/server.py", "app/sandbox/fhir.py", "app/sandbox/search.py",  # the other side
    }  # fmt: skip
    assert {str(file) for file in callers} <= allowed
    assert errors


def test_every_module_says_which_question_it_answers():
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            assert ast.get_docstring(ast.parse(file.read_text())), file


def test_no_marker_names_a_requirement_that_there_is_not():
    known = conformance.known_ids()
    if known is None:
        pytest.skip("the ledger of requirements is not beside the project")
    assert set(conformance.marked_tests()) <= known
    assert set(conformance.divergences()) <= known


def test_the_page_of_proofs_is_the_one_that_the_tests_make():
    assert (ROOT / "docs" / "conformance.md").read_text() == conformance.page(), "run make docs"


CANARIES = ("Baxter", "Amy", "1950-02-01", "ACME0001234", "Quarry Lane", "RPC-40017", "ehr-secret", "Lindqvist")


def test_no_patient_is_in_the_logs_the_audit_or_a_refusal(house):
    """Everything that a client can do, rightly and wrongly, with a patient in every place that has room for one."""
    log = io.StringIO()
    configure(log)
    hook, bundle, inquiry = a_hook(), a_submission_bundle(), an_inquiry_bundle()
    form = a_form_response({"2.1": {"valueString": "Baxter"}})
    answers = [
        house.call(hook),
        house.call(a_hook(hook="Baxter")),
        house.call(a_hook(prefetch={"patient": a_patient(), "coverage": {"resourceType": "Baxter"}})),
        house.call(a_hook(order=an_order(id=None, note=[{"text": "Amy"}]))),
        house.call(json.dumps(hook, default=str).encode()[:-5]),
        house.call(b'{"Baxter":1,"Baxter":2}'),
        house.call(hook, token=house.hook_token(iss="Baxter")),
        house.submit(bundle),
        house.submit(bundle | {"timestamp": "Baxter"}),
        house.submit(a_submission_bundle(form=form)),
        house.inquire(inquiry),
        house.package({"resourceType": "Parameters", "parameter": [{"name": "context", "valueString": "Baxter"}]}),
        house.web.get("/fhir/2.0/Patient/Baxter"),
        house.web.get("/cds-services?patient=Baxter"),
        house.ask_for_token("Baxter", client_assertion=house.assertion("Baxter")),
    ]
    broken = a_submission_bundle()
    entry(broken, "Claim")["patient"] = {"reference": "Patient/Baxter", "Amy Baxter": {"reference": "Baxter"}}
    answers.append(house.submit(broken))
    refusals = [answer for answer in answers if answer.status_code >= 400]
    assert len(refusals) >= 9
    kept = str([dict(row) for row in house.rows(_events())])
    for canary in CANARIES:
        assert canary not in log.getvalue()
        assert canary not in kept
        for refusal in refusals:
            assert canary not in refusal.text


def _events():
    from app.storage import tables  # noqa: PLC0415

    return tables.events
