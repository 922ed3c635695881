"""Forms as other makers write them: values to begin with, lists that groups repeat by, variables, marked-up words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dtr.markup import formatted
from app.dtr.offered import offers
from app.dtr.resuming import origin_of
from fhir_r4.profiles.check import committed
from fhir_r4.resource import extension, value_of
from fhir_r4.systems import (
    CALCULATED_EXPRESSION,
    CONTEXT_EXPRESSION,
    ENABLE_WHEN_EXPRESSION,
    INITIAL_EXPRESSION,
    ITEM_POPULATION_CONTEXT,
    RENDERING_XHTML,
    SDC,
    VARIABLE,
)
from fhir_r4.weights import WEIGHTS
from tests.app.other_payer import a_form
from tests.app.test_dtr_filling import Opened, every
from tests.app.test_dtr_strange_forms import expression, item

QUERY = "application/x-fhir-query"
CONDITIONS = "Condition?patient={{%patient.id}}"


@pytest.fixture
def sees(visitor, stranger):
    return lambda *items, **more: Opened(visitor, stranger, a_form(*items, **more))


def answers(it):
    """Return each item with answers, in the order of the form: linkId and values."""
    given = [(one["linkId"], one["answer"]) for one in every(it.response) if "answer" in one]
    return [
        (link, [next(v for k, v in each.items() if k.startswith("value")) for each in ones]) for link, ones in given
    ]


# A value to begin with -------------------------------------------------------------------------------------------


def test_a_question_begins_with_the_form_s_own_value_which_is_the_payer_s_word(sees):
    it = sees(
        item("1", "integer", initial=[{"valueInteger": 12}]), item("2", "boolean", initial=[{"valueBoolean": False}])
    )
    assert (it.value("1"), it.value("2")) == (12, False)
    assert it.source("1") == "auto-server"
    assert it.state["marks"]["1"]["kind"] == "payer"
    assert "initial" not in str(it.shown["item"])


def test_what_the_record_says_goes_before_the_form_s_own_value(sees):
    found = expression(INITIAL_EXPRESSION, "%patient.id")
    nothing = expression(INITIAL_EXPRESSION, "%patient.photo.title")
    begins = {"initial": [{"valueString": "the form's"}]}
    it = sees(item("1", "string", found, **begins), item("2", "string", nothing, **begins))
    assert (it.value("1"), it.source("1")) == ("amy-baxter", "auto-client")
    assert (it.value("2"), it.source("2")) == ("the form's", "auto-server")


def test_choices_that_are_chosen_at_the_start_are_answers(sees):
    options = [
        {"valueString": "a", "initialSelected": True},
        {"valueString": "b"},
        {"valueString": "c", "initialSelected": True},
    ]
    it = sees(item("1", "choice", answerOption=options, repeats=True), item("2", "choice", answerOption=options))
    assert answers(it) == [("1", ["a", "c"]), ("2", ["a"])]


@pytest.mark.parametrize("wrong", [[{"valueString": "no number"}], [{}], "x", [{"valueInteger": True}]])
def test_a_value_to_begin_with_that_does_not_fit_is_left_out(sees, wrong):
    assert sees(item("1", "integer", initial=wrong)).answer("1") is None


def test_a_value_to_begin_with_that_was_changed_is_an_override(sees):
    it = sees(item("1", "integer", initial=[{"valueInteger": 12}]))
    it.types(**{"1": {"valueInteger": 13}})
    assert (it.value("1"), it.source("1")) == (13, "override")


# Groups that repeat by a list ------------------------------------------------------------------------------------


def a_group(*below, by="%found.entry.resource", language="text/fhirpath", **more):
    listed = expression(ITEM_POPULATION_CONTEXT, by, language, name="one")
    return {"linkId": "g", "type": "group", "text": "Conditions", "repeats": True, "extension": [listed],
            "item": list(below)} | more  # fmt: skip


@pytest.fixture
def two_more(visitor):
    """The patient's problems: one of the record and two of ours."""
    records = visitor.town.sandbox.extensions["ehr"].records
    for number in "12":
        records.put({"resourceType": "Condition", "id": f"c{number}", "code": {"text": f"Problem {number}"},
                     "subject": {"reference": "Patient/amy-baxter"}, "recordedDate": "2026-01-01"})  # fmt: skip
    return len(records.search("Condition", "patient=amy-baxter"))


