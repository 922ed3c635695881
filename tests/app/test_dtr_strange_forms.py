"""Forms of other makers that are wrong, greedy or hostile: they open with what came, and say what did not."""

import pytest

from fhir_r4.systems import CALCULATED_EXPRESSION, ENABLE_WHEN_EXPRESSION, INITIAL_EXPRESSION, VARIABLE
from questionnaires.searches import is_about
from tests.app.other_payer import a_form

FHIRPATH = "text/fhirpath"


def expression(url, text, language=FHIRPATH, **more):
    return {"url": url, "valueExpression": {"language": language, "expression": text, **more}}


def item(link="1", type_="string", *extensions, **more):
    return {"linkId": link, "type": type_, "text": f"Question {link}", "extension": list(extensions)} | more


@pytest.fixture
def opens(visitor, stranger):
    def open_(*items, logic=(), **more):
        stranger.packages[:] = [(a_form(*items, **more), None, list(logic))]
        page = visitor.launch()
        assert page.status_code == 200, page.text
        return page

    return open_


@pytest.mark.parametrize(
    ("query", "is_theirs"),
    [
        ("Observation?patient=p1&code=x", True),
        ("Observation?subject=Patient/p1", True),
        ("Observation?subject:Patient=p1", True),
        ("Coverage?beneficiary=Patient/p1", True),
        ("Patient?_id=p1", True),
        ("Practitioner?_id=d1", True),
        ("Observation?code=x", False),
        ("Observation?patient=p2", False),
        ("Observation?patient=p1,p2", False),
        ("Observation?patient=p1&subject=Patient/p2", False),
        ("Observation", False),
        ("Patient?name=o", False),
        ("Patient?_id=p1,p2", False),
        ("Practitioner?_revinclude=Observation:performer", False),
        ("Organization?_has:Patient:organization:name=o", False),
        ("https://evil.example/Observation?patient=p1", False),
        ("../Observation?patient=p1", False),
        ("Bundle?patient=p1", False),
        ("", False),
    ],
)
def test_a_form_reads_this_patient_s_record_and_no_other(query, is_theirs):
    assert is_about(query, "p1") is is_theirs


@pytest.mark.parametrize("query", ["Observation?code=1", "Patient?name=o", "Observation?patient=bernard-okoye"])
def test_a_search_for_other_people_is_not_made_and_the_payer_is_told(opens, visitor, query):
    asked = expression(VARIABLE, query, "application/x-fhir-query", name="all")
    page = opens(
        item("1", "string", expression(INITIAL_EXPRESSION, "%all.entry.resource.first().id")), extension=[asked]
    )
    assert "The form asks for records of other people; those were not read." in page.text
    wanted = query.partition("?")[2]
    assert wanted not in [asked for _, _, asked, _ in visitor.town.calls]


@pytest.mark.parametrize(
    "text",
    ["%patient.birthDate +", "%nobody.name", "", "'x'.repeat(%resource)", "(" * 300 + "1" + ")" * 300, "%%%"],
)
def test_an_expression_that_cannot_be_read_fails_alone(opens, visitor, text):
    opens(
        item("1", "string", expression(INITIAL_EXPRESSION, text)),
        item("2", "date", expression(INITIAL_EXPRESSION, "%patient.birthDate")),
    )
    marks = visitor.state()["marks"]
    assert marks["2"]["kind"] == "record"
    assert marks.get("1", {"kind": "empty"})["kind"] == "empty"


@pytest.mark.parametrize(
    ("text", "words"),
    [("%patient.", "The expression is not FHIRPath that can be read"), ("%nobody.name", "The expression failed")],
)
def test_why_an_expression_failed_is_told_in_words(opens, visitor, text, words):
    opens(item("1", "string", expression(INITIAL_EXPRESSION, text)))
    assert visitor.state()["marks"]["1"]["words"] == words


