"""A form's CQL: found by the name its expressions use, run over one record, and never quietly empty."""

import base64
import json

import pytest

from cql import Failure
from cql.package import ELM_JSON
from fhir_r4.systems import ALTERNATIVE_EXPRESSION, CQF_LIBRARY, INITIAL_EXPRESSION
from questionnaires.logic import Clinical, Logic, logic_of
from questionnaires.populate import populate
from questionnaires.searches import searches
from tests.cql.given import FHIR, a_library, literal, node
from tests.given import NOW

URL = "https://payer.example.org/fhir/Library/"
LOINC = "http://loinc.org"
COUNT = node("Count", source=node("Retrieve", dataType=FHIR + "Observation"))
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Oster"}]}


def a_resource(name="Prepop", version="1.0.0", elm=None, **parts):
    elm = elm or a_library(name, version, defines={"It": literal(version)})
    data = base64.b64encode(json.dumps(elm).encode()).decode()
    content = [{"contentType": "text/cql", "data": "eA=="}, {"contentType": ELM_JSON, "data": data}]
    return {"resourceType": "Library", "url": URL + name, "version": version, "content": content} | parts


def a_form(*canonicals, **items):
    """A form of text questions; ``items`` map linkIds to expressions."""
    libraries = [{"url": CQF_LIBRARY, "valueCanonical": one} for one in canonicals]

    def question(link, expression):
        held = {"url": INITIAL_EXPRESSION, "valueExpression": expression}
        return {"linkId": link, "type": "string", "extension": [held]}

    return {
        "resourceType": "Questionnaire",
        "extension": libraries,
        "item": [question(link, expression) for link, expression in items.items()],
    }


def cql(expression, language="text/cql-identifier", **parts):
    return {"language": language, "expression": expression, **parts}


def found(form, expression, *resources, **context):
    clinical = Clinical.over(Logic(resources).of(form), {"patient": PATIENT, **context}, NOW)
    return clinical.values(expression)


@pytest.mark.parametrize("language", ["text/cql", "text/cql-identifier"])
@pytest.mark.parametrize("canonical", [URL + "Prepop", URL + "Prepop|1.0.0"])
@pytest.mark.parametrize("expression", ['"Prepop".It', '"Prepop"."It"', "Prepop.It", "It", '"It"'])
def test_a_define_is_found_by_library_and_name(language, canonical, expression):
    """As either generation writes it: with or without the version, quoted or bare."""
    assert found(a_form(canonical), cql(expression, language), a_resource()) == [("string", "1.0.0")]


def test_the_form_s_own_version_of_a_library_is_run():
    """A package may hold another version, which another form's library needs."""
    resources = [a_resource(version=version) for version in ("1.0.0", "2.0.0")]
    assert found(a_form(URL + "Prepop|1.0.0"), cql('"Prepop".It'), *resources) == [("string", "1.0.0")]
    assert found(a_form(URL + "Prepop|2.0.0"), cql('"Prepop".It'), *resources) == [("string", "2.0.0")]


def test_the_name_in_an_expression_is_that_of_the_elm_and_the_resource_s_own_serves_too():
    """Some packages call the Library BasicPatientInfo-prepopulation and what is in it BasicPatientInfoPrepopulation."""
    library = a_resource(elm=a_library("PrepopElm", defines={"It": literal("x")}), id="Prepop-resource")
    form = a_form(URL + "Prepop")
    assert found(form, cql('"PrepopElm".It'), library) == [("string", "x")]
    assert found(form, cql('"Prepop-resource".It'), library) == [("string", "x")]


