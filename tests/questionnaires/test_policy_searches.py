"""A question without an expression of its own is filled by the search of the policy's fact, in any DTR client."""

import copy
from datetime import date

import pytest

from app import clock
from fhir_r4.generations import Generation
from fhir_r4.resource import extension, extensions
from fhir_r4.systems import CALCULATED_EXPRESSION, INITIAL_EXPRESSION, LAUNCH_CONTEXT, VARIABLE
from questionnaires.catalog import Catalog, questions
from questionnaires.policy_searches import with_policy_searches
from questionnaires.populate import information_origin, populate
from questionnaires.scopes import fill_query, queries
from rules.book import PolicyBook
from rules.load import load_policy
from tests.given import CATALOG, a_record
from tests.given_policy import TEXT, saturation
from tests.questionnaires.given import answered, bundles, given_answers, the_draft
from tests.second_opinion import assert_profiled

OURS = CATALOG.named("home-oxygen|2026.1")
EXPRESSIONS = (INITIAL_EXPRESSION, CALCULATED_EXPRESSION)
SEARCH = "Observation?code=http://loinc.org|20564-1&_sort=-date&_count=1"
SPO2 = """\
    from:
      - question: "2.1"
      - {record: "Observation?code=http://loinc.org|20564-1&_sort=-date&_count=1", path: value, within: 400 days}
"""
MORE = """\
  hematocrit: {type: number, from: [{question: "3.1"}, {record: "Observation?code=http://loinc.org|4544-3"}]}
  edema: {type: boolean, from: [{question: "3.2"}, {record: Condition, among: {SNOMED: ["102572006"]}}]}
"""


def bare(form=OURS):
    """Return our form as an author writes it who adds no expressions."""
    form = copy.deepcopy(form)
    for item in questions(form).values():
        kept = [one for one in item.pop("extension", []) if one["url"] not in EXPRESSIONS]
        item.update({"extension": kept} if kept else {})
    return form


def a_policy(spo2=SPO2, more=MORE, version="1", effective="2026-01-01"):
    """Return a policy for the form, with facts that a question or a record may answer."""
    head, _, rest = TEXT.partition("    record: ")
    text = head + spo2 + more + rest.partition("    within: 30 days\n")[2]
    text = text.replace(
        "pa-needed: auth-needed", 'pa-needed: auth-needed, doc-needed: clinical, questionnaire: "home-oxygen|2026.1"'
    )
    text = text.replace('version: "1"', f'version: "{version}"').replace("2026-01-01", effective)
    return load_policy(text, f"oxygen-by-record/{version}.yaml")


FORM = with_policy_searches(bare(), PolicyBook([a_policy()]))


def variables(form):
    return {one["valueExpression"]["name"]: one["valueExpression"]["expression"] for one in extensions(form, VARIABLE)}


def asked(form, link):
    return extension(questions(form)[link], INITIAL_EXPRESSION).get("valueExpression")


def filled(*records, form=FORM):
    """Return the answers that a DTR client finds in a record of nothing but these."""
    known = {"patient": a_record().get("Patient/amy-baxter")}
    for query in queries(form):
        assert fill_query(query.template, known)
        mine = [one for one in records if one["resourceType"] == query.template.partition("?")[0]]
        known[query.name] = {"resourceType": "Bundle", "entry": [{"resource": one} for one in mine]}
    draft = the_draft(Generation.V2_0, catalog=Catalog([form], value_sets=CATALOG.value_sets))
    return given_answers(populate(form, draft, known, lambda: information_origin("auto"))[0])