@pytest.mark.parametrize("query", ["Observation?patient={{%patient.id", "Observation?patient={{%patient.}}", "{{", "?"])
def test_a_search_that_cannot_be_read_is_not_made(opens, visitor, query):
    asked = expression(VARIABLE, query, "application/x-fhir-query", name="found")
    opens(item("1", "string", expression(INITIAL_EXPRESSION, "%found.entry.resource.id")), extension=[asked])
    assert visitor.state()["marks"].get("1", {"kind": "empty"})["kind"] == "empty"


def test_variables_build_on_one_another_and_on_what_was_found(opens, visitor):
    found = expression(VARIABLE, "Condition?patient={{%patient.id}}", "application/x-fhir-query", name="found")
    first = expression(VARIABLE, "%found.entry.resource.first()", name="first")
    opens(item("1", "string", expression(INITIAL_EXPRESSION, "%first.id")), extension=[found, first])
    assert visitor.state()["marks"]["1"]["kind"] == "record"


def test_a_variable_of_an_item_is_known_where_it_is_used(opens, visitor):
    held = expression(VARIABLE, "%patient.name.first().family", name="family")
    opens(item("g", "group", held, item=[item("1", "string", expression(INITIAL_EXPRESSION, "%family"))]))
    assert visitor.state()["marks"]["1"]["kind"] == "record"


def test_conditions_that_wait_for_each_other_show_both_questions(opens, visitor):
    def when(link):
        return expression(ENABLE_WHEN_EXPRESSION, f"%resource.descendants().where(linkId='{link}').answer.empty()")

    page = opens(
        item("a", "string", when("b"), expression(CALCULATED_EXPRESSION, "'x'")),
        item("b", "string", when("a"), expression(CALCULATED_EXPRESSION, "'y'")),
    )
    assert page.status_code == 200
    assert visitor.state()["asked"] >= 1


@pytest.mark.parametrize("conditions", [[("a", "b"), ("b", "a")], [("a", "a")], [("a", "nowhere")]])
def test_questions_that_enable_each_other_in_a_circle_are_not_asked_for(opens, visitor, conditions):
    opens(*(item(link, "boolean", required=True, enableWhen=[
        {"question": other, "operator": "=", "answerBoolean": True}]) for link, other in conditions))  # fmt: skip
    state = visitor.state()
    assert (state["asked"], state["missing"]) == (0, [])


def test_an_expression_that_never_ends_ends_the_opening_and_not_the_app(visitor, stranger):
    endless = "%patient.repeat($this | Patient.name)" + ".select($this | $this)" * 24
    stranger.packages[:] = [(a_form(item("1", "string", expression(INITIAL_EXPRESSION, endless))), None, [])]
    page = visitor.launch()
    assert page.status_code in {200, 409}
    stranger.packages[:] = [(a_form(item("1", "string")), None, [])]
    assert visitor.launch().status_code == 200


@pytest.mark.parametrize(
    "strange", [{"item": 3}, {"item": [None, 3, {}]}, {"title": ["x"]}, {"extension": {}}, {"url": 7}]
)
def test_a_form_of_the_wrong_shape_opens_as_far_as_it_goes_or_is_refused_in_words(visitor, stranger, strange):
    stranger.packages[:] = [(a_form(item("1")) | strange, {"resourceType": "QuestionnaireResponse"}, [])]
    assert visitor.launch().status_code in {200, 409}


def test_two_questions_of_one_name_break_nothing(opens, visitor):
    page = opens(item("1"), item("1", "boolean"))
    visitor.post("draft", {"item": [{"linkId": "1", "answer": [{"valueString": "x"}]}]}, page)
    assert visitor.get("").status_code == 200


def test_a_long_list_that_did_not_come_along_is_searched_at_the_payer(opens, visitor, stranger):
    stranger.codes = [(f"c{number}", f"Code {number}") for number in range(500)]
    opens(item("1", "choice", answerValueSet="https://payer.example.org/long"))
    found = visitor.get("codes", params={"set": "https://payer.example.org/long", "text": "code 49"}).json()
    assert found[0] == {"label": "Code 49", "value": {"valueCoding": {
        "system": "urn:codes", "code": "c49", "display": "Code 49"}}}  # fmt: skip
    assert len(found) == 11
    assert visitor.get("codes", params={"set": "https://evil.example/other", "text": ""}).status_code == 409