@pytest.mark.parametrize(
    ("form", "expression", "says"),
    [
        (a_form(URL + "Prepop"), cql('"Other".It'), "the library Other is not there"),
        (a_form(URL + "Prepop"), cql('"Broken".It'), "the library Broken is not there, or came without readable ELM"),
        (a_form(URL + "Prepop"), cql('"Prepop".Nothing'), "there is no define 'Nothing' in Prepop"),
        (a_form(), cql("It"), "the expression names no library"),
        (a_form(URL + "Prepop"), cql("1 +", "text/cql"), "CQL in the form itself cannot be run as it stands"),
    ],
)
def test_what_cannot_be_run_is_told_to_the_form_s_author(form, expression, says):
    """In words that name the expression and quote no patient."""
    failure = found(form, expression, a_resource(), a_resource("Broken", content=[{"contentType": ELM_JSON}]))
    assert isinstance(failure, Failure)
    assert failure.message == says
    assert failure.expected
    assert "Oster" not in str(failure)


def test_inline_cql_is_run_by_the_elm_beside_it():
    """DTR 2.2: the extension alternativeExpression holds a bare expression or a whole library."""
    bare = {"type": "ExpressionRef", "libraryName": "Prepop", "name": "It"}
    whole = a_library("Anything", defines={"First": literal("no"), "Last": literal("yes")})
    for elm, expected in ((bare, "1.0.0"), (whole, "yes")):
        held = {"language": ELM_JSON, "expression": json.dumps(elm)}
        beside = [{"url": ALTERNATIVE_EXPRESSION, "valueExpression": held}]
        expression = cql("Prepop.It + ''", "text/cql", extension=beside)
        assert found(a_form(URL + "Prepop"), expression, a_resource()) == [("string", expected)]


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}", '{"library": {"statements": 3}}', "[" * 100_000])
def test_elm_beside_an_expression_that_cannot_be_read_is_told(text):
    """As any other fault of the form."""
    beside = [{"url": ALTERNATIVE_EXPRESSION, "valueExpression": {"language": ELM_JSON, "expression": text}}]
    assert isinstance(found(a_form(), cql("1 + 1", "text/cql", extension=beside)), Failure)


def test_the_record_is_all_that_was_gathered_and_each_resource_counts_once():
    """Two searches may bring the same observation."""
    one, two = ({"resourceType": "Observation", "id": name} for name in ("o1", "o2"))
    bundles = [{"resourceType": "Bundle", "entry": [{"resource": r} for r in listed]} for listed in ([one, two], [one])]
    library = a_resource(elm=a_library("Prepop", defines={"It": COUNT}))
    context = {"found": bundles[0], "cql 1": bundles[1]}
    assert found(a_form(URL + "Prepop"), cql("It"), library, **context) == [("integer", 2)]


@pytest.mark.parametrize("name", ["device_request", "order"])
def test_a_parameter_of_a_resource_type_is_the_launch_s_resource(name):
    """By its name, or because it is the only one of its type (CDS-Library writes ``device_request``)."""
    parameter = {
        "name": name,
        "parameterTypeSpecifier": {"type": "NamedTypeSpecifier", "name": FHIR + "DeviceRequest"},
    }
    value = {"type": "Property", "path": "id", "source": {"type": "ParameterRef", "name": name}}
    plain = {"type": "Property", "path": "value", "source": value}
    library = a_resource(elm=a_library("Prepop", parameters=[parameter], defines={"It": plain}))
    order = {"resourceType": "DeviceRequest", "id": "dr1"}
    assert found(a_form(URL + "Prepop"), cql("It"), library, order=order) == [("string", "dr1")]


def test_a_package_is_compiled_once_and_kept():
    """By its content: the next patient's form needs no compilation."""
    assert logic_of([a_resource()]) is logic_of([a_resource()])
    assert logic_of([a_resource()]) is not logic_of([a_resource(version="2.0.0")])


def test_a_define_that_fails_does_not_take_the_form_with_it():
    """Its question stays empty with the reason; the others have their answers."""
    defines = {"Bad": node("Add", literal("x"), literal(1)), "Good": literal("fine")}
    library = a_resource(elm=a_library("Prepop", defines=defines))
    form = a_form(URL + "Prepop", good=cql("Good"), bad=cql("Bad"), gone=cql('"Gone".It'))
    draft = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": link} for link in ("bad", "good", "gone")]}
    clinical = Clinical.over(Logic([library]).of(form), {"patient": PATIENT}, NOW)
    response, empty = populate(form, draft, {}, dict, clinical)
    assert [item.get("answer", [{}])[0].get("valueString") for item in response["item"]] == [None, "fine", None]
    why = {one.link_id: one.why for one in empty}
    assert why["bad"].startswith("Prepop.Bad: a string and an integer cannot be reckoned with")
    assert "the library Gone is not there" in why["gone"]


# What the EHR is asked ------------------------------------------------------------------------------------------


def retrieve(type_, **parts):
    return node("Retrieve", dataType=FHIR + type_, **parts)


SATURATION = {"type": "ToList", "operand": {"type": "CodeRef", "name": "Saturation"}}
VOCABULARY = {
    "codeSystems": [{"name": "LOINC", "id": LOINC}],
    "codes": [{"name": "Saturation", "id": "2708-6", "codeSystem": {"name": "LOINC"}}],
    "valueSets": [{"name": "Many", "id": URL + "many"}, {"name": "Gone", "id": URL + "gone"}],
}


def asked(*retrieves, sets=()):
    defines = {f"D{number}": one for number, one in enumerate(retrieves)}
    logic = Logic([a_resource(elm=a_library("Prepop", defines=defines, **VOCABULARY)), *sets])
    form = a_form(URL + "Prepop", **{name: cql(name) for name in defines})
    return searches(logic.of(form).requirements(), logic.terminology, "p1")


def test_each_kind_of_thing_is_searched_by_the_codes_that_the_logic_names():
    coded = retrieve("Observation", codeProperty="code", codes=SATURATION)
    assert asked(coded, coded, retrieve("DeviceRequest")) == (
        "Observation?patient=p1&code=http://loinc.org|2708-6",
        "DeviceRequest?patient=p1",
    )


def test_the_patient_and_those_who_have_none_are_not_searched():
    """The patient comes with the launch; a Practitioner is nobody's record."""
    assert asked(retrieve("Patient"), retrieve("Practitioner"), retrieve("Organization")) == ()


def test_a_search_without_codes_makes_the_narrower_ones_needless():
    coded = retrieve("Observation", codeProperty="code", codes=SATURATION)
    assert asked(coded, retrieve("Observation")) == ("Observation?patient=p1",)


def test_the_codes_of_a_value_set_go_into_searches_of_forty():
    concepts = [{"code": f"c {number}"} for number in range(41)]
    many = {"resourceType": "ValueSet", "url": URL + "many", "compose": {"include": [{"concept": concepts}]}}
    by_set = retrieve("Condition", codeProperty="code", codes={"type": "ValueSetRef", "name": "Many"})
    first, second = asked(by_set, sets=[many])
    assert first.count(",") == 39
    assert second == "Condition?patient=p1&code=c%2040"


def test_a_value_set_that_is_not_there_narrows_nothing():
    """Better to read more than to answer from nothing; the define itself says that its value set is missing."""
    gone = retrieve("Condition", codeProperty="code", codes={"type": "ValueSetRef", "name": "Gone"})
    assert asked(gone) == ("Condition?patient=p1",)


def test_an_expression_that_cannot_be_found_asks_for_nothing():
    logic = Logic([a_resource()])
    assert logic.of(a_form(URL + "Prepop", x=cql('"Gone".It'), y=cql("1 +"))).requirements() == ()


def test_inline_cql_says_what_it_needs_too():
    held = {"language": ELM_JSON, "expression": json.dumps(COUNT)}
    expression = cql("Count([Observation])", extension=[{"url": ALTERNATIVE_EXPRESSION, "valueExpression": held}])
    logic = Logic([a_resource()])
    wanted = logic.of(a_form(URL + "Prepop", x=expression)).requirements()
    assert [one.type for one in wanted] == ["Observation"]
