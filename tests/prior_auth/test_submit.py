"""A request is decided where the policies can, and waits for a person where they cannot."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from fhir_r4.resource import Identifier
from prior_auth.authorization import Basis, ReviewAction
from prior_auth.submission import read_submission
from prior_auth.submit import BusinessError, Parties, parties, submit
from rules.book import PolicyBook
from tests.given import (
    ACME,
    AMY,
    BOOK,
    NOW,
    FakeDirectory,
    a_form_response,
    a_promise,
    a_submission_bundle,
    an_order,
    entry,
    knowledge,
)  # fmt: skip

KNOWN = Parties(ACME, AMY)


def decided(bundle=None, promises=(), **what):
    submission = read_submission(bundle or a_submission_bundle())
    return submit(submission, KNOWN, promises, what.get("knowledge", knowledge()), "riverside-ehr", NOW)


def found(bundle=None, **directory):
    return parties(read_submission(bundle or a_submission_bundle()), FakeDirectory(**directory), NOW)


def test_a_qualifying_form_is_certified_with_number_and_period():
    (item,) = decided().items
    assert item.decision.action is ReviewAction.CERTIFIED
    assert item.decision.basis is Basis.POLICY
    assert item.decision.number.startswith("PA")
    assert (item.decision.starts, item.decision.ends) == (date(2026, 3, 1), date(2027, 2, 28))


def test_the_decision_says_by_which_policy_row_and_answers():
    trace = decided().items[0].decision.trace
    assert (trace["policy"], trace["version"], trace["row"]) == ("home-oxygen", "2026.1", 3)
    assert trace["answers"]["group I"] == "yes"
    assert trace["facts"]["spo2"] == 88


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"2.1": {"valueQuantity": {"value": 92, "code": "%"}}}, "nurse"),
        ({"2.1": None, "2.3": None}, "Send a blood gas"),
        ({"2.4": {"valueBoolean": False}}, "at rest"),
    ],
)
@pytest.mark.requirement("pas-2.0.1@66", "pas-2.0.1@136")
def test_what_a_policy_does_not_certify_waits_for_a_person(answers, why):
    authorization = decided(a_submission_bundle(form=a_form_response(answers)))
    decision = authorization.items[0].decision
    assert authorization.pended
    assert decision.action is ReviewAction.PENDED
    assert why in decision.reason
    assert authorization.number is None


def test_without_the_form_nothing_is_certified():
    bundle = a_submission_bundle(form=a_form_response(questionnaire="https://other.example/Questionnaire/x"))
    decision = decided(bundle).items[0].decision
    assert decision.action is ReviewAction.PENDED
    assert "the policy's form was not sent" in decision.trace["notes"]


def test_a_service_without_a_policy_waits_for_a_person():
    other = {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": "E9999"}]}
    bundle = a_submission_bundle()
    entry(bundle, "Claim")["item"][0]["productOrService"] = other
    decision = decided(bundle).items[0].decision
    assert (decision.action, decision.basis) == (ReviewAction.PENDED, Basis.PLAN)


def test_a_promise_that_holds_pins_the_version_of_the_policy():
    """A newer version came into force between order and submission; the promise is kept."""
    oxygen = BOOK.version("home-oxygen", "2026.1")
    strict = replace(oxygen, version="2026.2", rows=oxygen.rows[-1:])
    book = PolicyBook([*BOOK, strict])
    noted = {
        "url": "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information",
        "extension": [{"url": "coverage-assertion-id", "valueString": "promise-1"}],
    }
    bundle = a_submission_bundle(order=an_order(extension=[noted]))
    under = replace(knowledge(), book=book)
    assert decided(bundle, knowledge=under).items[0].decision.trace["version"] == "2026.2"
    kept = decided(bundle, [a_promise()], knowledge=under).items[0].decision
    assert (kept.trace["version"], kept.trace["promise"]) == ("2026.1", "promise-1")
    for void in ({"member_id": "X"}, {"payer": "other"}, {"expires_on": date(2026, 2, 1)}):
        assert decided(bundle, [a_promise(**void)], knowledge=under).items[0].decision.trace["version"] == "2026.2"


def test_an_urgent_request_is_due_in_72_hours_and_any_other_in_7_days():
    assert decided().due_at == NOW + timedelta(days=7)
    stat = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/processpriority", "code": "stat"}]}
    bundle = a_submission_bundle()
    entry(bundle, "Claim")["priority"] = stat
    assert decided(bundle).due_at == NOW + timedelta(hours=72)


def test_the_newest_of_two_forms_counts():
    bundle = a_submission_bundle()
    older = a_form_response({"2.1": None, "2.3": None}, id="older", authored="2026-02-01T00:00:00Z")
    bundle["entry"].append({"fullUrl": "https://ehr.example.org/fhir/QuestionnaireResponse/older", "resource": older})
    entry(bundle, "Claim")["supportingInfo"].append(
        {"sequence": 2, "valueReference": {"reference": "QuestionnaireResponse/older"}}
    )
    assert decided(bundle).items[0].decision.action is ReviewAction.CERTIFIED


def test_payer_and_member_are_found():
    assert found() == KNOWN


@pytest.mark.parametrize(
    ("directory", "code", "where"),
    [
        ({"payers": ()}, "79", ".identifier"),
        ({"providers": ()}, "51", ".identifier"),
        ({"members": ()}, "75", ".identifier"),
        ({"members": (replace(AMY, birth_date=date(1951, 2, 1)),)}, "71", ".birthDate"),
        ({"members": (replace(AMY, covered_to=date(2026, 2, 1)),)}, "95", ".period"),
    ],
)
@pytest.mark.requirement("pas-2.0.1@106", "pas-2.0.1@110")
def test_who_is_not_known_is_a_business_error_not_a_refusal(directory, code, where):
    error = found(**directory)
    assert isinstance(error, BusinessError)
    assert error.code == code
    assert error.path.endswith(where)


def test_an_update_is_answered_and_not_taken_for_a_new_request():
    bundle = a_submission_bundle()
    entry(bundle, "Claim")["related"] = [{"claim": {"identifier": {"value": "c-0"}}}]
    assert found(bundle).code == "42"


def test_the_payer_may_be_named_by_the_coverage():
    bundle = a_submission_bundle()
    entry(bundle, "Coverage")["payor"][0]["identifier"] = ACME.identifiers[0].to_fhir()
    for one in bundle["entry"]:
        if one["resource"].get("id") == "acme":
            one["resource"]["identifier"] = [Identifier("urn:x", "1").to_fhir()]
    assert found(bundle) == KNOWN