FOUND = {"extension": [expression(VARIABLE, CONDITIONS, QUERY, name="found")]}
NAME = item("name", "string", expression(INITIAL_EXPRESSION, "%one.code.text | %one.code.coding.first().display"))


@pytest.mark.requirement("dtr-2.2.0@spec-59")
@pytest.mark.parametrize(
    ("by", "language"), [("%found.entry.resource", "text/fhirpath"), ("%found", "text/fhirpath"), (CONDITIONS, QUERY)]
)
def test_a_group_comes_as_often_as_its_list_has_members(sees, two_more, by, language):
    it = sees(a_group(NAME, item("2"), by=by, language=language), **FOUND)
    names = [values[0] for link, values in answers(it) if link == "name"]
    assert len(names) == two_more
    assert {"Problem 1", "Problem 2"} <= set(names)
    assert "Problem 1" in it.page.text


def test_a_group_whose_list_is_empty_comes_once_and_a_failing_one_is_told(sees):
    it = sees(a_group(NAME, by="%patient.photo"))
    assert len([one for one in it.response["item"] if one["linkId"] == "g"]) == 1
    assert it.answer("name") is None
    failing = sees(a_group(NAME, by="%nobody."))
    assert failing.told()


def test_a_group_that_does_not_repeat_sees_the_first_member(sees, two_more):
    it = sees(a_group(NAME, repeats=False), **FOUND)
    assert len([one for one in it.response["item"] if one["linkId"] == "g"]) == 1
    assert it.answer("name")


def test_repetitions_that_a_person_has_been_at_stay_theirs(sees, two_more):
    it = sees(a_group(NAME, item("2")), **FOUND)
    rows = [one for one in it.response["item"] if one["linkId"] == "g"]
    rows[0]["item"] = [rows[0]["item"][0], {"linkId": "2", "answer": [{"valueString": "mine"}]}]
    body = {"resourceType": "QuestionnaireResponse", "item": rows[:1]}
    assert it.visitor.post("save", body, it.page).status_code == 200
    (kept,) = it.visitor.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    assert len([one for one in kept["item"] if one["linkId"] == "g"]) == 1
    again = Opened(it.visitor, it.stranger, it.form)
    assert [values for link, values in answers(again) if link == "2"] == [["mine"]]
    assert len([one for one in again.response["item"] if one["linkId"] == "g"]) == 1


def test_each_repetition_is_calculated_by_itself(sees, two_more):
    doubled = expression(CALCULATED_EXPRESSION, "%resource.item.count() + %one.code.text.length()")
    it = sees(a_group(NAME, item("n", "integer", doubled)), **FOUND)
    rows = [{one["linkId"]: one.get("answer") for one in row["item"]} for row in it.response["item"]]
    told = {row["name"][0]["valueString"]: row["n"][0]["valueInteger"] for row in rows if row["n"] and row["name"]}
    assert all(number == two_more + len(name) for name, number in told.items() if name.startswith("Problem"))


# Variables -------------------------------------------------------------------------------------------------------


def answer_of(link):
    return f"%resource.item.where(linkId = '{link}').answer.value"


def test_variables_over_answers_follow_them(sees):
    """As body mass index forms have it: variables of the form, and a calculation over them."""
    variables = [expression(VARIABLE, answer_of("kg"), name="kg"), expression(VARIABLE, answer_of("m"), name="m")]
    index = item("bmi", "decimal", expression(CALCULATED_EXPRESSION, "(%kg / (%m * %m)).round(1)"))
    it = sees(item("kg", "decimal"), item("m", "decimal"), index, extension=variables)
    assert it.answer("bmi") is None
    it.types(kg={"valueDecimal": 80}, m={"valueDecimal": 2})
    assert it.value("bmi") == 20


