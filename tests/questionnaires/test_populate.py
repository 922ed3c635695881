"""A form is filled from the record, each answer with its origin, each gap with its reason."""

import pytest

from fhir_r4.generations import Generation
from fhir_r4.resource import extension, value_of
from fhir_r4.systems import INFORMATION_ORIGIN, VARIABLE
from questionnaires.logic import Clinical
from questionnaires.populate import candidates, information_origin, populate
from questionnaires.scopes import fill_query, queries
from questionnaires.searches import searches
from tests.garbage import left_behind
from tests.given import CATALOG, NOW, a_record, an_order
from tests.questionnaires.given import given_answers, the_draft
from tests.second_opinion import assert_fhir

FORM = CATALOG.named("home-oxygen|2026.1")
LOGIC = CATALOG.logic(FORM)
DRAFT = the_draft(Generation.V2_0)


def found(records):
    """Return the launch context and what the searches of the form's logic find in a record."""
    context = {
        "patient": records.get("Patient/amy-baxter"),
        "order": records.get("DeviceRequest/home-oxygen"),
        "requester": records.get("Practitioner/lindqvist"),
    }
    for number, query in enumerate(searches(LOGIC.requirements(), LOGIC.package.terminology, "amy-baxter")):
        matches = records.search(*query.split("?"))
        context[f"cql {number}"] = {"resourceType": "Bundle", "entry": [{"resource": one} for one in matches]}
    return context


def from_record(records, draft=DRAFT):
    context = found(records)
    clinical = Clinical.over(LOGIC, context, NOW)
    return populate(FORM, draft, context, lambda: information_origin("auto"), clinical)


def filled(variables, form, draft):
    return populate(form, draft, variables, lambda: information_origin("auto"))


answers = given_answers


@pytest.mark.requirement("dtr-2.0.1@176", "dtr-2.2.0@spec-59")
def test_the_record_answers_what_it_knows():
    given = answers(from_record(a_record())[0])
    assert given.keys() == {"1.1", "1.2", "1.3", "1.4", "2.1", "2.3"}
    assert given["2.1"][0]["valueQuantity"]["value"] == 87
    assert (given["2.3"][0]["valueDate"], given["1.4"][0]["valueInteger"]) == ("2026-02-19", 76)


def test_a_record_is_let_go_of_as_a_form_is_filled_and_waits_for_no_garbage_collector():
    records = a_record()
    assert left_behind(lambda: from_record(records)) == 0


@pytest.mark.requirement("dtr-2.0.1@174")
def test_each_answer_is_marked_with_its_origin():
    for (answer,) in answers(from_record(a_record())[0]).values():
        assert value_of(extension(extension(answer, INFORMATION_ORIGIN), "source")) == "auto"


def test_the_filled_form_is_fhir():
    assert_fhir(from_record(a_record())[0])


@pytest.mark.requirement("dtr-2.0.1@91")
def test_an_empty_answer_says_why():
    _, empty = from_record(a_record())
    assert {one.link_id: one.why for one in empty} == dict.fromkeys(("2.2", "3.1", "3.2"), "the record has nothing")


def with_another_saturation(records, value):
    quantity = {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    records.put(records.get("Observation/amy-baxter-spo2") | {"valueQuantity": quantity})
    return records


@pytest.mark.requirement("dtr-2.2.0@spec-73")
def test_what_no_person_touched_follows_the_record():
    """A form is opened again after another test; so does a draft that the payer has filled."""
    first, _ = from_record(a_record())
    again, _ = from_record(with_another_saturation(a_record(), 60), first)
    assert answers(again)["2.1"][0]["valueQuantity"]["value"] == 60


@pytest.mark.parametrize("source", ["manual", "override"])
def test_what_a_person_answered_is_left_alone(source):
    own = {"extension": [information_origin(source, author="Practitioner/lindqvist")], "valueString": "Dr Lund"}
    draft = {**DRAFT, "item": [{"linkId": "1", "item": [{"linkId": "1.2", "answer": [own]}]}]}
    assert answers(from_record(a_record(), draft)[0])["1.2"] == [own]


@pytest.mark.requirement("dtr-2.2.0@spec-73")
def test_what_the_payer_knew_stays_where_the_record_has_nothing():
    """DTR 2.2.0: what the EHR has overrides what the payer answered, unless it has nothing."""
    own = {"extension": [information_origin("auto-server")], "valueBoolean": True}
    draft = {**DRAFT, "item": [{"linkId": "3", "item": [{"linkId": "3.2", "answer": [own]}]}]}
    assert answers(from_record(a_record(), draft)[0])["3.2"] == [own]


def test_an_expression_that_fails_takes_nothing_with_it():
    form = calculated(a="%gone.value", b="1")
    response, empty = filled({}, form, a_draft(*"ab"))
    assert answers(response).keys() == {"b"}
    assert "failed" in {one.link_id: one.why for one in empty}["a"]


def test_a_query_whose_token_has_no_value_is_not_asked():
    assert fill_query("Observation?patient={{%patient.id}}", {"patient": {"resourceType": "Patient"}}) is None


def test_a_query_of_the_form_is_filled_from_the_launch_context():
    """An x-fhir-query may ask for the order that the draft itself names."""
    own = "{{%resource.extension('http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/qr-context').value.reference"
    template = f"DeviceRequest?_id={own}.where(startsWith('DeviceRequest/')).replace('DeviceRequest/', '')}}}}"
    variable = {"name": "order", "language": "application/x-fhir-query", "expression": template}
    form = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/variable", "valueExpression": variable}]}
    (wanted,) = queries(form)
    assert fill_query(wanted.template, {"resource": DRAFT}) == f"DeviceRequest?_id={an_order()['id']}"


@pytest.mark.parametrize("wrong", ["a string", 5, True])
def test_a_value_of_another_type_is_no_answer(wrong):
    """2.1 asks for a quantity."""
    form = {
        "item": [
            {
                "linkId": "2.1",
                "type": "quantity",
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression",
                        "valueExpression": {"language": "text/fhirpath", "expression": "%wrong"},
                    }
                ],
            }
        ]
    }
    response, (empty,) = filled({"wrong": wrong}, form, {"item": [{"linkId": "2.1"}]})
    assert not answers(response)
    assert empty.why == "what the record has is not a quantity"