def edema(code="confirmed"):
    coding = {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": code}
    return {"resourceType": "Condition", "id": "edema", "verificationStatus": {"coding": [coding]}}


def test_a_search_of_the_policy_becomes_a_search_of_the_form():
    assert variables(FORM) == {
        "record2x1": "Observation?patient={{%patient.id}}&code=http://loinc.org|20564-1&_sort=-date&_count=1"
        "&date=ge{{today() - 400 days}}",
        "record3x1": "Observation?patient={{%patient.id}}&code=http://loinc.org|4544-3",
        "record3x2": "Condition?patient={{%patient.id}}&code=102572006",
    }
    assert asked(FORM, "2.1")["language"] == "text/fhirpath"


def test_any_client_fills_the_question_by_it():
    assert filled(saturation(86))["2.1"][0]["valueQuantity"]["value"] == 86
    assert filled(edema())["3.2"][0]["valueBoolean"] is True


def test_a_record_that_has_nothing_answers_nothing():
    assert {"2.1", "3.1", "3.2"}.isdisjoint(filled())


@pytest.mark.parametrize("void", [saturation(86) | {"status": "entered-in-error"}, edema("refuted")])
def test_what_was_recorded_in_error_answers_nothing(void):
    assert {"2.1", "3.2"}.isdisjoint(filled(void))


def test_the_day_from_which_it_counts_goes_into_the_search():
    told = fill_query(variables(FORM)["record2x1"], {"patient": {"resourceType": "Patient", "id": "p1"}})
    assert told.startswith("Observation?patient=p1&code=")
    assert date.fromisoformat(told.rpartition("ge")[2]) < clock.now().date()


def test_several_answers_in_no_order_are_left_to_a_person():
    spo2 = SPO2.replace("&_sort=-date&_count=1", "").replace(", within: 400 days", "")
    form = with_policy_searches(bare(), PolicyBook([a_policy(spo2, "")]))
    assert "2.1" not in filled(saturation(86), saturation(88, name="other"), form=form)
    assert filled(saturation(86), saturation(86, name="other"), form=form)["2.1"][0]["valueQuantity"]["value"] == 86


def test_a_question_with_an_expression_of_its_own_keeps_it():
    form = with_policy_searches(OURS, PolicyBook([a_policy()]))
    assert form == OURS
    assert with_policy_searches(FORM, PolicyBook([a_policy()])) == FORM


def test_the_newest_version_speaks_first():
    older = a_policy(SPO2.replace("20564-1", "59408-5"))
    newer = a_policy(version="2", effective="2026-02-01")
    form = with_policy_searches(bare(), PolicyBook([older, newer]))
    assert variables(form)["record2x1"] == variables(FORM)["record2x1"]


def test_a_form_that_is_not_told_its_patient_is_left_alone():
    form = bare()
    form["extension"] = [one for one in form["extension"] if one["url"] != LAUNCH_CONTEXT]
    assert with_policy_searches(form, PolicyBook([a_policy()])) == form


@pytest.mark.parametrize("among", ['{ICD-10-CM: ["J44.*"]}', '{CPT: ["27130-27199"]}', '{NDC: ["57894-030-01"]}'])
def test_codes_that_cannot_be_written_out_are_not_searched_for(among):
    more = MORE.replace('{SNOMED: ["102572006"]}', among)
    form = with_policy_searches(bare(), PolicyBook([a_policy(more=more)]))
    assert "record3x2" not in variables(form)


@pytest.mark.parametrize("generation", list(Generation))
@pytest.mark.parametrize("adaptive", [False, True])
def test_the_form_that_is_sent_keeps_to_its_generation_s_profiles(generation, adaptive):
    catalog = Catalog([FORM], CATALOG._libraries.values(), CATALOG.value_sets)
    url = FORM["url"] + ("-adaptive" if adaptive else "")
    body = answered(generation, {"name": "questionnaire", "valueCanonical": url}, catalog=catalog)
    assert_profiled(body, generation, references="open")
    (sent,) = (one["entry"][0]["resource"] for one in bundles(body) if one["entry"][0]["resource"]["url"] == url)
    assert variables(sent) == variables(FORM)
    assert adaptive or asked(sent, "2.1") == asked(FORM, "2.1")