def option(code, weight, url, *, beside=False):
    """A choice that counts for so much, said of its coding or, ``beside``, of the option."""
    said, coding = [{"url": url, "valueDecimal": weight}], {"system": "urn:s", "code": code, "display": code}
    return {"valueCoding": coding, "extension": said} if beside else {"valueCoding": coding | {"extension": said}}


@pytest.mark.parametrize("function", ["weight", "ordinal"])
@pytest.mark.parametrize("url", WEIGHTS, ids=["itemWeight", "ordinalValue"])
@pytest.mark.parametrize("beside", [False, True], ids=["of the coding", "of the option"])
def test_a_score_adds_up_what_the_choices_count_for(sees, function, url, beside):
    """As scales of sleep or mood have it. What each choice counts for goes along, as DTR's profiles have it."""
    options = [option("never", 0, url, beside=beside), option("often", 2, url, beside=beside)]
    record = expression(INITIAL_EXPRESSION, "%questionnaire.item.first().answerOption.last().value")
    total = expression(CALCULATED_EXPRESSION, f"%resource.item.answer.value.{function}().sum()")
    it = sees(
        item("a", "choice", record, answerOption=options),
        item("b", "choice", answerOption=options),
        item("total", "decimal", total),
    )
    assert it.value("total") == 2
    it.types(b={"valueCoding": {"system": "urn:s", "code": "often", "display": "often"}})
    assert it.value("total") == 4
    it.types("save")
    (kept,) = it.visitor.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    said = [extension(one, url).get("valueDecimal") for each in kept["item"][:2] for one in each["answer"]]
    assert said == [2, 2]
    assert committed("2.2").check(kept, references="open") == []


@pytest.mark.parametrize("grouped", [False, True])
def test_what_is_calculated_finds_its_place_although_a_page_sends_answers_alone(sees, grouped):
    doubled = item("b", "integer", expression(CALCULATED_EXPRESSION, f"{answer_of('a')} * 2"))
    group = {"linkId": "g", "type": "group", "text": "Group", "item": [doubled]}
    it = sees(item("a", "integer"), group if grouped else doubled)
    body = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "a", "answer": [{"valueInteger": 4}]}]}
    assert it.visitor.post("draft", body, it.page).status_code == 200
    assert it.look().value("b") == 8


def test_what_is_calculated_below_an_answer_follows_the_answers(sees):
    doubled = item("c", "integer", expression(CALCULATED_EXPRESSION, f"{answer_of('a')} * 2"))
    it = sees(item("a", "integer"), item("b", "boolean") | {"item": [doubled]})

    def sends(number, *below):
        given = {"valueBoolean": True} | ({"item": list(below)} if below else {})
        items = [{"linkId": "a", "answer": [{"valueInteger": number}]}, {"linkId": "b", "answer": [given]}]
        body = {"resourceType": "QuestionnaireResponse", "item": items}
        assert it.visitor.post("draft", body, it.page).status_code == 200
        (answer,) = it.look().response["item"][1]["answer"]
        return [one["answer"][0]["valueInteger"] for one in answer["item"]]

    assert sends(4) == [8]
    assert sends(5, {"linkId": "c", "answer": [{"valueInteger": 8}]}) == [10]


def below(answer, *items):
    """Return an answer as the page sends it, with what is below."""
    return answer | {"item": [{"linkId": link, "answer": [value]} for link, value in items]}


@pytest.mark.parametrize("by", ["the record", "a person"])
def test_what_the_record_says_below_an_answer_is_nobody_else_s_word(sees, by):
    """Before there is an answer to be below of, it stands beside."""
    first = [expression(INITIAL_EXPRESSION, "'words'")] if by == "the record" else []
    it = sees(item("a", "string", *first) | {"item": [item("b", "string", expression(INITIAL_EXPRESSION, "'more'"))]})
    it.types(a=below({"valueString": "words"}, ("b", {"valueString": "more"})))
    (held,) = it.answer("a")["item"]
    assert origin_of(held["answer"][0]) == "auto-client"
    it.types(a=below({"valueString": "words"}, ("b", {"valueString": "other"})))
    (held,) = it.answer("a")["item"]
    assert origin_of(held["answer"][0]) == "override"


