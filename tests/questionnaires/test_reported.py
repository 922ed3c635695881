"""What clients say went wrong with a form: both spellings, every form and issue, and nothing of a patient."""

import pytest

from fhir_r4.problems import InvalidRequest
from questionnaires.reported import MOST_ISSUES, MOST_WORDS, read_report, without_persons

FORM = "https://forms.priorauth.example.org/Questionnaire/home-oxygen|2026.1"


def an_issue(**parts):
    return {"severity": "error", "code": "processing", "diagnostics": "HomeOxygen.Saturation failed"} | parts


def a_report(*issues, forms=(FORM,), names=("questionnaire", "operationOutcome")):
    outcome = {"resourceType": "OperationOutcome", "issue": list(issues or [an_issue()])}
    given = [{"name": names[0], "valueCanonical": one} for one in forms]
    return {"resourceType": "Parameters", "parameter": [*given, {"name": names[1], "resource": outcome}]}


@pytest.mark.parametrize(
    "names",
    [
        ("questionnaire", "operationOutcome"),
        ("Questionnaire", "OperationOutcome"),
        ("questionnaire", "OPERATIONOUTCOME"),
    ],
)
def test_both_spellings_of_the_parameters_are_read(names):
    """2.0.1's operation definition has capitals, its profile has none."""
    (one,) = read_report(a_report(names=names))
    assert (one.questionnaire, one.severity, one.code) == (FORM, "error", "processing")
    assert one.words == "HomeOxygen.Saturation failed"


def test_each_issue_is_told_of_each_form():
    told = read_report(a_report(an_issue(), an_issue(code="timeout"), forms=(FORM, "https://x|1", FORM)))
    assert [(one.questionnaire, one.code) for one in told] == [
        (FORM, "processing"), (FORM, "timeout"), ("https://x|1", "processing"), ("https://x|1", "timeout")
    ]  # fmt: skip


def test_an_issue_may_speak_by_its_details_and_places():
    issue = {"severity": "warning", "code": "invalid", "details": {"text": "no unit"}, "expression": ["item[0]"]}
    (one,) = read_report(a_report(issue))
    assert (one.words, one.where) == ("no unit", "item[0]")


def test_long_reports_are_cut():
    told = read_report(a_report(*[an_issue(diagnostics="x" * 10_000)] * 200))
    assert len(told) == MOST_ISSUES
    assert {len(one.words) for one in told} == {MOST_WORDS}


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("failed for Patient/amy-baxter", "failed for …"),
        ("born 1950-02-01, member ACME0001234, call 5185550134", "born …, member …, call …"),
        ("expected 'Oster'", "expected …"),
        ('"HomeOxygen"."Day of the test" at 12:3-12:9 of version 2026.1', None),
    ],
)
def test_what_looks_like_a_patient_s_is_cut_out_and_the_author_s_words_stay(words, left):
    assert without_persons(words) == (left or words)


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Bundle"},
        {"resourceType": "Parameters"},
        a_report(forms=()),
        a_report(forms=(5,)),
        {"resourceType": "Parameters", "parameter": [{"name": "questionnaire", "valueCanonical": FORM}]},
        {"resourceType": "Parameters", "parameter": [{"name": 5}, None, "x"]},
    ],
)
def test_a_report_that_says_nothing_is_refused(body):
    with pytest.raises(InvalidRequest):
        read_report(body)


@pytest.mark.parametrize("issue", [{}, {"severity": 5, "code": [], "expression": 3, "location": [3], "details": "x"}])
def test_an_odd_issue_is_kept_as_far_as_it_goes(issue):
    (one,) = read_report(a_report(issue))
    assert (one.severity, one.code, one.words, one.where) == ("error", "unknown", "", "")
