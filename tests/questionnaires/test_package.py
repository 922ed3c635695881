"""A client gets its forms, each in a package of its own, named as its generation names it."""

import pytest

from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import extensions, reference
from fhir_r4.systems import QR_CONTEXT, QR_COVERAGE
from questionnaires.catalog import questions
from questionnaires.package import Package, draft_response, read_parameters, to_parameters
from questionnaires.select import select
from tests.given import BOOK, CATALOG, FORM, NOW, TODAY, a_coverage, a_promise, an_order
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))


def parameters(*more, order=True, coverage=True):
    given = [{"name": "coverage", "resource": a_coverage()}] if coverage else []
    given += [{"name": "order", "resource": an_order()}] if order else []
    return {"resourceType": "Parameters", "parameter": [*given, *more]}


def answered(generation, *more, promises=(), **what):
    asked = read_parameters(parameters(*more, **what))
    forms, issues = select(asked, promises, BOOK, CATALOG, TODAY)
    packages = [Package(form, draft_response(form, asked, NOW, generation)) for form in forms]
    return to_parameters(packages, issues, NOW, generation)


@pytest.mark.parametrize(("generation", "name"), [("2.0", "PackageBundle"), ("2.2", "packagebundle")])
@pytest.mark.requirement("dtr-2.0.1@303", "dtr-2.2.0@oper-10")
def test_a_package_is_named_as_its_generation_names_it(generation, name):
    body = answered(Generation(generation))
    assert [one["name"] for one in body["parameter"]] == [name]


@BOTH
@pytest.mark.requirement("dtr-2.0.1@308", "dtr-2.2.0@oper-12", "dtr-2.2.0@oper-18")
def test_the_form_comes_first_and_its_draft_second(generation):
    bundle = answered(generation)["parameter"][0]["resource"]
    form, draft = (entry["resource"] for entry in bundle["entry"])
    assert (form["resourceType"], draft["resourceType"]) == ("Questionnaire", "QuestionnaireResponse")
    assert draft["questionnaire"] == f"{form['url']}|{form['version']}"
    assert draft["status"] == "in-progress"


@BOTH
def test_what_is_answered_keeps_to_its_generation_s_profiles(generation):
    assert_profiled(answered(generation), generation, references="open")


@pytest.mark.requirement("dtr-2.0.1@321", "dtr-2.0.1@322", "dtr-2.0.1@323")
def test_the_draft_of_2_0_has_subject_and_coverage_and_order_as_context():
    draft = answered(Generation.V2_0)["parameter"][0]["resource"]["entry"][1]["resource"]
    context = [reference(one["valueReference"]) for one in extensions(draft, QR_CONTEXT)]
    assert context == ["Coverage/amy-baxter-acme", "DeviceRequest/home-oxygen"]
    assert draft["subject"] == {"reference": "Patient/amy-baxter"}


@pytest.mark.requirement("dtr-2.2.0@spec-122", "dtr-2.2.0@spec-139")
def test_the_draft_of_2_2_has_the_coverage_apart_and_refers_to_the_client_s_resources():
    draft = answered(Generation.V2_2)["parameter"][0]["resource"]["entry"][1]["resource"]
    assert [reference(one["valueReference"]) for one in extensions(draft, QR_COVERAGE)] == ["Coverage/amy-baxter-acme"]
    assert [reference(one["valueReference"]) for one in extensions(draft, QR_CONTEXT)] == ["DeviceRequest/home-oxygen"]


@pytest.mark.requirement("dtr-2.0.1@299")
def test_a_form_that_is_asked_for_twice_comes_once():
    named = {"name": "questionnaire", "valueCanonical": f"{FORM}|2026.1"}
    body = answered(Generation.V2_2, named, promises=[a_promise()])
    assert len(body["parameter"]) == 1