def test_an_override_and_a_manual_answer_have_an_author():
    origin = information_origin("manual", author="Practitioner/lindqvist")
    who = extension(extension(origin, "author"), "practitioner")
    assert value_of(who) == {"reference": "Practitioner/lindqvist"}


# Calculations and candidates ------------------------------------------------------------------------------------


def calculated(**items):
    """A form of integer questions; ``items`` map linkIds to FHIRPath calculations."""

    def question(link, path):
        expression = {"language": "text/fhirpath", "expression": path}
        return {"linkId": link, "type": "integer", "extension": [{"url": CALCULATED, "valueExpression": expression}]}

    return {"item": [question(link, path) for link, path in items.items()]}


def a_draft(*links, **parts):
    return {"resourceType": "QuestionnaireResponse", "item": [{"linkId": link, **parts} for link in links]}


CALCULATED = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression"


def the_answer(link):
    return f"%resource.item.where(linkId = '{link}').answer.value"


def test_a_calculation_follows_what_it_depends_on_to_the_end():
    """Each round sees what the one before has found; the order of the items does not matter."""
    form = calculated(c=f"{the_answer('b')} + 1", b=f"{the_answer('a')} + 1", a="1")
    response, empty = filled({}, form, a_draft(*"cba"))
    assert {link: value_of(given[0]) for link, given in answers(response).items()} == {"a": 1, "b": 2, "c": 3}
    assert empty == ()


def test_calculations_in_a_circle_are_told_and_take_no_others_with_them():
    """They would count for ever."""
    form = calculated(a=f"iif({the_answer('b')}.exists(), {the_answer('b')} + 1, 1)", b=f"{the_answer('a')} + 1", c="7")
    response, empty = filled({}, form, a_draft(*"abc"))
    assert answers(response).keys() == {"c"}
    assert {one.link_id for one in empty} == {"a", "b"}
    assert all("in a circle" in one.why for one in empty)


@pytest.mark.parametrize("source", ["manual", "override"])
def test_a_calculation_never_changes_what_a_person_answered(source):
    own = {"valueInteger": 5, "extension": [information_origin(source, author="Practitioner/lindqvist")]}
    response, _ = filled({}, calculated(a="1"), a_draft("a", answer=[own]))
    assert answers(response)["a"] == [own]


def test_a_variable_of_the_form_may_use_the_one_before_it():
    variables = [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/variable",
            "valueExpression": {"name": name, "language": "text/fhirpath", "expression": path},
        }
        for name, path in (("one", "1"), ("two", "%one + 1"))
    ]
    response, _ = filled({}, calculated(a="%two") | {"extension": variables}, a_draft("a"))
    assert value_of(answers(response)["a"][0]) == 2


def test_a_variable_of_a_group_sees_the_answers_of_its_own_entry():
    path = "%context.item.where(linkId = 'kg').answer.value"
    variable = {"name": "kg", "language": "text/fhirpath", "expression": path}
    held = [{"url": VARIABLE, "valueExpression": variable}]
    twice = calculated(twice="%kg * 2")["item"]
    form = {"item": [{"linkId": "g", "type": "group", "repeats": True, "extension": held, "item": twice}]}
    entries = [
        {"linkId": "g", "item": [{"linkId": "kg", "answer": [{"valueInteger": kg}]}, {"linkId": "twice"}]}
        for kg in (3, 4)
    ]
    response, _ = filled({}, form, {"resourceType": "QuestionnaireResponse", "item": entries})
    assert [value_of(group["item"][1]["answer"][0]) for group in response["item"]] == [6, 8]


def test_the_record_offers_its_candidates():
    """Each once; what is not what the question asks for is not offered."""
    expression = {"language": "text/fhirpath", "expression": "%conditions.code.coding"}
    url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-candidateExpression"
    form = {"item": [{"linkId": "1", "type": "choice", "extension": [{"url": url, "valueExpression": expression}]}]}
    codes = [{"code": {"coding": [{"system": "s", "code": code}]}} for code in ("a", "b", "a")]
    offered = candidates(form, {"conditions": codes})
    assert [one["valueCoding"]["code"] for one in offered["1"]] == ["a", "b"]
