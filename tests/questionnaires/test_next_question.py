"""An adaptive form asks only for that on which the policy's decision still depends."""

import copy

import pytest

from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import contained
from fhir_r4.systems import MAX_VALUE, MIN_VALUE
from questionnaires.catalog import Catalog, questions
from questionnaires.next_question import next_questions, read_response
from questionnaires.populate import information_origin
from tests.given import BOOK, CATALOG, TODAY, percent
from tests.questionnaires.given import BASE, answered, bundles
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("generation", list(Generation))
MRI, OXYGEN = "lumbar-mri", "home-oxygen"
NO, YES = {"valueBoolean": False}, {"valueBoolean": True}
PAIN = {"valueCoding": {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M54.16"}}
LUNGS = {"valueCoding": {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J44.9"}}
ORDER = {"1.1": LUNGS, "1.2": {"valueString": "G. Lindqvist"}, "1.3": {"valueString": "1144221847"}}


def opened(name, generation=Generation.V2_2):
    """Return the draft of an adaptive form; home oxygen's is for an order, whose own form comes too."""
    named = {
        "name": "questionnaire",
        "valueCanonical": f"https://forms.priorauth.example.org/Questionnaire/{name}-adaptive",
    }
    packages = bundles(answered(generation, named, order=name == OXYGEN))
    drafts = [one["entry"][1]["resource"] for one in packages]
    return next(one for one in drafts if one["questionnaire"].startswith("#"))


def asked(response):
    """Return the linkIds of the questions that were put so far."""
    held = contained(response, response["questionnaire"])
    return {link for link, item in questions(held).items() if item["type"] not in {"group", "display"}}


def step(response, answers=None, generation=Generation.V2_2, origin="manual"):
    return next_questions(
        answering(response, answers or {}, origin), CATALOG, BOOK, TODAY, generation, f"{BASE}/{generation}"
    )


def answering(response, answers, origin="manual"):
    author = "Practitioner/lindqvist" if origin == "manual" else None
    marked = {"extension": [information_origin(origin, author=author)]}

    def filled(item):
        below = {"item": [filled(one) for one in item["item"]]} if "item" in item else {}
        given = answers.get(item["linkId"])
        return item | below | ({"answer": [marked | given]} if given else {})

    items = [filled(one) for one in response.get("item", [])]
    return copy.deepcopy(response) | ({"item": items} if items else {})


def walked_through(name, generation):
    """Yield the response as it is drafted and after each call, red flag by red flag, to the end."""
    response = opened(name, generation)
    yield response
    for answers in ({}, FLAGS | {"0.1": PAIN}, {"2.1": {"valueInteger": 7}, "2.2": NO}):
        response = step(response, answers, generation)
        yield response
    assert response["status"] == "completed"


def walk(name, answers, generation=Generation.V2_2):
    """Answer whatever is asked until nothing is; return the questions of each call and the end."""
    response, calls = opened(name, generation), []
    for _ in range(10):
        before = asked(response)
        response = step(response, {link: one for link, one in answers.items() if link in before}, generation)
        if response["status"] == "completed":
            return calls, response
        calls.append(sorted(asked(response) - before))
    raise AssertionError("it never ends")


FLAGS = {"1.1": NO, "1.2": NO, "1.3": NO, "1.4": NO}


def test_a_red_flag_ends_the_questions():
    """The policy certifies on it: how many weeks of care there were does not matter any more."""
    calls, _ = walk(MRI, FLAGS | {"0.1": PAIN, "1.2": YES})
    assert calls == [["0.1", "0.2", "1.1", "1.2", "1.3", "1.4"]]


def test_without_a_red_flag_the_earlier_care_is_asked_for():
    calls, _ = walk(MRI, FLAGS | {"0.1": PAIN, "2.1": {"valueInteger": 7}, "2.2": NO})
    assert calls == [["0.1", "0.2", "1.1", "1.2", "1.3", "1.4"], ["2.1", "2.2"]]


def test_a_saturation_of_88_needs_no_signs_and_one_of_89_does():
    certain = ORDER | {"2.1": percent(88), "2.3": {"valueDate": "2026-02-20"}, "2.4": YES}
    calls, _ = walk(OXYGEN, certain)
    assert calls == [["1.1", "1.2", "1.3", "1.4", "2.3"], ["2.4"], ["2.1", "2.2"]]
    calls, _ = walk(OXYGEN, certain | {"2.1": percent(89), "3.2": YES})
    assert calls[3:] == [["3.1", "3.2"]]


def test_a_test_that_is_too_old_ends_the_questions():
    """The policy pends whatever the value: nobody is asked for it."""
    calls, end = walk(OXYGEN, ORDER | {"2.3": {"valueDate": "2025-02-20"}})
    assert calls == [["1.1", "1.2", "1.3", "1.4", "2.3"]]
    assert end["status"] == "completed"


@pytest.mark.requirement("dtr-2.0.1@219")
@BOTH
def test_the_last_call_echoes_the_response_as_completed_with_no_more_questions(generation):
    answers = FLAGS | {"0.1": PAIN, "1.4": YES}
    first = step(opened(MRI, generation), generation=generation)
    end = step(first, answers, generation)
    assert (end["status"], asked(end)) == ("completed", asked(first))
    again = step(end, generation=generation)
    assert again == end


@pytest.mark.requirement("dtr-2.2.0@spec-39")
def test_who_is_asked_the_last_questions_is_told_so():
    response = step(opened(MRI))
    assert "last" not in questions(contained(response, "#form"))
    response = step(response, FLAGS | {"0.1": PAIN})
    assert questions(contained(response, "#form"))["last"]["type"] == "display"


@BOTH
def test_each_answer_of_ours_keeps_to_its_profiles(generation):
    response = opened(OXYGEN, generation)
    for answers in ({}, ORDER | {"2.3": {"valueDate": "2026-02-20"}}, {"2.4": YES}, {"2.1": percent(88)}):
        response = step(response, answers, generation)
        assert_profiled(response, generation, references="open")
    assert response["status"] == "completed"


def test_the_answers_that_were_given_come_back_as_they_were():
    first = step(opened(MRI))
    second = step(first, FLAGS | {"0.1": PAIN})
    (group, flags, care) = second["item"]
    assert group["item"][0]["answer"][0]["valueCoding"]["code"] == "M54.16"
    assert [one["answer"][0]["valueBoolean"] for one in flags["item"]] == [False] * 4
    assert ["answer" in one for one in care["item"]] == [False, False]


def test_each_entry_of_a_group_that_repeats_comes_back_with_its_own_answers():
    form = CATALOG.named(f"{MRI}|2026.1")
    groups = [one | ({"repeats": True} if one["linkId"] == "2" else {}) for one in form["item"]]
    catalog = Catalog([form | {"item": groups}])
    response = opened(MRI)
    for answers in ({}, FLAGS | {"0.1": PAIN}):
        response = next_questions(answering(response, answers), catalog, BOOK, TODAY, Generation.V2_2, BASE)
    (*others, care) = response["item"]
    entries = [
        care | {"item": [{"linkId": "2.1", "text": "Weeks", "answer": [{"valueInteger": weeks}]}]} for weeks in (7, 2)
    ]
    sent = response | {"item": [*others, *entries, {"linkId": "2", "text": "Care", "item": []}]}
    end = next_questions(sent, catalog, BOOK, TODAY, Generation.V2_2, BASE)
    assert [one["linkId"] for one in end["item"]] == ["0", "1", "2", "2"]
    weeks = [one["answer"] for group in end["item"][2:] for one in group["item"] if "answer" in one]
    assert weeks == [[{"valueInteger": 7}], [{"valueInteger": 2}]]


@pytest.mark.requirement("dtr-2.0.1@52", "dtr-2.2.0@spec-42", "dtr-2.2.0@spec-43")
def test_an_adaptive_form_promises_nothing():
    """Coverage is CRD's to tell and a number PAS's to give: whatever was answered, the response has neither."""
    for answers in (FLAGS | {"0.1": PAIN, "1.2": YES}, FLAGS | {"0.1": PAIN, "2.1": {"valueInteger": 7}, "2.2": NO}):
        _, end = walk(MRI, answers)
        assert "coverage-information" not in str({**end, "contained": []}["extension"]).replace(
            "coverage-information-codes", ""
        )
        assert "satisfied-pa-id" not in str(end)


# What is refused -------------------------------------------------------------------------------------------------


def faults(response, answers=None):
    with pytest.raises(InvalidRequest) as refused:
        step(response, answers)
    return [(issue.code, issue.expression) for issue in refused.value.issues]


@pytest.mark.requirement("dtr-2.2.0@spec-147")
@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({"1.1": {"valueString": "Oster"}}, ("value", "QuestionnaireResponse.item[1].item[0].answer[0].value")),
        ({"1.1": {"valueBoolean": "true"}}, ("value", "QuestionnaireResponse.item[1].item[0].answer[0].value")),
        ({"1.1": YES | {"valueInteger": 1}}, ("value", "QuestionnaireResponse.item[1].item[0].answer[0].value")),
        ({"0.2": {"valueDecimal": 4.5}}, ("value", "QuestionnaireResponse.item[0].item[1].answer[0].value")),
    ],
)
def test_an_answer_that_the_form_does_not_allow_is_refused_with_its_place(answers, fault):
    """And its value is not quoted."""
    response = step(opened(MRI))
    with pytest.raises(InvalidRequest) as refused:
        step(response, FLAGS | {"0.1": PAIN} | answers)
    assert fault in [(issue.code, issue.expression) for issue in refused.value.issues]
    assert "Oster" not in str(refused.value)


def limited(link, **parts):
    """Return the catalog with limits for one question of the lumbar MRI form."""

    def made(item):
        below = {"item": [made(one) for one in item["item"]]} if "item" in item else {}
        return item | below | (parts if item["linkId"] == link else {})

    form = CATALOG.named(f"{MRI}|2026.1")
    return Catalog([form | {"item": [made(one) for one in form["item"]]}])


@pytest.mark.requirement("dtr-2.2.0@spec-147")
@pytest.mark.parametrize(
    ("weeks", "refused"), [(520, False), (521, True), (-1, True)], ids=["the most", "more than that", "less than none"]
)
def test_an_answer_beyond_the_limits_of_its_question_is_refused(weeks, refused):
    limits = [{"url": MIN_VALUE, "valueInteger": 0}, {"url": MAX_VALUE, "valueInteger": 520}]
    catalog = limited("2.1", extension=limits)
    response = step(step(opened(MRI)), FLAGS | {"0.1": PAIN})
    sent = answering(response, {"2.1": {"valueInteger": weeks}, "2.2": NO})
    if not refused:
        assert next_questions(sent, catalog, BOOK, TODAY, Generation.V2_2, BASE)["status"] == "completed"
        return
    with pytest.raises(InvalidRequest) as found:
        next_questions(sent, catalog, BOOK, TODAY, Generation.V2_2, BASE)
    (issue,) = found.value.issues
    assert (issue.code, issue.expression) == ("value", "QuestionnaireResponse.item[2].item[0].answer[0].value")
    assert str(weeks) not in issue.diagnostics


def test_a_question_that_must_be_answered_and_was_not_is_refused():
    assert faults(step(opened(MRI)), {"0.1": PAIN, "1.1": NO, "1.2": NO, "1.3": NO}) == [
        ("required", "QuestionnaireResponse.item.where(linkId = '1.4')")
    ]


def test_an_answer_to_what_was_not_asked_is_refused():
    """The next questions cannot be answered ahead, nor the form's own be invented."""
    response = step(opened(MRI))
    ahead = {"linkId": "2", "item": [{"linkId": "2.1", "answer": [{"valueInteger": 7}]}]}
    invented = {"linkId": "9", "answer": [YES]}
    answered = answering(response, FLAGS | {"0.1": PAIN})
    answered["item"] += [ahead, invented]
    assert faults(answered) == [
        ("invalid", "QuestionnaireResponse.item[3].linkId"),
        ("invalid", "QuestionnaireResponse.item[2].item[0].linkId"),
    ]


@pytest.mark.parametrize("odd", [None, 5, [], ["x"], {}, {"coding": [5]}])
def test_a_contained_form_of_the_wrong_shape_changes_nothing(odd):
    """What a question is, our own form says."""
    response = answering(step(opened(MRI)), FLAGS | {"0.1": PAIN})
    for item in response["contained"][0]["item"]:
        item["type"] = odd
    assert asked_again(step(response)) == {"2.1", "2.2"}


def asked_again(response):
    return {one["linkId"] for one in response["item"][2]["item"]}


@pytest.mark.parametrize("system", [5, {}, ["x"]])
def test_a_coding_of_the_wrong_shape_is_no_answer(system):
    odd = {"valueCoding": PAIN["valueCoding"] | {"system": system}}
    assert ("value", "QuestionnaireResponse.item[0].item[0].answer[0].value") in faults(
        step(opened(MRI)), FLAGS | {"0.1": odd}
    )


def test_two_answers_to_one_question_are_refused():
    response = answering(step(opened(MRI)), FLAGS | {"0.1": PAIN})
    response["item"][1]["item"][0]["answer"] *= 2
    assert faults(response) == [("structure", "QuestionnaireResponse.item[1].item[0].answer")]


@pytest.mark.parametrize(
    "changes",
    [
        {"questionnaire": "#gone"},
        {"questionnaire": None},
        {"contained": []},
        {"contained": [{"resourceType": "Questionnaire", "id": "form", "derivedFrom": ["https://elsewhere/x|1"]}]},
        {"contained": [{"resourceType": "Questionnaire", "id": "form", "derivedFrom": 5}]},
        {"questionnaire": "https://forms.priorauth.example.org/Questionnaire/lumbar-mri|2026.1"},
    ],
)
def test_a_response_without_an_adaptive_form_of_ours_is_refused(changes):
    assert faults(opened(MRI) | changes) == [("not-found", "QuestionnaireResponse.questionnaire")]


def test_the_response_comes_bare_or_as_a_parameter():
    response = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
    named = [{"name": "other"}, {"name": "questionnaire-response", "resource": response}]
    assert read_response(response) == read_response({"resourceType": "Parameters", "parameter": named}) == response
    for body in ({"resourceType": "Bundle"}, {"resourceType": "Parameters"}):
        with pytest.raises(InvalidRequest):
            read_response(body)
