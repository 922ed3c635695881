"""Our own forms: each agrees with its policy, runs without fault, and asks for no more than it needs."""

import base64
import json
import os
from dataclasses import replace
from datetime import date

import pytest

from cql import Failure
from fhir_r4.generations import Generation
from fhir_r4.resource import dicts, extension, extensions, text_of
from fhir_r4.systems import (
    CALCULATED_EXPRESSION,
    CANDIDATE_EXPRESSION,
    CQF_LIBRARY,
    HCPCS,
    INITIAL_EXPRESSION,
    LAUNCH_CONTEXT,
)
from questionnaires.adaptive import is_adaptive
from questionnaires.catalog import questions
from questionnaires.dialects import written
from questionnaires.drift import drift
from questionnaires.logic import Clinical, expressions
from tests.cql.translator import forms, translate
from tests.given import BOOK, CATALOG, NOW, a_record, an_order
from tests.questionnaires.given import answered, held, outcome
from tests.second_opinion import assert_fhir, assert_profiled

FORMS = [form for form in CATALOG if not is_adaptive(form)]
EACH = pytest.mark.parametrize("form", FORMS, ids=lambda form: form["id"])


def policies_of(form):
    name = f"{form['id']}|{form['version']}"
    return [policy for policy in BOOK if policy.at_order_time.questionnaire == name]


@EACH
def test_a_form_asks_all_that_its_policies_weigh_in_their_kind(form):
    assert policies_of(form)
    assert [list(drift(policy.facts, form)) for policy in policies_of(form)] == [[] for _ in policies_of(form)]


@pytest.mark.parametrize(
    ("link", "changes", "says"),
    [
        ("2.1", {"linkId": "9"}, "no question 2.1 for 'spo2'"),
        ("2.1", {"type": "decimal"}, "question 2.1 is a decimal; 'spo2' is a quantity in %"),
        ("2.1", {"extension": []}, "question 2.1 does not offer %, the unit of 'spo2'"),
        ("2.3", {"type": "string"}, "question 2.3 is a string; 'tested' is a date"),
        ("2.4", {"repeats": True}, "question 2.4 repeats; 'at_rest' is one value"),
    ],
)
def test_a_form_that_has_drifted_from_its_policy_is_told(link, changes, says):
    """In words for both authors."""
    (policy,) = policies_of(CATALOG.named("home-oxygen|2026.1"))

    def changed(item):
        below = {"item": [changed(one) for one in item["item"]]} if "item" in item else {}
        return item | below | (changes if item["linkId"] == link else {})

    form = CATALOG.named("home-oxygen|2026.1")
    assert says in list(drift(policy.facts, form | {"item": [changed(one) for one in form["item"]]}))


def test_a_fact_that_no_question_asks_is_no_drift():
    (policy,) = policies_of(CATALOG.named("home-oxygen|2026.1"))
    elsewhere = replace(policy.facts[0], whence=())
    assert list(drift([elsewhere], CATALOG.named("home-oxygen|2026.1"))) == []


@pytest.mark.parametrize("generation", list(Generation))
@EACH
def test_a_form_with_its_package_and_its_draft_keeps_to_the_profiles(form, generation):
    """Also as it is asked question by question; nothing that the form depends on is missing."""
    unknown = an_order(codeCodeableConcept={"coding": [{"system": HCPCS, "code": "E9999"}]})
    for one in (form, CATALOG.named(f"{form['id']}-adaptive|{form['version']}")):
        wanted = {"name": "questionnaire", "valueCanonical": f"{one['url']}|{one['version']}"}
        package = answered(generation, wanted, {"name": "order", "resource": unknown}, order=False)
        assert_profiled(package, generation, references="open")
        assert outcome(package) == []
        assert held(package, "Questionnaire", "Library", "ValueSet")


@pytest.mark.requirement("dtr-2.0.1@83", "dtr-2.0.1@84", "dtr-2.2.0@spec-87")
@EACH
def test_every_expression_of_a_form_names_a_define_that_runs(form):
    """In a library that the form names and the package brings; over an empty record nothing fails."""
    logic = CATALOG.logic(form)
    assert extensions(form, CQF_LIBRARY)
    package = logic.package.compiled
    assert (package.unreadable, package.without_elm) == ({}, ())
    clinical = Clinical.over(logic, {"patient": {"resourceType": "Patient", "id": "p"}}, NOW)
    for expression in expressions(form):
        assert not isinstance(clinical.values(expression), Failure)