@pytest.mark.requirement("dtr-2.0.1@297")
def test_a_form_is_found_by_its_canonical_alone():
    body = answered(Generation.V2_2, {"name": "questionnaire", "valueCanonical": FORM}, order=False)
    assert body["parameter"][0]["resource"]["entry"][0]["resource"]["version"] == "2026.1"


@pytest.mark.requirement("dtr-2.0.1@298")
def test_a_form_is_found_by_the_promise_alone():
    body = answered(
        Generation.V2_2, {"name": "context", "valueString": "promise-1"}, order=False, promises=[a_promise()]
    )
    assert body["parameter"][0]["name"] == "packagebundle"


@pytest.mark.requirement("dtr-2.0.1@301", "dtr-2.2.0@oper-9")
def test_an_unknown_canonical_beside_known_forms_is_a_warning():
    unknown = {"name": "questionnaire", "valueCanonical": "https://elsewhere.example/Questionnaire/x"}
    package, outcome = answered(Generation.V2_2, unknown)["parameter"]
    assert package["name"] == "packagebundle"
    assert (outcome["name"], outcome["resource"]["issue"][0]["severity"]) == ("outcome", "warning")
    assert "elsewhere" not in str(outcome)


@BOTH
def test_an_order_that_needs_no_form_is_told_so(generation):
    other = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "E0431"}]}
    order = {"name": "order", "resource": an_order(codeCodeableConcept=other)}
    (outcome,) = answered(generation, order, order=False)["parameter"]
    assert outcome["resource"]["issue"][0]["severity"] == "information"


def faults(body):
    with pytest.raises(InvalidRequest) as refused:
        read_parameters(body)
    return [(issue.code, issue.expression) for issue in refused.value.issues]


def test_the_body_is_parameters():
    assert faults({"resourceType": "Bundle"}) == [("structure", "Parameters")]


def test_there_is_a_coverage():
    assert faults(parameters(coverage=False)) == [("required", "Parameters.parameter")]


def test_there_is_an_order_a_form_or_a_promise():
    assert faults(parameters(order=False)) == [("invariant", "Parameters.parameter")]


def test_each_fault_names_its_parameter():
    bad = [{"name": "order", "resource": {"resourceType": "Patient"}}, {"name": "context"}, {"name": "questionnaire"}]
    assert faults(parameters(*bad)) == [
        ("invalid", "Parameters.parameter[2].resource"),
        ("required", "Parameters.parameter[4].valueCanonical"),
        ("required", "Parameters.parameter[3].valueString"),
    ]


@pytest.mark.requirement("dtr-2.0.1@313", "dtr-2.2.0@oper-16")
def test_all_canonicals_of_a_form_are_versioned():
    for name in ("home-oxygen|2026.1",):
        form = CATALOG.named(name)
        canonicals = [item["answerValueSet"] for item in questions(form).values() if "answerValueSet" in item]
        assert all("|" in canonical for canonical in canonicals)
        assert "|" in CATALOG.canonical(name)


@pytest.mark.requirement("dtr-2.0.1@338", "dtr-2.2.0@sec-4")
def test_no_question_that_is_filled_from_the_record_is_hidden_or_read_only():
    for item in questions(CATALOG.named("home-oxygen|2026.1")).values():
        assert not item.get("readOnly")
        assert not any("hidden" in one["url"] for one in item.get("extension", []))


@pytest.mark.parametrize("changed", [{"status": "active"}, {"note": [{"text": "at night"}]}, {"priority": "urgent"}])
@pytest.mark.requirement("dtr-2.2.0@spec-128")
def test_an_order_that_changed_a_little_since_the_hook_still_gets_its_form(changed):
    order = {"name": "order", "resource": an_order(**changed)}
    assert answered(Generation.V2_2, order, order=False)["parameter"][0]["name"] == "packagebundle"


def test_issues_keep_their_severity():
    body = to_parameters([], [Issue("not-found", "x", None, "warning")], NOW, Generation.V2_0)
    assert body["parameter"][0]["name"] == "operationOutcome"
