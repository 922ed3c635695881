"""At the door of an adaptive form: how a client walks it to its end, and what it may send on the way."""

import copy

import pytest

from app.storage import tables
from fhir_r4.generations import Generation
from fhir_r4.resource import contained, extension
from fhir_r4.systems import ADAPTIVE
from fhir_r4.wire import read_json
from prior_auth.decision import ReviewAction
from questionnaires.catalog import questions
from tests.app.fixtures import BASE
from tests.app.test_questionnaires_door import FORMS, parameters
from tests.given import a_submission_bundle, percent
from tests.questionnaires.given import bundles
from tests.questionnaires.test_next_question import FLAGS, ORDER, PAIN, YES, answering
from tests.second_opinion import assert_profiled

BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])
NEXT = "Questionnaire/$next-question"
ADAPTIVE_FORM = f"{FORMS}/Questionnaire/lumbar-mri-adaptive|2026.1"
OXYGEN_FORM = f"{FORMS}/Questionnaire/home-oxygen-adaptive|2026.1"
RED_FLAG = FLAGS | {"0.1": PAIN, "1.3": YES}


def opened(house, version, canonical=ADAPTIVE_FORM):
    """Return form and draft of an adaptive form that is asked for by name."""
    named = {"name": "questionnaire", "valueCanonical": canonical}
    packages = bundles(read_json(house.package(parameters(more=[named]), version).data))
    pairs = [[entry["resource"] for entry in one["entry"][:2]] for one in packages]
    return next(pair for pair in pairs if "contained" in pair[1])


def walked(house, version, named=ADAPTIVE_FORM, calls=({}, RED_FLAG)):
    """Return the response at its end."""
    _, response = opened(house, version, named)
    for answers in calls:
        answer = house.post(f"{version}/{NEXT}", answering(response, answers))
        assert answer.status_code == 200
        response = read_json(answer.data)
        assert_profiled(response, Generation(version), references="open")
    return response


@BOTH
def test_an_adaptive_form_is_walked_to_its_end(house, version):
    """Package, two calls, done: a red flag was found, and the earlier care was never asked for."""
    response = walked(house, version)
    assert response["status"] == "completed"
    assert "2.1" not in questions(contained(response, response["questionnaire"]))


@pytest.mark.parametrize(
    ("calls", "decided", "row"),
    [
        ([{"2.3": {"valueDate": "2026-02-19"}}, {"2.4": YES}, {"2.1": percent(88)}], ReviewAction.CERTIFIED, 4),
        ([{"2.3": {"valueDate": "2025-02-19"}}], ReviewAction.PENDED, 2),
    ],
)
@BOTH
def test_a_request_is_decided_by_the_adaptive_form_that_was_walked_to_its_end(house, version, calls, decided, row):
    """The twin has the questions of the policy's form: 88 percent is certified, a test of last year waits."""
    form = walked(house, version, OXYGEN_FORM, [{}, ORDER | calls[0], *calls[1:]])
    assert form["status"] == "completed"
    assert house.submit(a_submission_bundle(form=form | {"id": "form"}), version).status_code == 200
    (decision,) = house.rows(tables.decisions)
    assert (decision["action"], decision["trace"]["row"], decision["trace"]["notes"]) == (decided, row, [])


@pytest.mark.requirement("dtr-2.0.1@49", "dtr-2.0.1@346", "dtr-2.2.0@sec-10")
def test_nothing_of_an_adaptive_form_is_kept(house):
    """Not the answers, and not that somebody asked."""
    before = {table.name: len(house.rows(table)) for table in tables.metadata.sorted_tables}
    walked(house, "2.2")
    after = {table.name: len(house.rows(table)) for table in tables.metadata.sorted_tables}
    grown = {name for name in after if after[name] > before[name]}
    assert grown == {"access_tokens", "spent_assertions", "events"}
    assert not any(row["kind"].startswith("questionnaire") for row in house.rows(tables.events))


