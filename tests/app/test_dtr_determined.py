"""What a payer decides with an adaptive form's answers is shown, kept with its orders, and leads to further forms."""

import pytest

from app.dtr.determined import determined
from fhir_r4.resource import extensions
from fhir_r4.systems import COVERAGE_INFORMATION, QR_CONTEXT
from tests.app.other_payer import a_form
from tests.app.test_dtr_filling import item
from tests.app.test_dtr_step_by_step import Steps, sees  # noqa: F401 a fixture
from tests.app.town import ORDER

MORE = "https://payer.example.org/Questionnaire/second-form|1"


def said(**more):
    parts = {"coverage": ("valueReference", {"reference": "Coverage/amy-baxter-acme"}),
             "covered": ("valueCode", "covered"),
             "pa-needed": ("valueCode", "satisfied"), "satisfied-pa-id": ("valueString", "PA-77"),
             "date": ("valueDate", "2026-03-01"), "coverage-assertion-id": ("valueString", "a1")}  # fmt: skip
    held = [{"url": url, name: value} for url, (name, value) in (parts | more).items()]
    return {"url": COVERAGE_INFORMATION, "extension": held}


class Deciding(Steps):
    """Questions, and at their end a determination."""

    def __init__(self, *steps, **more):
        super().__init__(*steps)
        self.more = more

    def __call__(self, response):
        made = super().__call__(response)
        return made | {"extension": [*made["extension"], said(**self.more)]} if made["status"] == "completed" else made


def walked(it):
    it.types("next", **{"1": {"valueString": "so"}})
    body = {"resourceType": "QuestionnaireResponse", "item": it.response["item"], "attested": True}
    assert it.visitor.post("complete", body, it.page).status_code == 200
    return it.visitor.get("result").text


@pytest.mark.requirement("dtr-2.2.0@spec-46")
def test_a_determination_is_shown_and_kept_with_the_orders_that_it_is_about(sees, visitor):  # noqa: F811
    page = walked(sees(Deciding([item("1")])))
    for words in ("Covered", "Authorization is granted", "Authorization number PA-77"):
        assert words in page
    assert "Authorization number PA-77" in visitor.get("response").text
    (kept,) = visitor.town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    assert extensions(kept, COVERAGE_INFORMATION) == [said()]
    assert extensions(kept, QR_CONTEXT)[0]["valueReference"]["reference"] == ORDER


@pytest.mark.requirement("dtr-2.2.0@spec-49")
def test_further_forms_that_the_determination_wants_are_offered_as_the_order_s_own_are(sees, stranger):  # noqa: F811
    wanted = {"doc-needed": ("valueCode", "clinical"), "questionnaire": ("valueCanonical", MORE)}
    it = sees(Deciding([item("1")], **wanted))
    page = walked(it)
    assert "The payer also asks for: second form" in page
    assert "Still to be documented: clinical" in page
    stranger.packages[:] = [(a_form(item("1"), url=MORE.partition("|")[0], title="The second form"), None, [])]
    opened = it.visitor.press("another", it.visitor.get("result"), form=MORE)
    assert "The second form" in opened.text
    asked = stranger.asked("$questionnaire-package")[-1]["parameter"]
    assert [one["valueCanonical"] for one in asked if one["name"] == "questionnaire"] == [MORE]


@pytest.mark.parametrize(
    "odd",
    [{}, {"extension": 5}, {"extension": [{"url": COVERAGE_INFORMATION}]},
     {"extension": [{"url": COVERAGE_INFORMATION, "extension": [{"url": "covered", "valueCode": {}}, {"url": "x"}]}]}],
)  # fmt: skip
def test_what_is_no_determination_says_nothing(odd):
    assert [one.words for one in determined(odd)] in ([], [()])


def test_codes_of_another_maker_are_shown_as_they_are_and_reasons_in_words():
    odd = said(covered=("valueCode", "maybe"), reason=("valueCodeableConcept", {"text": "A nurse looks at it."}))
    (one,) = determined({"extension": [odd]})
    assert one.words[0] == "maybe"
    assert one.words[-1] == "A nurse looks at it."