@pytest.mark.parametrize(("kind", "times"), [("string", 2), ("open-choice", 1)])
def test_what_is_below_the_record_s_answers_is_filled_with_them(sees, kind, times):
    """Below each of them; of choices, which are ticked together, once."""
    more = item("b", "string", expression(INITIAL_EXPRESSION, "'more'"))
    several = item("a", kind, expression(INITIAL_EXPRESSION, "'one' | 'two'"), repeats=True) | {"item": [more]}
    (held,) = sees(several).response["item"]
    assert [value_of(one) for one in held["answer"]] == ["one", "two"]
    told = [below["answer"][0]["valueString"] for one in held["answer"] for below in one.get("item", [])]
    assert (told, "item" in held) == (["more"] * times, False)


def test_what_a_person_says_below_a_calculated_answer_stays(sees):
    doubled = item("b", "integer", expression(CALCULATED_EXPRESSION, f"{answer_of('a')} * 2"))
    it = sees(item("a", "integer"), doubled | {"item": [item("c")]})
    it.types(a={"valueInteger": 4}, b=below({"valueInteger": 8}, ("c", {"valueString": "mine"})))
    it.types(a={"valueInteger": 5}, b=it.answer("b"))
    answer = it.answer("b")
    assert (answer["valueInteger"], answer["item"][0]["answer"][0]["valueString"]) == (10, "mine")


def test_what_the_form_works_out_by_itself_is_not_said_to_come_from_the_record(sees):
    due = item("a", "date", expression(INITIAL_EXPRESSION, "today() + 7 days"))
    it = sees(due, item("b", "integer"), item("c", "integer", expression(CALCULATED_EXPRESSION, answer_of("b"))))
    it.types(b={"valueInteger": 4})
    assert [it.state["marks"][link]["words"] for link in "ac"] == ["Worked out by the payer's form"] * 2


def test_what_waits_for_other_answers_is_not_said_to_be_missing_in_the_record(sees):
    it = sees(item("b", "integer"), item("c", "integer", expression(CALCULATED_EXPRESSION, answer_of("b"))))
    assert it.state["marks"]["c"]["words"] == "Worked out once the questions are answered that it depends on"


def test_what_has_no_words_shows_none(sees):
    """Not every group has a heading; its linkId is nothing to read."""
    group = {
        "linkId": "bare-group",
        "type": "group",
        "item": [item("a"), {"linkId": "bare-display", "type": "display"}],
    }
    (html,) = re.findall(r'<div id="form".*?</section>\s*<aside', sees(group).page.text, re.DOTALL)
    assert re.findall(r">[^<]*bare-[^<]*<", html) == []
    assert "Question a" in html


def test_what_is_calculated_below_a_calculated_answer_comes_with_it(sees):
    more = item("c", "integer", expression(CALCULATED_EXPRESSION, f"{answer_of('b')} + 1"))
    doubled = item("b", "integer", expression(CALCULATED_EXPRESSION, f"{answer_of('a')} * 2"))
    it = sees(item("a", "integer"), doubled | {"item": [more]})
    it.types(a={"valueInteger": 4})
    (held,) = it.answer("b")["item"]
    assert held["answer"][0]["valueInteger"] == 9


def test_a_condition_sees_the_variables_of_its_form_and_of_the_group_around_it(sees):
    smokes = expression(VARIABLE, answer_of("smokes"), name="smokes")
    asked = item("years", "integer", expression(ENABLE_WHEN_EXPRESSION, "%smokes and %inner = 'x'"))
    group = {"linkId": "g", "type": "group", "text": "More", "item": [asked],
             "extension": [expression(VARIABLE, "'x'", name="inner")]}  # fmt: skip
    it = sees(item("smokes", "boolean"), group, extension=[smokes])
    assert it.state["hidden"] == ["g#1/years"]
    it.types(smokes={"valueBoolean": True})
    assert it.state["hidden"] == []