@EACH
def test_every_expression_of_a_form_runs_over_every_patient(form):
    """Whatever their records have: a define that fails would leave its question empty, and a person to wonder why."""
    logic, resources = CATALOG.logic(form), list(a_record())
    for patient in (one for one in resources if one["resourceType"] == "Patient"):
        target = {"reference": f"Patient/{patient['id']}"}
        theirs = [one for one in resources if target in (one.get("subject"), one.get("patient"))]
        clinical = Clinical.over(logic, {"patient": patient, "theirs": theirs}, NOW)
        failed = [one for one in map(clinical.values, expressions(form)) if isinstance(one, Failure)]
        assert failed == []


@pytest.mark.requirement("dtr-2.0.1@57", "dtr-2.0.1@62", "dtr-2.2.0@spec-54")
@EACH
def test_a_form_is_filled_by_cql(form):
    """Launch context, initial, calculated and candidate expressions, and questions that enable others."""
    items = questions(form).values()
    assert extensions(form, LAUNCH_CONTEXT)
    for url in (INITIAL_EXPRESSION, CALCULATED_EXPRESSION, CANDIDATE_EXPRESSION):
        assert any(extension(item, url) for item in items)
    assert any("enableWhen" in item for item in items)
    assert any("answerValueSet" in item for item in items)
    assert date.fromisoformat(form["effectivePeriod"]["start"]) < date.fromisoformat(form["effectivePeriod"]["end"])


@pytest.mark.requirement("dtr-2.0.1@64", "dtr-2.2.0@spec-18")
@pytest.mark.parametrize("generation", list(Generation))
@EACH
def test_all_logic_of_a_form_is_cql(form, generation):
    """In either generation; 2.2 would also take FHIRPath."""
    told = written(form, generation)
    languages = {Generation.V2_0: {"text/cql"}, Generation.V2_2: {"text/cql-identifier"}}[generation]
    assert {one["language"] for one in expressions(told)} == languages
    assert "fhirpath" not in json.dumps(told)


MUST_SUPPORT = ("cqf-library", "launchContext", "initialExpression", "calculatedExpression", "candidateExpression")


@pytest.mark.requirement("dtr-2.0.1@69", "dtr-2.2.0@spec-21")
@EACH
def test_a_form_relies_on_no_extension_that_a_client_may_leave_out(form):
    """But for the one that says how its versions are counted, which changes nothing for who ignores it."""
    held = [form, *questions(form).values()]
    urls = {one["url"].rpartition("/")[2] for element in held for one in dicts(element.get("extension"))}
    names = {one.removeprefix("sdc-questionnaire-") for one in urls}
    assert names <= {*MUST_SUPPORT, "questionnaire-unitOption", "artifact-versionAlgorithm"}


@pytest.mark.requirement("dtr-2.0.1@63", "dtr-2.2.0@spec-17")
@EACH
def test_a_question_that_does_not_matter_any_more_is_not_asked(form):
    """By enableWhen over another question of the same form, of the kind that it compares with."""
    items = questions(form)
    conditions = [one for item in items.values() for one in item.get("enableWhen", ())]
    assert conditions
    for one in conditions:
        (answer,) = (key.removeprefix("answer").lower() for key in one if key.startswith("answer"))
        asked = items[one["question"]]
        assert {"choice": "coding"}.get(asked["type"], asked["type"]) == answer
        if answer == "coding":
            offered = [option["valueCoding"] for option in asked["answerOption"]]
            assert (
                one["answerCoding"].items()
                <= next(o for o in offered if o["code"] == one["answerCoding"]["code"]).items()
            )


@pytest.mark.requirement("dtr-2.0.1@95", "dtr-2.0.1@101", "dtr-2.2.0@oper-13")
@pytest.mark.parametrize("kind", ["text/cql", "application/elm+json"])
@EACH
def test_a_library_carries_cql_and_elm_as_data(form, kind):
    for library in CATALOG.dependencies(form)[0]:
        (content,) = [one for one in library["content"] if one["contentType"] == kind]
        assert content["data"]
        assert "url" not in content
        assert_fhir(library)


