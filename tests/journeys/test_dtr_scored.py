"""A scale whose choices count, filled in a browser: the total follows each click."""

import pytest
from playwright.sync_api import expect

from fhir_r4.resource import extension
from fhir_r4.systems import CALCULATED_EXPRESSION, ITEM_CONTROL
from fhir_r4.weights import WEIGHTS
from tests.app.other_payer import OtherPayer, a_form
from tests.app.test_dtr_strange_forms import expression
from tests.app.town import a_town, paid_by
from tests.journeys.browser import a_browser, picture
from tests.journeys.test_dtr_plain import opened_form, saved

pytestmark = [pytest.mark.journey, pytest.mark.slow]
RADIO = {"url": ITEM_CONTROL, "valueCodeableConcept": {"coding": [{"code": "radio-button"}]}}
CHANCES = ("would never doze", "slight chance", "moderate chance", "high chance")
PLACES = ("Sitting and reading", "Watching television", "In a car, as a passenger for an hour")


def chance(words, weight):
    coding = {"system": "urn:doze", "code": str(weight), "display": words}
    return {"valueCoding": coding | {"extension": [{"url": WEIGHTS[1], "valueDecimal": weight}]}}


def place(number, words):
    options = [chance(one, weight) for weight, one in enumerate(CHANCES)]
    return {"linkId": f"p{number}", "type": "choice", "text": words, "answerOption": options, "extension": [RADIO]}


TOTAL = expression(CALCULATED_EXPRESSION, "%resource.item.where(linkId = 'places').item.answer.value.ordinal().sum()")
FORM = a_form(
    {
        "linkId": "places",
        "type": "group",
        "text": "How likely are you to doze?",
        "item": [place(number, words) for number, words in enumerate(PLACES)],
    },
    {"linkId": "total", "type": "decimal", "text": "Total", "readOnly": True, "extension": [TOTAL]},
)


@pytest.fixture
def town(opened, tmp_path):
    payer = OtherPayer()
    payer.packages = [(FORM, None, [])]
    with a_town(opened, tmp_path, paid_by(payer)) as made:
        yield made
    payer.close()


def test_a_total_follows_what_is_chosen_and_each_answer_says_what_it_counts_for(town):
    with a_browser() as context:
        page = opened_form(context, town)
        total = page.get_by_text("Total", exact=True).locator("..")
        expect(total).to_contain_text("Worked out once the questions are answered")
        for words, expected in ((PLACES[0], "3"), (PLACES[1], "6")):
            page.get_by_role("group", name=words).get_by_label("high chance").check()
            expect(total).to_contain_text(expected)
        picture(page, "dtr-scored")
        saved(page, town)
    (kept,) = town.sandbox.extensions["ehr"].records.search("QuestionnaireResponse", "patient=amy-baxter")
    answers = [answer for one in kept["item"][0]["item"] for answer in one.get("answer", [])]
    assert [extension(one, WEIGHTS[1]).get("valueDecimal") for one in answers] == [3, 3]