def test_a_condition_in_a_group_that_repeats_is_judged_in_each_entry(sees):
    ill = expression(VARIABLE, "%context.item.where(linkId = 'ill').answer.value", name="ill")
    asked = item("what", "string", expression(ENABLE_WHEN_EXPRESSION, "%ill = true"))
    group = {"linkId": "g", "type": "group", "text": "Visits", "repeats": True, "extension": [ill],
             "item": [item("ill", "boolean"), asked]}  # fmt: skip
    it = sees(group)
    entries = [{"linkId": "g", "item": [{"linkId": "ill", "answer": [{"valueBoolean": one}]}]} for one in (False, True)]
    body = {"resourceType": "QuestionnaireResponse", "item": entries}
    assert it.visitor.post("draft", body, it.page).status_code == 200
    assert it.look().state["hidden"] == ["g#1/what", "g#3/what"]


# What is not asked -----------------------------------------------------------------------------------------------


def test_what_is_not_asked_any_more_asks_nothing_either(sees):
    """An answer that stands in a question that is off does not keep the next one open."""

    def when(link):
        return {"enableWhen": [{"question": link, "operator": "=", "answerBoolean": True}]}

    it = sees(item("a", "boolean"), item("b", "boolean", **when("a")), item("c", "boolean", **when("b")))
    it.types(a={"valueBoolean": True}, b={"valueBoolean": True})
    assert it.state["hidden"] == []
    it.types(a={"valueBoolean": False}, b={"valueBoolean": True})
    assert it.state["hidden"] == ["b", "c"]


# Beside a question -----------------------------------------------------------------------------------------------


def shows(label, text, language="text/fhirpath"):
    told = [{"url": "label", "valueString": label}, {"url": "expression", "valueExpression": {
        "language": language, "expression": text}}]  # fmt: skip
    return {"url": CONTEXT_EXPRESSION, "extension": told}


@pytest.mark.parametrize(("text", "language"), [("%found", "text/fhirpath"), (CONDITIONS, QUERY)])
def test_the_record_is_shown_beside_a_question_and_answers_nothing(sees, two_more, text, language):
    it = sees(item("1", "string", shows("Problems of the patient", text, language)), **FOUND)
    assert "Problems of the patient: " in it.page.text
    assert "Problem 1 (2026-01-01)" in it.page.text
    assert it.answer("1") is None
    assert it.types("save", **{"1": {"valueString": "x"}}).status_code == 200
    assert {one["linkId"] for one in every(it.response)} == {"1"}


def test_what_the_record_has_not_or_a_failing_expression_shows_nothing(sees):
    it = sees(item("1", "string", shows("Nothing", "%patient.photo"), shows("Wrong", "%patient.")))
    assert "Nothing:" not in it.page.text
    assert "Wrong:" not in it.page.text


# Lists within the form -------------------------------------------------------------------------------------------


def test_a_value_set_that_the_form_contains_gives_its_choices(sees):
    listed = [{"code": "a", "display": "Alpha"}, {"code": "b", "display": "Beta"}]
    include = [{"system": "urn:s", "concept": listed}]
    held = {"resourceType": "ValueSet", "id": "v", "status": "active", "compose": {"include": include}}
    it = sees(item("1", "choice", answerValueSet="#v"), contained=[held])
    assert [one["valueCoding"]["code"] for one in it.shown["item"][0]["answerOption"]] == ["a", "b"]
    assert "Alpha" in it.page.text


# What is not done ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["sourceQueries", "sourceStructureMap"])
def test_a_form_that_is_to_be_filled_in_a_way_that_is_not_ours_opens_and_says_so(sees, asked):
    extension = {"url": f"{SDC}/StructureDefinition/sdc-questionnaire-{asked}", "valueCanonical": "https://x/map"}
    it = sees(item("1", "string", expression(INITIAL_EXPRESSION, "%patient.id")), extension=[extension])
    assert "does not do all that the form asks for: it is to be filled by" in it.page.text
    assert it.value("1") == "amy-baxter"
    assert "it is to be filled by" in str(it.told())


