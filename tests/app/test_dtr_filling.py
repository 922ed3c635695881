"""What is in a form when the clinician first sees it, what follows from answers, and what is told when logic fails."""

import re
import time
from importlib.metadata import version as version_of

import pytest

from app.sandbox.smart import Context
from fhir_r4.profiles.check import committed
from fhir_r4.resource import extension, value_of
from fhir_r4.systems import (
    CALCULATED_EXPRESSION,
    CANDIDATE_EXPRESSION,
    CQF_LIBRARY,
    ENABLE_WHEN_EXPRESSION,
    INFORMATION_ORIGIN,
    INITIAL_EXPRESSION,
)
from questionnaires.populate import information_origin
from tests.app.other_payer import a_draft, a_form, library
from tests.app.town import ORDER
from tests.cql.given import FHIR, a_library, a_list, literal, node

USER = "Practitioner/lindqvist"
COVERAGE = "Coverage/amy-baxter-acme"
LIB = "https://payer.example.org/Library/Main"
HELPER = "https://payer.example.org/Library/Helper"
LOG_INPUT = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/dtr-log-errors-input-parameters"
CONDITIONS = node("Retrieve", dataType=FHIR + "Condition")


def cql(define, language="text/cql-identifier"):
    return {"language": language, "expression": f'"Main".{define}'}


def fhirpath(expression):
    return {"language": "text/fhirpath", "expression": expression}


def item(link, kind="string", text=None, **expressions):
    """A question; ``initial=``, ``calculated=``, ``candidate=``, ``enabled=`` are expressions."""
    urls = {"initial": INITIAL_EXPRESSION, "calculated": CALCULATED_EXPRESSION,
            "candidate": CANDIDATE_EXPRESSION, "enabled": ENABLE_WHEN_EXPRESSION}  # fmt: skip
    held = [{"url": urls[name], "valueExpression": one} for name, one in expressions.items()]
    return {"linkId": link, "type": kind, "text": text or f"Question {link}"} | ({"extension": held} if held else {})


def a_clinical_form(*items, **more):
    return a_form(*items, extension=[{"url": CQF_LIBRARY, "valueCanonical": f"{LIB}|1"}], **more)


def main(**defines):
    """The library that the form's expressions name."""
    return library(LIB, a_library("Main", "1", defines=defines), name="Main")


class Opened:
    """A form on the clinician's screen."""

    def __init__(self, visitor, stranger, form, logic=(), draft=None):
        self.visitor, self.stranger, self.form = visitor, stranger, form
        stranger.packages[:] = [(form, draft, list(logic))]
        self.page = visitor.launch(Context("amy-baxter", USER, (COVERAGE, ORDER)))
        assert self.page.status_code == 200, self.page.text
        self.look()

    def look(self):
        held = self.visitor.get("form.json").json()
        self.shown, self.response, self.state = held["form"], held["response"], held["state"]
        return self

    def answer(self, link):
        return next(one.get("answer", [None])[0] for one in every(self.response) if one["linkId"] == link)

    def value(self, link):
        return value_of(self.answer(link) or {})

    def source(self, link):
        return value_of(extension(extension(self.answer(link), INFORMATION_ORIGIN), "source"))

    def types(self, action="draft", **answers):
        """Answer questions by linkId, as the page sends what stands on it."""
        items = [{"linkId": link, "answer": [value]} for link, value in answers.items()]
        kept = [one for one in every(self.response) if one["linkId"] not in answers and "item" not in one]
        body = {"resourceType": "QuestionnaireResponse", "item": [*kept, *items]}
        answer = self.visitor.post(action, body, self.page)
        self.look()
        return answer

    def told(self):
        """Return what the payer was told of the form; it is told while nobody waits."""
        for _ in range(100):
            if said := self.stranger.asked("$log-questionnaire-errors"):
                return said
            time.sleep(0.05)
        return []


def every(response):
    found, waiting = [], list(response.get("item", []))
    while waiting:
        one = waiting.pop(0)
        found.append(one)
        waiting = one.get("item", []) + waiting
    return found


@pytest.fixture
def sees(visitor, stranger):
    return lambda form, logic=(), draft=None: Opened(visitor, stranger, form, logic, draft)


