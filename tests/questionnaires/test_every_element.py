"""A form may have every element that DTR's profiles mark as must-support, and all of them reach the client.

``fixtures/forms`` holds such a form; it belongs to no policy and is there to try clients, and this service, with.
"""

from functools import lru_cache

import pytest

from app.demo.must_support import lacking
from fhir_r4.generations import Generation
from fhir_r4.wire import read_object
from questionnaires.catalog import Catalog, canonical_of
from questionnaires.next_question import next_questions
from tests import must_support
from tests.given import BOOK, CATALOG, ROOT, TODAY, an_order
from tests.questionnaires.given import BASE, answered, held
from tests.questionnaires.test_form_design import DTR
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))
FORMS = ROOT / "fixtures" / "forms"
FORM = read_object((FORMS / "every-element" / "2026.1.json").read_bytes())


@lru_cache
def catalog():
    """The form beside the one whose library it uses."""
    oxygen = CATALOG.named("home-oxygen|2026.1")
    libraries, value_sets, _ = CATALOG.dependencies(oxygen)
    own = [read_object(file.read_bytes()) for file in (FORMS / "value-sets").glob("*.json")]
    return Catalog([oxygen, FORM], libraries, [*value_sets, *own])


def packaged(generation, adaptive=""):
    url, version = canonical_of(FORM).split("|")
    named = {"name": "questionnaire", "valueCanonical": f"{url}{adaptive}|{version}"}
    other = {"coding": [{"system": "https://ehr.example.org", "code": "no policy's"}]}
    order = {"name": "order", "resource": an_order(codeCodeableConcept=other)}
    return answered(generation, named, order, order=False, catalog=catalog())


def marked(generation, profile):
    """Return the elements that the published profile marks, but for those that it forbids."""
    if not must_support.PACKAGES.is_dir():
        pytest.skip("the packages of the guides are not beside the project")
    archive = must_support.PACKAGES / DTR[generation]
    elements = must_support.definitions(archive)[profile]["snapshot"]["element"]
    forbidden = tuple(one["id"] for one in elements if one["max"] == "0")
    listed = must_support.guide(archive, (profile,))[profile]
    return {path: told for path, told in listed.items() if not path.startswith(forbidden)}


@pytest.mark.requirement("dtr-2.0.1@352", "dtr-2.0.1@361", "dtr-2.2.0@conf-2")
@BOTH
def test_a_standard_form_reaches_the_client_with_every_must_support_element(generation):
    answer = packaged(generation)
    forms = held(answer, "Questionnaire")
    assert lacking("dtr-std-questionnaire", marked(generation, "dtr-std-questionnaire"), forms) == []
    assert_profiled(answer, generation, references="open")


@pytest.mark.requirement("dtr-2.0.1@350", "dtr-2.2.0@conf-2")
@BOTH
def test_an_adaptive_form_is_announced_with_every_must_support_element(generation):
    """But for the questions, which come later (2.0.1 marks theirs all the same)."""
    answer = packaged(generation, "-adaptive")
    listed = marked(generation, "dtr-questionnaire-adapt-search")
    missing = lacking("dtr-questionnaire-adapt-search", listed, held(answer, "Questionnaire"))
    assert [path for path in missing if not path.startswith("Questionnaire.item")] == []
    assert_profiled(answer, generation, references="open")


@pytest.mark.requirement("dtr-2.0.1@348", "dtr-2.2.0@conf-2")
@BOTH
def test_the_next_questions_come_with_every_must_support_element(generation):
    """But for conditions: what is asked has been found to be needed."""
    (draft,) = held(packaged(generation, "-adaptive"), "QuestionnaireResponse")
    asked = next_questions(draft, catalog(), BOOK, TODAY, generation, f"{BASE}/{generation}")
    listed = marked(generation, "dtr-questionnaire-adapt")
    missing = lacking("dtr-questionnaire-adapt", listed, asked["contained"])
    assert set(missing) <= {"Questionnaire.item.enableWhen", "Questionnaire.item.enableBehavior"}
    assert_profiled(asked, generation, references="open")


@BOTH
def test_the_form_is_one_that_the_service_could_be_started_with(generation):
    """Each of its libraries and value sets is there."""
    assert catalog().dependencies(FORM)[2] == []
    assert {one["url"].rpartition("/")[2] for one in held(packaged(generation), "ValueSet")} >= {"weight-units"}


def adaptive_contained():
    """Return the contained form of 2.2 with all questions asked: for tests of who fills it in."""
    (draft,) = held(packaged(Generation.V2_2, "-adaptive"), "QuestionnaireResponse")
    asked = next_questions(draft, catalog(), BOOK, TODAY, Generation.V2_2, f"{BASE}/2.2")
    return asked["contained"][0]
