"""A form is filled from the record, each answer with its origin, each gap with its reason."""

import pytest

from fhir_r4.generations import Generation
from fhir_r4.resource import dicts, extension, value_of
from fhir_r4.systems import INFORMATION_ORIGIN
from questionnaires.package import draft_response, read_parameters
from questionnaires.populate import candidates, fill_query, information_origin, populate, queries
from tests.given import CATALOG, NOW, a_record, an_order
from tests.questionnaires.test_package import parameters
from tests.second_opinion import assert_fhir

FORM = CATALOG.named("home-oxygen|2026.1")
DRAFT = draft_response(FORM, read_parameters(parameters()), NOW, Generation.V2_0)


def found(records, **context):
    """Return the launch context and what the form's queries find in a record."""
    variables = {"patient": records.get("Patient/amy-baxter"), "resource": DRAFT} | context
    for query in queries(FORM):
        filled = fill_query(query.template, variables)
        matches = records.search(*filled.split("?")) if filled else []
        variables[query.name] = {"resourceType": "Bundle", "entry": [{"resource": one} for one in matches]}
    return variables


def filled(variables, form=FORM, draft=DRAFT):
    return populate(form, draft, variables, lambda: information_origin("auto"))


def answers(response):
    gathered, waiting = {}, dicts(response["item"])
    while waiting:
        item = waiting.pop(0)
        waiting += dicts(item.get("item"))
        gathered |= {item["linkId"]: item["answer"]} if "answer" in item else {}
    return gathered


def test_the_record_answers_what_it_knows():
    given = answers(filled(found(a_record()))[0])
    assert {link: value_of({k: v for k, v in answer[0].items() if k != "extension"}) for link, answer in given.items()}[
        "2.3"
    ] == "2026-02-19"
    assert given.keys() == {"1.1", "1.2", "1.3", "2.1", "2.3"}
    assert given["2.1"][0]["valueQuantity"]["value"] == 87


def test_each_answer_is_marked_with_its_origin():
    for (answer,) in answers(filled(found(a_record()))[0]).values():
        assert value_of(extension(extension(answer, INFORMATION_ORIGIN), "source")) == "auto"


def test_the_filled_form_is_fhir():
    assert_fhir(filled(found(a_record()))[0])


def test_an_empty_answer_says_why():
    _, empty = filled(found(a_record()))
    assert {one.link_id: one.why for one in empty} == {"2.2": "the record has nothing", "3.1": "the record has nothing"}


def test_an_answer_that_is_there_is_left_alone():
    first, _ = filled(found(a_record()))
    records = a_record()
    records.put(records.get("Observation/amy-baxter-spo2") | {"valueQuantity": {"value": 60, "code": "%"}})
    again, _ = filled(found(records), draft=first)
    assert answers(again)["2.1"][0]["valueQuantity"]["value"] == 87


def test_an_expression_that_fails_takes_nothing_with_it():
    variables = {name: value for name, value in found(a_record()).items() if name != "saturation"}
    response, empty = filled(variables)
    assert "1.2" in answers(response)
    assert "failed" in {one.link_id: one.why for one in empty}["2.1"]


def test_a_query_whose_token_has_no_value_is_not_asked():
    assert fill_query("Observation?patient={{%patient.id}}", {"patient": {"resourceType": "Patient"}}) is None


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


def test_the_form_asks_for_the_order_of_its_own_context():
    wanted = next(query for query in queries(FORM) if query.name == "order")
    asked = fill_query(wanted.template, {"resource": DRAFT, "patient": {"resourceType": "Patient", "id": "p"}})
    assert asked == f"DeviceRequest?_id={an_order()['id']}&_include=DeviceRequest:requester"


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


def test_the_record_offers_its_candidates():
    """Each once; what is not what the question asks for is not offered."""
    expression = {"language": "text/fhirpath", "expression": "%conditions.code.coding"}
    url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-candidateExpression"
    form = {"item": [{"linkId": "1", "type": "choice", "extension": [{"url": url, "valueExpression": expression}]}]}
    codes = [{"code": {"coding": [{"system": "s", "code": code}]}} for code in ("a", "b", "a")]
    offered = candidates(form, {"conditions": codes})
    assert [one["valueCoding"]["code"] for one in offered["1"]] == ["a", "b"]