# Before anybody sees it ------------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.0.1@173", "dtr-2.0.1@207", "dtr-2.2.0@spec-62")
def test_what_the_form_s_logic_can_tell_is_there_before_anybody_sees_it(sees):
    """Initial, calculated and candidate expressions of what is asked, all by CQL; what is not asked stays empty."""
    coding = {"system": "urn:s", "code": "b", "display": "Beta"}
    code = node("Code", system={"name": "S"}, code="a", display="Alpha")
    off = item("off", initial=cql("Words")) | {
        "enableWhen": [{"question": "1", "operator": "=", "answerString": "something else"}]
    }
    choice = item("3", "open-choice", candidate=cql("Codes")) | {"answerOption": [{"valueCoding": coding}]}
    form = a_clinical_form(item("1", initial=cql("Words")), item("2", "integer", calculated=cql("Number")), choice, off)
    elm = a_library("Main", "1", defines={"Words": literal("words"), "Number": literal(7), "Codes": a_list(code)},
                    codeSystems=[{"name": "S", "id": "urn:s"}])  # fmt: skip
    it = sees(form, [library(LIB, elm, name="Main")])
    assert (it.value("1"), it.value("2")) == ("words", 7)
    assert all(word in it.page.text for word in ("Alpha", "Beta"))
    assert "off" in it.state["hidden"]


@pytest.mark.parametrize(
    "expression",
    [
        cql("Words"),
        cql("Words", "text/cql"),
        fhirpath("'words'"),
        fhirpath("%patient.id.replace('amy-baxter', 'words')"),
    ],
    ids=["CQL by name", "CQL", "FHIRPath", "FHIRPath over the launch"],
)
@pytest.mark.requirement("dtr-2.2.0@spec-60")
def test_expressions_are_run_whether_they_are_cql_or_fhirpath(sees, expression):
    it = sees(a_clinical_form(item("1", initial=expression)), [main(Words=literal("words"))])
    assert it.value("1") == "words"


@pytest.mark.requirement("dtr-2.2.0@spec-65")
def test_each_answer_says_whether_the_payer_or_the_record_gave_it(sees, visitor):
    form = a_clinical_form(item("1", initial=cql("Words")), item("2"))
    records = visitor.town.sandbox.extensions["ehr"].records
    draft = a_draft(form, records.get(COVERAGE), records.get(ORDER))
    known = {"extension": [information_origin("auto-server")], "valueString": "the payer's"}
    draft["item"][1]["answer"] = [known]
    it = sees(form, [main(Words=literal("words"))], draft)
    assert (it.source("1"), it.source("2")) == ("auto-client", "auto-server")
    assert it.value("2") == "the payer's"


@pytest.mark.requirement("dtr-2.0.1@190", "dtr-2.2.0@spec-74")
def test_a_library_that_another_depends_on_is_at_hand_for_it(sees):
    reference = {"type": "ExpressionRef", "libraryName": "H", "name": "Words"}
    including = a_library("Main", "1", defines={"Said": reference}, includes=[
        {"localIdentifier": "H", "path": "Helper", "version": "1"}])  # fmt: skip
    depends = [{"type": "depends-on", "resource": f"{HELPER}|1"}]
    helper = library(HELPER, a_library("Helper", "1", defines={"Words": literal("from the helper")}), name="Helper")
    logic = [library(LIB, including, name="Main", relatedArtifact=depends), helper]
    assert sees(a_clinical_form(item("1", initial=cql("Said"))), logic).value("1") == "from the helper"