def test_a_part_of_a_form_that_was_not_assembled_is_told_of(sees):
    part = {"url": f"{SDC}/StructureDefinition/sdc-questionnaire-subQuestionnaire", "valueCanonical": "https://x/part"}
    it = sees(item("1"), item("2", "display", part))
    assert "a part of it is another form, not yet assembled" in it.page.text
    assert "Question 1" in it.page.text


def test_choices_and_words_that_are_to_be_worked_out_are_told_of(sees):
    by_form = expression(f"{SDC}/StructureDefinition/sdc-questionnaire-answerExpression", "'a' | 'b'")
    by_day = expression("http://hl7.org/fhir/StructureDefinition/cqf-expression", "'As of ' + today()")
    it = sees(item("1", "choice", by_form), {"linkId": "2", "type": "display", "_text": {"extension": [by_day]}})
    for words in ("choices of it are to be worked out", "some of its words are to be worked out"):
        assert words in it.page.text
        assert words in str(it.told())


# Marked-up words -------------------------------------------------------------------------------------------------

HOSTILE = "<div>At <b onclick='x()'>rest</b><script>alert(1)</script><img src='https://evil.example/x'/></div>"
SAFE = "At <b>rest</b>"


def marked_up(xhtml):
    return {"extension": [{"url": RENDERING_XHTML, "valueString": xhtml}]}


@pytest.mark.requirement("dtr-2.0.1@16", "dtr-2.2.0@conf-6")
def test_marked_up_words_are_shown_formatted_and_nothing_in_them_acts(sees):
    coding = {"system": "urn:s", "code": "a", "display": "Alpha"}
    options = [{"valueCoding": coding | marked_up("<i>Alpha</i><script>x()</script>")},
               {"valueString": "b", "_valueString": marked_up("<em>Beta</em>")}]  # fmt: skip
    it = sees(item("1", "choice", answerOption=options, _text=marked_up(HOSTILE), prefix="<1>"))
    for shown in (f"&lt;1&gt; {SAFE}", "<i>Alpha</i>", "<em>Beta</em>"):
        assert shown in it.page.text
    for acting in ("alert(1)", "onclick", "evil.example", "<script>x"):
        assert acting not in it.page.text
    assert it.types("save", **{"1": {"valueCoding": coding}}).status_code == 200
    assert it.value("1") == coding


def test_mark_up_is_no_part_of_an_answer(sees):
    coding = {"system": "urn:s", "code": "a", "display": "Alpha"}
    (offer,) = offers({"type": "choice", "answerOption": [{"valueCoding": coding | marked_up("<i>Alpha</i>")}]})
    assert (offer.answer, offer.marked) == ({"valueCoding": coding}, "<i>Alpha</i>")


@pytest.mark.parametrize(
    ("xhtml", "shown"),
    [
        ("<b>a", "<b>a</b>"),
        ("a</b>", "a"),
        ("<p><b>x</p>y</b>", "<b>x<br>y</b>"),
        ("<ul><li>a</li><li>b</li></ul>", "a<br>b"),
        ("<svg/onload=x>y", ""),
        ("<a href='javascript:x'>t</a>", "t"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        ("5 < 6", "5 &lt; 6"),
        ("", ""),
    ],
)
def test_whatever_the_mark_up_what_is_left_only_formats(xhtml, shown):
    assert formatted(xhtml) == shown


@given(st.text(alphabet="<>/b&;script onclick='\" x=", max_size=60))
def test_no_mark_up_that_anybody_can_think_of_acts(xhtml):
    left = re.sub(r"</?(b|big|br|code|em|i|s|small|span|strong|sub|sup|u)>", "", formatted(xhtml))
    assert "<" not in left
    assert ">" not in left