@pytest.mark.requirement("dtr-2.0.1@96", "dtr-2.0.1@102", "dtr-2.2.0@spec-99")
@EACH
def test_the_elm_of_a_library_is_that_of_its_cql(form):
    """Its name and version are the text's; where the translator is installed, the whole of it is made anew."""
    (library,) = CATALOG.dependencies(form)[0]
    (elm,) = [one["library"] for one in CATALOG.logic(form).package.libraries.elms]
    source = forms.sources()[library["name"]].read_text()
    assert source.startswith(f"library {elm['identifier']['id']} version '{elm['identifier']['version']}'")
    defined = {one["name"] for one in elm["statements"]["def"]} - {"Patient"}
    assert all(f'"{name}"' in source for name in defined)


@pytest.mark.slow
def test_the_committed_elm_is_what_the_standard_translator_makes():
    """``python -m tests.cql.translator.forms`` writes it."""
    if not (translate.PACKAGES / "node_modules").is_dir() and not os.environ.get("CI"):  # noqa: TID251 the run's own
        pytest.skip("the translator is not installed: python -m tests.cql.translator.forms fetches it")
    for path, text in forms.compiled().items():
        assert path.read_text() == text


@pytest.mark.requirement("dtr-2.0.1@93", "dtr-2.2.0@spec-93")
@EACH
def test_the_context_of_a_library_is_the_patient(form):
    (elm,) = [one["library"] for one in CATALOG.logic(form).package.libraries.elms]
    assert {one["context"] for one in elm["statements"]["def"]} == {"Patient"}


@pytest.mark.requirement("dtr-2.0.1@92", "dtr-2.2.0@spec-92", "dtr-2.2.0@spec-95")
@EACH
def test_a_library_holds_cql_1_5_and_what_the_standard_translator_made_of_it(form):
    """The text that is sent is the file's; the ELM is of schema r1, which the translator for CQL 1.5 writes."""
    (library,) = CATALOG.dependencies(form)[0]
    text, elm = (base64.b64decode(one["data"]) for one in library["content"])
    assert text == forms.sources()[library["name"]].read_bytes()
    assert json.loads(elm)["library"]["schemaIdentifier"] == {"id": "urn:hl7-org:elm", "version": "r1"}


@pytest.mark.requirement("dtr-2.0.1@98", "dtr-2.2.0@spec-97")
@EACH
def test_every_expression_names_its_library(form):
    (library,) = CATALOG.dependencies(form)[0]
    assert all(one["expression"].startswith(f'"{library["name"]}".') for one in expressions(form))


@pytest.mark.requirement("dtr-2.0.1@99", "dtr-2.2.0@spec-98")
def test_no_two_libraries_have_one_name():
    """Versions of one form's library aside."""
    names = [(one["name"], form["id"]) for form in FORMS for one in CATALOG.dependencies(form)[0]]
    assert len({name for name, _ in names}) == len(set(names))


@pytest.mark.requirement("dtr-2.0.1@337", "dtr-2.2.0@sec-3", "dtr-2.2.0@conf-8")
@EACH
def test_a_form_reads_no_kind_of_thing_that_it_does_not_say(form):
    """Minimum necessary: the order, the coded results, the problems, the drugs, visits and care before; no notes."""
    read = {one.type for one in CATALOG.logic(form).requirements()}
    assert read <= {
        "Patient",
        "DeviceRequest",
        "MedicationRequest",
        "ServiceRequest",
        "Practitioner",
        "AllergyIntolerance",
        "Condition",
        "DiagnosticReport",
        "Encounter",
        "FamilyMemberHistory",
        "MedicationDispense",
        "MedicationStatement",
        "Observation",
        "Procedure",
    }
    uncoded = {one.type for one in CATALOG.logic(form).requirements() if not (one.codes or one.value_set)}
    assert uncoded <= {"Patient", "Practitioner", "Condition", "FamilyMemberHistory"}


@pytest.mark.requirement("dtr-2.0.1@338", "dtr-2.2.0@sec-4")
@EACH
def test_no_question_that_is_filled_from_the_record_is_hidden_or_read_only(form):
    for item in questions(form).values():
        assert not item.get("readOnly")
        assert not any("hidden" in text_of(one["url"]) for one in dicts(item.get("extension")))
