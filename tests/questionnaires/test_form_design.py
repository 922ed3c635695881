"""What a DTR client may count on: a form of ours asks for nothing that the guides do not oblige it to understand."""

import json
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_r4.generations import Generation
from fhir_r4.resource import dicts, extension, extensions, kind
from fhir_r4.systems import INTENDED_USE
from questionnaires.answering import options
from questionnaires.catalog import canonical_of, questions
from questionnaires.check_answers import faults
from questionnaires.dialects import written
from questionnaires.next_question import askable
from tests import must_support
from tests.given import BOOK, CATALOG, a_coverage, an_order
from tests.questionnaires.given import answered, held
from tests.questionnaires.test_forms import EACH, FORMS
from tests.questionnaires.test_next_question import walked_through
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))
CRD = {Generation.V2_0: "hl7.fhir.us.davinci-crd-2.0.1.tgz", Generation.V2_2: "hl7.fhir.us.davinci-crd-2.2.1.tgz"}
DTR = {Generation.V2_0: "hl7.fhir.us.davinci-dtr-2.0.1.tgz", Generation.V2_2: "hl7.fhir.us.davinci-dtr-2.2.0.tgz"}


@lru_cache
def obliged(archive, profile):
    """Return the elements that a profile makes mandatory or must-support, by path; skip without the packages."""
    if not must_support.PACKAGES.is_dir():
        pytest.skip("the packages of the guides are not beside the project")
    elements = must_support.definitions(must_support.PACKAGES / archive)[profile]["snapshot"]["element"]
    told = [one["path"] for one in elements if one["min"] or one.get("mustSupport")]
    return {path.partition(".")[2].removesuffix("[x]") for path in told if "." in path}


# The form itself -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.2.0@conf-10", "dtr-2.0.1@352", "dtr-2.2.0@conf-13")
@BOTH
@EACH
def test_no_item_has_an_element_that_a_client_need_not_support(form, generation):
    """So whoever renders what the profile marks as must-support can answer all of it."""
    told = obliged(DTR[generation], "dtr-std-questionnaire")
    for item in questions(written(form, generation)).values():
        for name in item.keys() - {"extension"}:
            stem = "item." + name.removeprefix("_")
            assert stem in told or any(stem.startswith(one) for one in told), name


@st.composite
def answers_of(draw, form):
    """Draw answers that the form's own rules allow, by linkId: the required ones, and some of the others."""
    chosen = {}
    for link in sorted(askable(form)):
        item = questions(form)[link]
        if item.get("required") or draw(st.booleans()):
            chosen[link] = draw(_value(item))
    return chosen


def _value(item):
    if item["type"] in {"choice", "open-choice"}:
        listed = list(options(item)) or [
            {"system": one.system, "code": one.code, "display": one.display}
            for one in CATALOG.value_sets.codes(CATALOG.value_sets.find(item["answerValueSet"]))
        ]
        coded = st.sampled_from(listed).map(lambda one: {"valueCoding": one})
        words = st.text("abc", min_size=1).map(lambda text: {"valueString": text})
        return coded | words if item["type"] == "open-choice" else coded
    units = [one["valueCoding"] for one in extensions(item, f"{_CORE}/questionnaire-unitOption")]
    return {
        "boolean": st.booleans().map(lambda value: {"valueBoolean": value}),
        "integer": st.integers(0, 200).map(lambda value: {"valueInteger": value}),
        "decimal": st.decimals(0, 200, places=1).map(lambda value: {"valueDecimal": value}),
        "date": st.dates().map(lambda value: {"valueDate": value.isoformat()}),
        "string": st.text("abc ", min_size=1).filter(str.strip).map(lambda value: {"valueString": value}),
        "text": st.text("abc ", min_size=1).filter(str.strip).map(lambda value: {"valueString": value}),
        "quantity": st.tuples(st.integers(1, 100), st.sampled_from(units or [{}])).map(
            lambda pair: {"valueQuantity": {"value": pair[0]} | _unit(pair[1])}
        ),
    }[item["type"]]


_CORE = "http://hl7.org/fhir/StructureDefinition"


def _unit(coding):
    return (
        {"unit": coding.get("display", coding["code"]), "system": coding["system"], "code": coding["code"]}
        if coding
        else {}
    )


@pytest.mark.requirement("dtr-2.2.0@conf-10")
@EACH
@given(data=st.data())
def test_every_response_that_the_form_allows_is_taken(form, data):
    """Whether its items come in the form's order or not, with their texts or without."""
    given_here = data.draw(answers_of(form))

    def items(parent):
        kept = []
        for item in parent["item"]:
            below = items(item) if "item" in item else []
            answer = {"answer": [given_here[item["linkId"]]]} if item["linkId"] in given_here else {}
            if below or answer:
                kept.append({"linkId": item["linkId"]} | answer | ({"item": below} if below else {}))
        return data.draw(st.permutations(kept)) if kept else []

    response = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": items(form)}
    assert faults(form, response, askable(form), CATALOG.value_sets) == []


