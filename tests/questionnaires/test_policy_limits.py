"""A number's limits in a policy are the limits of its question, so that a form says so while somebody types."""

import copy
from decimal import Decimal

import pytest

from app.dtr.validity import faults
from fhir_r4.generations import Generation
from fhir_r4.resource import extension
from fhir_r4.systems import MAX_QUANTITY, MAX_VALUE, MIN_QUANTITY, MIN_VALUE, UCUM, UNIT_OPTION
from questionnaires.answering import answers
from questionnaires.catalog import Catalog, questions
from questionnaires.policy_limits import with_policy_limits
from rules.book import PolicyBook
from rules.load import load_policy
from tests.given import CATALOG, ROOT
from tests.questionnaires.given import answered, bundles
from tests.second_opinion import assert_profiled

MRI = "lumbar-mri/2026.1"
TEXT = (ROOT / "rules" / "policies" / f"{MRI}.yaml").read_text()
OURS = CATALOG.named("lumbar-mri|2026.1")
WEEKS = "from-to: [0, 520]"


def limited(*limits, form=OURS, status="active"):
    """Return the form beside one version of its policy for each of the limits."""
    policies = []
    for number, one in enumerate(limits, 1):
        text = TEXT.replace(f", {WEEKS}", one).replace('version:   "2026.1"', f'version: "{number}"\nstatus: {status}')
        policies.append(load_policy(text, f"lumbar-mri/{number}.yaml"))
    return with_policy_limits(form, PolicyBook(policies))


def limits_of(form, link="2.1", kind="valueInteger"):
    found = (extension(questions(form)[link], url) for url in (MIN_VALUE, MAX_VALUE))
    return [one.get(kind) for one in found]


def asked_as(kind, **more):
    form = copy.deepcopy(OURS)
    questions(form)["2.1"].update({"type": kind} | more)
    return form


def a_response(value):
    return {"item": [{"linkId": "2", "item": [{"linkId": "2.1", "answer": [value]}]}]}


def test_a_count_takes_what_its_policy_says_is_possible():
    form = limited(f", {WEEKS}")
    assert limits_of(form) == [0, 520]
    assert limits_of(OURS) == [None, None]


@pytest.mark.parametrize(("given", "words"), [(-5, "Give 0 or more."), (521, "Give 520 or less."), (6, None)])
def test_a_number_that_cannot_be_is_said_in_words_where_it_is_typed(given, words):
    response = a_response({"valueInteger": given})
    assert faults(limited(f", {WEEKS}"), response, ()) == ({"2.1": words} if words else {})


def test_a_decimal_has_limits_as_decimals_and_a_whole_number_those_within():
    tenths = ", from-to: [0.5, 99.5]"
    assert limits_of(limited(tenths, form=asked_as("decimal")), kind="valueDecimal") == [
        Decimal("0.5"),
        Decimal("99.5"),
    ]
    assert limits_of(limited(tenths)) == [1, 99]


def test_a_question_with_limits_of_its_own_is_left_alone():
    own = asked_as("integer", extension=[{"url": MAX_VALUE, "valueInteger": 99}])
    assert limited(f", {WEEKS}", form=own) == own
    assert limited(f", {WEEKS}", form=asked_as("quantity")) == asked_as("quantity")


def test_a_quantity_has_its_limits_in_the_unit_of_the_fact():
    form = asked_as("quantity", extension=[{"url": UNIT_OPTION, "valueCoding": {"system": UCUM, "code": "kg"}}])
    held = questions(limited(", unit: kg, from-to: [2, 500]", form=form))["2.1"]
    least, most = (extension(held, url)["valueQuantity"] for url in (MIN_QUANTITY, MAX_QUANTITY))
    assert (least["value"], most["value"]) == (2, 500)
    assert {one["code"] for one in (least, most)} == {"kg"}
    assert limited(", unit: kg, from-to: [2, 500]", ", unit: g, from-to: [1, 20]", form=form) == form


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(-5, "kg", "Give 2 kg or more."), (9000, "kg", "Give 500 kg or less."), (900, "g", "Give 2000 g or more."),
     (70, "kg", None), (70, "[lb_av]", None)],
)  # fmt: skip
def test_a_quantity_that_cannot_be_is_filled_in_from_no_record_and_said_where_it_is_typed(value, unit, words):
    units = [{"url": UNIT_OPTION, "valueCoding": {"system": UCUM, "code": code}} for code in ("kg", "g", "[lb_av]")]
    form = limited(", unit: kg, from-to: [2, 500]", form=asked_as("quantity", extension=units))
    given = {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit}
    response = a_response({"valueQuantity": given})
    assert faults(form, response, ()) == ({"2.1": words} if words else {})
    assert bool(answers(questions(form)["2.1"], [given])) == (words is None)


def test_of_two_values_the_one_that_can_be_is_the_answer():
    question = questions(limited(f", {WEEKS}"))["2.1"]
    assert answers(question, [-5, 6]) == [{"valueInteger": 6}]
    assert answers(question, [-5, 521]) == []


def test_where_policies_differ_the_question_takes_what_any_of_them_takes():
    assert limits_of(limited(", from-to: [0, 520]", ", from-to: [1, 600]")) == [0, 600]
    assert limited(", from-to: [0, 520]", "") == OURS


def test_a_draft_says_nothing_of_a_form():
    assert limited(f", {WEEKS}", status="draft") == OURS


@pytest.mark.parametrize("generation", list(Generation))
def test_the_form_that_is_sent_keeps_to_its_generation_s_profiles(generation):
    form = limited(f", {WEEKS}")
    others = [one for one in CATALOG if not one["url"].endswith("-adaptive") and one["id"] != form["id"]]
    catalog = Catalog([form, *others], CATALOG._libraries.values(), CATALOG.value_sets)
    body = answered(generation, {"name": "questionnaire", "valueCanonical": form["url"]}, catalog=catalog)
    assert_profiled(body, generation, references="open")
    forms = (one["entry"][0]["resource"] for one in bundles(body))
    (sent,) = (one for one in forms if one["url"] == form["url"])
    assert limits_of(sent) == [0, 520]
