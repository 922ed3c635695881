"""Each order gets one statement, and the cards that its policy has."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cds_hooks.gather import gather
from cds_hooks.insured import Insured
from cds_hooks.request import read_request
from cds_hooks.respond import respond
from cds_hooks.services import SERVICES
from cds_hooks.weigh import Scene
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import extension, value_of
from fhir_r4.systems import COVERAGE_INFORMATION, CRD
from rules.ports import Standing
from tests.given import (
    ACME,
    AMY,
    EHR,
    FORM,
    NOW,
    OXYGEN,
    FakeDirectory,
    FakeEhr,
    a_coverage,
    a_hook,
    an_order,
    hook_knowledge,
)
from tests.hook_answer import assert_answer
from tests.second_opinion import assert_profiled

KNOWN = Insured(a_coverage(), ACME, AMY)
BOTH = pytest.mark.parametrize("version", ["2.0", "2.2"])


def answer(version="2.0", known=KNOWN, standing=(), configuration=None, **hook):
    body = a_hook(version=version, **hook)
    body["extension"]["davinci-crd.configuration"] = configuration or {}
    return answered(body, known, standing)


def answered(body, known=KNOWN, standing=(), now=NOW):
    """Return the answer to a call about a coverage that is known, and was not gathered."""
    request = read_request(body, SERVICES["order-sign-crd"], Generation.V2_0)
    found = gather(request, FakeEhr(), FakeDirectory(), hook_knowledge(), now)
    circumstances = replace(found, insured=(known,) if known else ())
    given = respond(Scene(request, circumstances, {AMY: tuple(standing)}, hook_knowledge(), now))
    assert_answer(body, given.to_json(), request.generation)
    return given


def said(given, index=0):
    written = extension(given.system_actions[index]["resource"], COVERAGE_INFORMATION)
    return {part["url"]: value_of(part) for part in written["extension"]}


@BOTH
@pytest.mark.requirement("crd-2.2.1@hook-39", "crd-2.2.1@resp-29", "crd-2.2.1@resp-48")
def test_an_order_with_a_policy_is_annotated_with_what_the_policy_says(version):
    given = said(answer(version))
    assert given["coverage"] == {"reference": "Coverage/amy-baxter-acme"}
    assert (given["covered"], given["pa-needed"], given["doc-needed"]) == ("covered", "auth-needed", "clinical")
    assert given["questionnaire"] == f"{FORM}|2026.1"
    assert given["billingCode"]["code"] == "E0424"


@BOTH
@pytest.mark.requirement("cds-hooks-2.0@132", "crd-2.2.1@resp-52")
def test_the_action_is_an_update_of_the_whole_resource(version):
    (action,) = answer(version).system_actions
    assert (action["type"], bool(action["description"])) == ("update", True)
    assert "resourceId" not in action
    received = an_order()
    assert {k: v for k, v in action["resource"].items() if k != "extension"} == received
    assert_profiled(action["resource"], version, f"{CRD}/StructureDefinition/profile-devicerequest", references="open")


@BOTH
@pytest.mark.requirement("crd-2.2.1@resp-18", "crd-2.2.1@resp-19", "crd-2.2.1@resp-22")
def test_the_guideline_card_leads_to_the_policy(version):
    (card,) = answer(version).cards
    assert card["links"] == [
        {
            "label": "NCD 240.2, Home Use of Oxygen",
            "url": "https://www.cms.gov/medicare-coverage-database/view/ncd.aspx?ncdid=169",
            "type": "absolute",
        }
    ]
    assert "suggestions" not in card


@BOTH
@pytest.mark.requirement("cds-hooks-2.0@83", "cds-hooks-2.0@88", "crd-2.2.1@resp-4")
def test_a_card_is_short_harmless_and_signed_by_the_insurer(version):
    for card in answer(version).cards:
        assert len(card["summary"]) < 140
        assert card["indicator"] == "info"
        assert card["source"]["label"] == "Acme Health"


@pytest.mark.parametrize(
    ("version", "system"),
    [
        ("2.0", "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp"),
        ("2.2", "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"),
    ],
)
@pytest.mark.requirement("crd-2.2.1@resp-5")
def test_the_topic_is_of_its_generation_s_code_system(version, system):
    (card,) = answer(version).cards
    assert card["source"]["topic"] == {"system": system, "code": "guideline", "display": "Guideline"}


def test_a_repeated_hook_repeats_the_card_s_identity():
    assert answer().cards[0]["uuid"] == answer().cards[0]["uuid"]


@BOTH
@pytest.mark.requirement("dtr-2.0.1@54")
def test_what_is_on_file_satisfies(version):
    standing = [Standing("PA1", (OXYGEN,), date(2026, 2, 1), date(2027, 1, 31))]
    given = answer(version, standing=standing)
    assert (said(given)["pa-needed"], said(given)["satisfied-pa-id"]) == ("satisfied", "PA1")
    assert "doc-needed" not in said(given)
    assert not given.cards


@pytest.mark.parametrize("days", [(date(2025, 1, 1), date(2026, 2, 28)), (date(2026, 3, 2), date(2027, 1, 1))])
def test_what_is_on_file_for_other_days_does_not(days):
    assert said(answer(standing=[Standing("PA1", (OXYGEN,), *days)]))["pa-needed"] == "auth-needed"


@pytest.mark.requirement("crd-2.2.1@resp-45")
def test_a_coverage_that_ended_is_not_covered():
    ended = replace(AMY, covered_to=date(2026, 2, 28))
    given = said(answer("2.2", replace(KNOWN, member=ended)))
    assert given["covered"] == "not-covered"
    assert given["reason"]["coding"][0]["code"] == "no-active-coverage"
    assert "pa-needed" not in given


def test_nobody_is_not_covered():
    given = said(answer("2.2", replace(KNOWN, member=None)))
    assert (given["covered"], given["reason"]["coding"][0]["code"]) == ("not-covered", "no-member-found")


@pytest.mark.requirement("crd-2.0.1@12", "crd-2.2.1@impl-2")
def test_an_ehr_that_is_away_makes_the_answer_indeterminate_not_late():
    away = Insured(a_coverage(), unavailable=True)
    assert said(answer("2.2", away))["covered"] == "indeterminate"
    assert said(answer("2.0", away))["covered"] == "conditional"


def test_a_code_that_no_policy_has_is_answered_with_the_plan_s_default():
    other = {"coding": [{"system": OXYGEN.system, "code": "E9999"}]}
    given = said(answer(order=an_order(codeCodeableConcept=other)))
    assert (given["covered"], given["pa-needed"]) == ("covered", "no-auth")


@pytest.mark.requirement("crd-2.2.1@found-34", "crd-2.2.1@conf-12", "crd-2.0.1@63")
def test_an_order_without_a_code_a_day_or_a_performer_is_answered_all_the_same():
    assert said(answer(order=an_order(codeCodeableConcept=None, authoredOn=None)))["covered"] == "conditional"


@pytest.mark.requirement("crd-2.2.1@resp-28", "crd-2.2.1@dev-14")
def test_a_client_can_switch_coverage_information_off():
    given = answer(configuration={"coverage-info": False})
    assert (given.system_actions, given.assertions) == ((), ())
    assert given.to_json()["systemActions"] == []


def test_a_client_can_switch_cards_off_or_have_fewer():
    assert answer(configuration={"guideline": False}).cards == ()
    assert answer(configuration={"max-cards": 0}).cards == ()
    assert answer(configuration={"max-cards": -1}).cards == ()


@BOTH
def test_each_order_of_several_has_a_promise_of_its_own(version):
    body = a_hook(version=version)
    body["context"]["draftOrders"]["entry"].append({"resource": an_order(id="second")})
    given = answered(body)
    first, second = given.assertions
    assert first.id != second.id
    assert [action["resource"]["id"] for action in given.system_actions] == ["home-oxygen", "second"]
    assert said(given, 1)["coverage-assertion-id"] == second.id


def test_a_promise_pins_policy_version_code_and_member():
    (promise,) = answer().assertions
    assert (promise.policy, promise.version, promise.code.key) == ("home-oxygen", "2026.1", OXYGEN.key)
    assert (promise.member_id, promise.coverage) == (AMY.member_id, "Coverage/amy-baxter-acme")
    assert promise.expires_on == date(2026, 5, 30)


@BOTH
@pytest.mark.requirement("crd-2.0.1@267")
def test_an_order_that_says_it_already_gets_no_action(version):
    first = answer(version).system_actions[0]["resource"]
    assert answer(version, order=first).system_actions == ()


@BOTH
def test_it_says_so_too_after_the_client_s_server_has_kept_it_in_its_own_spelling(version):
    first = answer(version).system_actions[0]["resource"]
    parts = {part["url"]: part for part in extension(first, COVERAGE_INFORMATION)["extension"]}
    parts["coverage"]["valueReference"] = {
        "reference": f"{EHR}/Coverage/amy-baxter-acme/_history/2", "type": "Coverage", "display": "Acme Health",
    }  # fmt: skip
    parts["billingCode"]["valueCoding"]["display"] = "Stationary oxygen"
    assert answer(version, order=first).system_actions == ()
    parts["billingCode"]["valueCoding"]["code"] = "E0431"
    assert len(answer(version, order=first).system_actions) == 1


def test_without_a_coverage_2_2_refuses_and_2_0_says_nothing():
    with pytest.raises(InvalidRequest):
        answer("2.2", None)
    assert answer("2.0", None).to_json() == {"cards": [], "systemActions": []}


@pytest.mark.requirement("crd-2.2.1@resp-25")
def test_coverage_information_is_never_a_card():
    assert all(card["source"]["topic"]["code"] != "coverage-info" for card in answer().cards)


@pytest.mark.parametrize(
    "concept",
    [
        {"text": "oxygen"},
        {"coding": [{"system": "http://snomed.info/sct", "code": "426854004"}]},
        {"coding": [{"system": "urn:oid:1.2.3", "code": "E0424"}]},
        {"coding": [{"system": OXYGEN.system, "code": "E0424-RR"}]},
    ],
)
@pytest.mark.parametrize(("version", "info"), [("2.0", "OTH"), ("2.2", "detail-code")])
def test_a_code_that_cannot_be_looked_up_is_never_called_free_of_authorization(concept, version, info):
    given = said(answer(version, order=an_order(codeCodeableConcept=concept)))
    assert (given["covered"], given["pa-needed"], given["info-needed"]) == ("conditional", "conditional", info)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Oxygen <2 L/min, *at rest*", r"Oxygen \<2 L/min, \*at rest\*"),
        ("[here](https://else.example)", r"\[here\](https://else.example)"),
        ("Oxygen\n\n# at home", r"Oxygen \# at home"),
        ("Oxygen " * 500, "Oxygen " * 14 + "O…"),
    ],
)
def test_what_a_clinic_calls_its_order_is_words_of_one_line_and_no_markup(text, shown):
    body = a_hook(order=an_order(codeCodeableConcept={"coding": [OXYGEN.to_fhir()], "text": text}))
    body["context"]["draftOrders"]["entry"].append({"resource": an_order(id="other", codeCodeableConcept={})})
    assert answered(body).cards[0]["detail"].startswith(f"Concerns: {shown}.\n\n")


@BOTH
@pytest.mark.requirement("crd-2.2.1@dev-24")
def test_an_order_that_has_but_a_code_is_called_by_its_policy_s_title(version):
    bare = an_order(codeCodeableConcept={"coding": [{"system": OXYGEN.system, "code": "E0424"}]})
    body = a_hook(version=version, order=bare)
    body["context"]["draftOrders"]["entry"].append({"resource": an_order(id="other", codeCodeableConcept={})})
    given = answered(body)
    assert given.system_actions[0]["description"].endswith("to Home oxygen, stationary system")
    assert given.cards[0]["detail"].startswith("Concerns: Home oxygen, stationary system.")


@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_a_code_that_can_be_billed_is_looked_up_whatever_stands_before_it(version):
    clinical = {"system": "http://snomed.info/sct", "code": "426854004"}
    both = {"coding": [clinical, {"system": OXYGEN.system, "code": "E1399"}]}
    given = answer(version, order=an_order(codeCodeableConcept=both))
    assert (said(given)["covered"], said(given)["billingCode"]["code"]) == ("covered", "E1399")
    assert given.assertions[0].code.code == "E1399"


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (OXYGEN.system, "e0424"),
        (f"{OXYGEN.system}/", "E0424"),
        (f"{OXYGEN.system}|2026", "E0424"),
        ("http://terminology.hl7.org/CodeSystem/HCPCS", "E0424"),
    ],
)
def test_a_code_is_known_in_the_spellings_of_the_wild(system, code):
    concept = {"coding": [{"system": system, "code": code}]}
    assert said(answer(order=an_order(codeCodeableConcept=concept)))["pa-needed"] == "auth-needed"


def test_a_promise_is_renewed_in_the_second_half_of_its_life():
    first = answer().system_actions[0]["resource"]
    for days, renewed in ((40, 0), (46, 1)):
        later = answered(a_hook(order=first), now=NOW + timedelta(days=days))
        assert len(later.system_actions) == renewed