@pytest.mark.parametrize("path", ["/Questionnaire/$next-question", "/$next-question"])
@BOTH
def test_the_next_questions_are_had_below_the_address_that_the_form_gives(house, version, path):
    """SDC and 2.2 put the operation's own path behind it; 2.0.1 prints ``[url]/$next-question``."""
    form, response = opened(house, version)
    address = extension(form, ADAPTIVE)["valueUrl"]
    assert address == extension(response["contained"][0], ADAPTIVE)["valueUrl"] == f"{BASE}/fhir/{version}"
    asked = house.post(f"{version}{path}", response, token=house.token("system/Questionnaire.rs"))
    assert asked.status_code == 200
    assert "1.1" in questions(contained(read_json(asked.data), "#form"))


@pytest.mark.requirement("dtr-2.0.1@56", "dtr-2.2.0@spec-45")
def test_a_form_that_is_filled_in_again_for_the_same_order_is_told_by_what_is_answered_now(house):
    """The first walk leaves nothing behind that the second could meet: it ends as its own answers say."""
    assert walked(house, "2.2")["status"] == "completed"
    _, response = opened(house, "2.2")
    for answers in ({}, FLAGS | {"0.1": PAIN}):
        response = read_json(house.post(f"2.2/{NEXT}", answering(response, answers)).data)
    assert response["status"] == "in-progress"
    assert {"2.1", "2.2"} <= questions(contained(response, "#form")).keys()


@BOTH
def test_a_client_that_adds_its_answers_beside_the_empty_items_is_understood(house, version):
    """Items come back without answers; some clients put new ones beside them instead of into them."""
    _, response = opened(house, version)
    asked = read_json(house.post(f"{version}/{NEXT}", response).data)
    sent = copy.deepcopy(asked)
    for item in answering(asked, RED_FLAG)["item"]:
        mine = next(one for one in sent["item"] if one["linkId"] == item["linkId"])
        given = [one for one in item.get("item", []) if "answer" in one]
        if given:
            sent["item"].append({"linkId": item["linkId"]})
            mine["item"] += given
    end = house.post(f"{version}/{NEXT}", sent)
    assert (end.status_code, read_json(end.data)["status"]) == (200, "completed")


# Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["riverside-ehr", "strict-ehr"])
def test_what_is_no_response_of_ours_is_400_and_names_its_element(house, client):
    bare = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
    answer = house.post(f"2.2/{NEXT}", bare, client=client)
    assert answer.status_code == 400
    places = [where for one in read_json(answer.data)["issue"] for where in one["expression"]]
    assert set(places) & {"QuestionnaireResponse.questionnaire", "QuestionnaireResponse.extension"}


def test_an_item_of_no_known_element_is_refused_whoever_sends_it(house):
    _, response = opened(house, "2.2")
    asked = read_json(house.post(f"2.2/{NEXT}", response).data)
    asked["item"][0]["colour"] = "blue"
    answer = house.post(f"2.2/{NEXT}", asked)
    assert answer.status_code == 400
    assert read_json(answer.data)["issue"][0]["expression"] == ["QuestionnaireResponse.item[0].colour"]
    assert "blue" not in answer.text


def test_an_answer_without_its_origin_is_refused_of_a_strict_client_and_taken_of_others(house):
    """DTR: each answer says where it came from; the payer can do without."""
    _, response = opened(house, "2.2")
    asked = read_json(house.post(f"2.2/{NEXT}", response, client="strict-ehr").data)
    sent = answering(asked, RED_FLAG)
    for group in sent["item"]:
        for item in group.get("item", []):
            for one in item.get("answer", []):
                one.pop("extension")
    refused = house.post(f"2.2/{NEXT}", sent, client="strict-ehr")
    assert refused.status_code == 400
    assert any("answer[0].extension" in one["expression"][0] for one in read_json(refused.data)["issue"])
    assert house.post(f"2.2/{NEXT}", sent).status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"resourceType":"Bundle"}', b'{"a":' * 300 + b"1" + b"}" * 300])
def test_what_cannot_be_read_is_400(house, body):
    answer = house.post(f"2.2/{NEXT}", body)
    assert answer.status_code == 400
    assert read_json(answer.data)["resourceType"] == "OperationOutcome"


def test_a_response_with_very_many_items_is_answered_and_not_worked_on_for_ever(house):
    _, response = opened(house, "2.2")
    asked = read_json(house.post(f"2.2/{NEXT}", response).data)
    asked["item"] += [{"linkId": f"x{number}", "answer": [{"valueBoolean": True}]} for number in range(20_000)]
    assert house.post(f"2.2/{NEXT}", asked).status_code == 400