@pytest.mark.requirement("dtr-2.0.1@180", "dtr-2.0.1@181", "dtr-2.2.0@spec-68")
def test_what_a_library_requires_is_read_with_the_launch_s_token(sees, visitor):
    """Of the patient alone, with the token that the EHR gave at the launch."""
    count = node("Count", source=CONDITIONS)
    needed = main(Many=count) | {"dataRequirement": [{"type": "Condition"}]}
    visitor.town.sandbox.extensions["ehr"].records.put(
        {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/amy-baxter"}}
    )
    it = sees(a_clinical_form(item("1", "integer", initial=cql("Many"))), [needed])
    searches = [call for call in visitor.town.calls if call[1] == "Condition"]
    token = next(call[3] for call in visitor.town.calls if call[1] == ORDER)
    assert [(call[2], call[3]) for call in searches] == [("patient=amy-baxter", token)]
    assert it.value("1") >= 1


@pytest.mark.requirement("dtr-2.0.1@177")
def test_what_was_read_of_the_record_is_not_read_again_for_the_next_expression(sees, visitor):
    count = node("Count", source=CONDITIONS)
    form = a_clinical_form(*(item(str(n), "integer", initial=cql(f"Many{n}")) for n in range(3)))
    it = sees(form, [main(**{f"Many{n}": count for n in range(3)})])
    assert len([call for call in visitor.town.calls if call[1] == "Condition"]) == 1
    it.types(**{"0": {"valueInteger": 12}})
    assert len([call for call in visitor.town.calls if call[1] == "Condition"]) == 1


# What follows from answers ---------------------------------------------------------------------------------------


@pytest.mark.requirement("dtr-2.0.1@178", "dtr-2.2.0@spec-66")
def test_filling_goes_on_until_nothing_changes_any_more(sees):
    """One answer asks another question, whose answer is calculated into a third."""
    answered = "%resource.descendants().where(linkId = '{}').answer.value"
    second = item("2", "integer", calculated=fhirpath(f"{answered.format('1')} + 1"), enabled=fhirpath(
        f"{answered.format('1')} = 1"))  # fmt: skip
    third = item("3", "integer", calculated=fhirpath(f"{answered.format('2')} + 1"), enabled=fhirpath(
        f"{answered.format('2')} = 2"))  # fmt: skip
    it = sees(a_clinical_form(item("1", "integer", initial=cql("One")), third, second), [main(One=literal(1))])
    assert [it.value(link) for link in "123"] == [1, 2, 3]
    assert it.state["hidden"] == []


@pytest.mark.requirement("dtr-2.0.1@179", "dtr-2.2.0@spec-67")
def test_a_form_that_never_comes_to_rest_is_told_to_the_clinician_and_to_its_payer(sees):
    """An item that is asked sets a value that hides it."""
    answered = "%resource.descendants().where(linkId = '1').answer.value"
    circling = item("1", "integer", calculated=fhirpath("1"), enabled=fhirpath(f"{answered}.empty()"))
    it = sees(a_clinical_form(circling, item("2", initial=cql("Words"))), [main(Words=literal("words"))])
    assert "runs in a circle" in it.page.text
    assert it.answer("1") is None
    assert it.value("2") == "words"
    assert "circle" in str(it.told())


@pytest.mark.requirement("dtr-2.0.1@222", "dtr-2.2.0@spec-150")
def test_what_a_person_changes_changes_what_is_calculated_from_it_and_what_is_asked(sees):
    weight = "%resource.descendants().where(linkId = 'kg').answer.value"
    form = a_clinical_form(
        item("kg", "decimal"),
        item("twice", "decimal", calculated=fhirpath(f"{weight} * 2")),
        item("why", enabled=fhirpath(f"{weight} > 100")) | {"required": True},
    )
    it = sees(form, [main(Words=literal("words"))])
    assert it.answer("twice") is None
    it.types(kg={"valueDecimal": 60})
    assert it.value("twice") == 120
    assert "why" in it.state["hidden"]
    assert it.state["missing"] == []
    it.types(kg={"valueDecimal": 110})
    assert it.value("twice") == 220
    assert [one["link_id"] for one in it.state["missing"]] == ["why"]


# When logic fails ------------------------------------------------------------------------------------------------

BROKEN = {
    "no ELM at all": library(LIB, None, name="Main"),
    "no ELM that can be read": library(LIB, {"library": "what is this"}, name="Main"),
    "a define that is no expression": main(Words={"type": "Unheard"}),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.requirement("dtr-2.0.1@191", "dtr-2.2.0@spec-76", "dtr-2.0.1@194")
def test_malformed_logic_is_not_run_and_the_question_is_answered_by_hand(sees, broken):
    it = sees(a_clinical_form(item("1", initial=cql("Words"))), [broken])
    assert it.answer("1") is None
    assert it.types("save", **{"1": {"valueString": "by hand"}}).status_code == 200
    assert (it.value("1"), it.source("1")) == ("by hand", "manual")


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.requirement("dtr-2.0.1@193", "dtr-2.0.1@199", "dtr-2.2.0@spec-79")
def test_the_clinician_is_told_that_filling_did_not_happen(sees, broken):
    it = sees(a_clinical_form(item("1", initial=cql("Words"))), [broken])
    assert "logic failed for 1 of its questions" in it.page.text
    assert "fill them by hand" in it.page.text


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.requirement("dtr-2.0.1@192", "dtr-2.0.1@197", "dtr-2.0.1@201")
def test_the_payer_that_the_form_came_from_is_told(sees, stranger, broken):
    it = sees(a_clinical_form(item("1", initial=cql("Words"))), [broken])
    (said,) = it.told()
    assert ("POST", "/fhir/Questionnaire/$log-questionnaire-errors") in stranger.requests
    assert said["parameter"][0]["valueCanonical"] == f"{it.form['url']}|{it.form['version']}"
    (issue, _) = said["parameter"][1]["resource"]["issue"]
    assert (issue["severity"], issue["expression"]) == ("error", ["Questionnaire.item.where(linkId = '1')"])


@pytest.mark.requirement("dtr-2.2.0@spec-78", "dtr-2.2.0@oper-1", "dtr-2.0.1@285")
@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_what_the_payer_is_told_keeps_to_its_profile(sees, version):
    (said,) = sees(a_clinical_form(item("1", initial=cql("Gone"))), [main(Words=literal("words"))]).told()
    faults = committed(version).check(said, LOG_INPUT, references="open")
    assert [one for one in faults if one.severity == "error"] == []


@pytest.mark.requirement("dtr-2.0.1@286", "dtr-2.0.1@287", "dtr-2.2.0@oper-2")
def test_the_payer_is_told_by_which_app_of_which_version_in_words(sees):
    (said,) = sees(a_clinical_form(item("1", initial=cql("Gone"))), [main(Words=literal("words"))]).told()
    words = said["parameter"][1]["resource"]["issue"][-1]["diagnostics"]
    assert f"priorauth DTR app {version_of('priorauth')}" in words


@pytest.mark.requirement("dtr-2.0.1@288", "dtr-2.0.1@289", "dtr-2.0.1@291")
def test_the_payer_is_told_when_and_where_and_of_which_version_of_the_form(sees, visitor):
    (said,) = sees(a_clinical_form(item("1", initial=cql("Gone"))), [main(Words=literal("words"))]).told()
    words = said["parameter"][1]["resource"]["issue"][-1]["diagnostics"]
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", words)
    assert f"{visitor.town.ehr}/fhir" in words
    assert said["parameter"][0]["valueCanonical"].endswith("|1")


@pytest.mark.requirement("dtr-2.0.1@172", "dtr-2.2.0@spec-124")
def test_a_payer_that_sends_an_expired_form_for_an_order_is_told(sees):
    """It is shown all the same: there is no other."""
    it = sees(a_form(item("1"), effectivePeriod={"start": "2020-01-01", "end": "2020-12-31"}))
    (said,) = it.told()
    (issue, _) = said["parameter"][1]["resource"]["issue"]
    assert "effectivePeriod" in issue["diagnostics"]
    assert issue["expression"] == ["Questionnaire"]


@pytest.mark.requirement("dtr-2.0.1@290")
def test_what_the_payer_is_told_holds_nothing_of_the_record_or_of_the_answers(sees, visitor):
    """Not even where an expression failed over it."""
    failing = fhirpath("%patient.name.family.toInteger() + 'Baxter' + 1950-02-01 + %nobody.amy")
    form = a_clinical_form(item("1", initial=failing), item("2", initial=fhirpath("%patient.name.family")))
    it = sees(form)
    it.types(**{"1": {"valueString": "a secret of Amy's"}})
    said = str(it.told())
    names = visitor.town.sandbox.extensions["ehr"].records.get("Patient/amy-baxter")["name"][0]
    assert said
    for word in (names["family"], *names["given"], "1950-02-01", "secret", "amy-baxter", "ACME0001234"):
        assert word not in said


def test_a_form_that_cannot_tell_what_it_asks_shows_it_and_says_so(sees):
    """Nobody is kept from answering; the clinician knows that the question may not be needed."""
    it = sees(a_clinical_form(item("1", enabled=cql("Gone"))), [main(Words=literal("words"))])
    assert "may not be needed" in it.page.text
    assert it.state["hidden"] == []