@pytest.mark.requirement("dtr-2.0.1@94", "dtr-2.2.0@spec-94")
@BOTH
@EACH
def test_every_name_in_an_expression_is_defined_above_it(form, generation):
    """A library on the form's root, and a define in that library: what descends from the root may use it (SDC)."""
    logic = CATALOG.logic(form)
    (library,) = [one["library"] for one in logic.package.libraries.elms]
    defined = {one["name"] for one in library["statements"]["def"]}
    named = {one.partition("|")[0] for one in _libraries(form)}
    assert named == {one["url"] for one in held(answered_by_name(form, generation), "Library")}
    for item in [form, *questions(written(form, generation)).values()]:
        for one in dicts(item.get("extension")):
            if expression := one.get("valueExpression"):
                name, define = (part.strip('"') for part in expression["expression"].split(".", 1))
                assert name == library["identifier"]["id"]
                assert define in defined


def _libraries(form):
    return [one["valueCanonical"] for one in extensions(form, f"{_CORE}/cqf-library")]


def answered_by_name(form, generation):
    return answered(generation, {"name": "questionnaire", "valueCanonical": canonical_of(form)}, order=False)


@pytest.mark.requirement("dtr-2.2.0@spec-12")
def test_each_policy_that_wants_documents_has_a_form_for_them():
    """What CRD says is to be documented, and what the decision reads from answers, a form asks."""
    for policy in BOOK:
        wants = policy.at_order_time.doc_needed or [fact for fact in policy.facts if fact.question]
        assert not wants or policy.at_order_time.questionnaire, policy.id


@pytest.mark.requirement("dtr-2.2.0@spec-22")
def test_a_form_is_for_one_kind_of_people():
    """The policy says whose documentation it is (doc-needed); clinicians and administrators share no form."""
    for policy in BOOK:
        if policy.at_order_time.questionnaire:
            assert len(set(policy.at_order_time.doc_needed)) == 1, policy.id


# What comes with it ----------------------------------------------------------------------------------------------


def drafts(generation):
    """Return the draft of every form, and of every adaptive one all responses of a walk."""
    for form in FORMS:
        (draft,) = held(answered_by_name(form, generation), "QuestionnaireResponse")
        yield draft
    yield from walked_through("lumbar-mri", generation)


@pytest.mark.parametrize("suffix", ["", "-adaptive"], ids=["standard", "adaptive"])
@BOTH
@EACH
def test_what_a_client_gets_for_each_form_keeps_to_its_profiles(form, generation, suffix):
    """Asked for by name beside an order that no policy is about."""
    order = an_order(codeCodeableConcept={"coding": [{"system": "https://ehr.example.org", "code": "x"}]})
    named = {"name": "questionnaire", "valueCanonical": f"{form['url']}{suffix}|{form['version']}"}
    answer = answered(generation, named, {"name": "order", "resource": order}, order=False)
    assert held(answer, "Questionnaire")
    assert_profiled(answer, generation, references="open")


@pytest.mark.requirement("dtr-2.2.0@spec-140", "dtr-2.2.0@spec-141")
@BOTH
def test_a_response_contains_the_adaptive_form_and_refers_to_nothing_contained(generation):
    """Subject, context and author are the client's own resources; an answer of ours names none that is contained."""
    for response in drafts(generation):
        assert {kind(one) for one in dicts(response.get("contained"))} <= {"Questionnaire"}
        assert '"reference": "#' not in json.dumps(response, default=str)


@pytest.mark.requirement("dtr-2.2.0@spec-159")
@BOTH
def test_a_response_has_one_purpose_and_so_is_fit_for_all_it_has(generation):
    """Prior authorization; for another purpose there would be another form."""
    for response in drafts(generation):
        (purpose,) = extensions(response, INTENDED_USE)
        (coding,) = purpose["valueCodeableConcept"]["coding"]
        assert coding["code"] == "withpa"


@pytest.mark.requirement("dtr-2.0.1@53")
@BOTH
def test_no_form_says_anything_about_coverage(generation):
    """So an adaptive form is asked for what only a person can tell, and CRD says what is known without."""
    for response in drafts(generation):
        assert not extension(response, f"{_CRD_EXTENSION}/ext-coverage-information")
        assert "coverage-assertion-id" not in json.dumps(response, default=str)


_CRD_EXTENSION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition"


# What a request need not have --------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.2.0@conf-9")
@BOTH
def test_what_no_profile_marks_is_not_needed_for_a_form(generation):
    """Coverage and order without all that CRD's profiles make neither mandatory nor must-support."""
    asked = [
        {"name": "coverage", "resource": _only(a_coverage(), obliged(CRD[generation], "profile-coverage"))},
        {"name": "order", "resource": _only(an_order(), obliged(CRD[generation], "profile-devicerequest"))},
    ]
    bare, whole = (
        [one["linkId"] for one in questions(held(answer, "Questionnaire")[0]).values()]
        for answer in (answered(generation, *asked, order=False, coverage=False), answered(generation))
    )
    assert bare == whole


def _only(resource, elements):
    kept = {"resourceType", "id"} | elements
    return {name: value for name, value in resource.items() if any(name.startswith(one) for one in kept)}
