"""A part of what is asked for is certified: by a policy, while the rest waits, or by a clinician, and no more."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from fhir_r4.generations import Generation
from fhir_r4.problems import Unprocessable
from fhir_r4.resource import extension
from fhir_r4.systems import ITEM_PREAUTH_PERIOD, PAS
from prior_auth.authorization import Move
from prior_auth.case_file import CaseFile
from prior_auth.decision import Basis, Decision, ReviewAction, Service
from prior_auth.information import InformationRequest, Kind
from prior_auth.parties import Parties
from prior_auth.review import Reviewer, Verdict, ask, record
from prior_auth.submission import read_submission
from prior_auth.update import update
from prior_auth.weigh import OnFile, Weighing
from prior_auth.weigh_again import overdue, weigh_again
from tests.given import ACME, AMY, NOW, OXYGEN, a_certification, a_pend, an_authorization, entry
from tests.given_policy import saturation
from tests.prior_auth.test_claim_response import BOTH, a_case, action, writer
from tests.prior_auth.test_evidence import KNOWLEDGE, a_bundle
from tests.prior_auth.test_submit import decided
from tests.second_opinion import assert_profiled

SILVA = Reviewer("dr-silva", "NY/123456")
DAYS = {"starts": date(2026, 3, 1), "ends": date(2026, 8, 31)}
PART = a_pend(granted=Service(quantity=Decimal(3)), number="PA0000000001", **DAYS)
DETAIL = f"{PAS}/StructureDefinition/extension-itemAuthorizedDetail"


def asking_for(quantity, *records, **claim):
    bundle = a_bundle(*(records or (saturation(86),)), item={"quantity": {"value": quantity}})
    entry(bundle, "Claim").update(claim)
    return bundle


def submitted(bundle):
    return decided(bundle, known=Parties(ACME, AMY), knowledge=KNOWLEDGE)


def weighing(*submissions, own=None, on_file=()):
    forms = CaseFile(submissions).forms
    known, number = Parties(ACME, AMY), "PA0000000001"
    return Weighing(forms=forms, known=known, on_file=OnFile((), on_file), knowledge=KNOWLEDGE, number=number,
                    now=NOW, own=own)  # fmt: skip


def test_what_a_policy_certifies_in_part_it_pends_for_the_rest():
    case = submitted(asking_for(5))
    decision = case.items[0].decision
    assert (decision.action, decision.part.quantity) == (ReviewAction.PENDED, 3)
    assert (decision.starts, decision.ends) == (DAYS["starts"], DAYS["ends"])
    assert case.number == decision.number
    assert decision.reason.startswith("3 of 5 certified; the rest is pended. More than three systems")
    assert case.pended


def test_where_there_is_doubt_no_part_is_certified():
    doubtful = a_bundle(saturation(86), item={"quantity": {"value": 5}}, order={"status": "revoked"})
    assert submitted(doubtful).items[0].decision.part is None


def test_a_part_counts_as_used_and_satisfies_no_order():
    (standing,) = an_authorization(PART).standing()
    assert (standing.quantity, standing.number) == (3, PART.number)
    assert not standing.satisfies(OXYGEN, date(2026, 4, 1))
    (whole,) = an_authorization(a_certification()).standing()
    assert whole.satisfies(OXYGEN, date(2026, 4, 1))


def test_a_part_has_a_number_and_a_period():
    with pytest.raises(ValueError, match="number and a period"):
        a_pend(granted=Service(quantity=Decimal(3)))


# how it is told


@pytest.mark.parametrize("generation", list(Generation))
def test_a_part_is_told_with_its_number_and_days_while_the_item_is_pended(generation):
    bundle = writer(generation).response_bundle(a_case(PART))
    assert_profiled(bundle, generation)
    response = bundle["entry"][0]["resource"]
    (item,) = response["item"]
    assert response["outcome"] == ("queued" if generation is Generation.V2_0 else "partial")
    assert action(item)["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]["code"] == "A4"
    assert action(item)["number"]["valueString"] == response["preAuthRef"] == PART.number
    assert extension(item, ITEM_PREAUTH_PERIOD)["valuePeriod"] == {"start": "2026-03-01", "end": "2026-08-31"}


def test_2_0_1_says_the_part_as_authorized_detail():
    (item,) = writer(Generation.V2_0).response_bundle(a_case(PART))["entry"][0]["resource"]["item"]
    detail = {part["url"]: part for part in extension(item, DETAIL)["extension"]}
    assert detail["quantity"]["valueQuantity"]["value"] == 3


@pytest.mark.requirement("pas-2.2.1@spec-37")
def test_2_2_says_the_part_as_an_added_item_that_is_certified():
    response = writer(Generation.V2_2).response_bundle(a_case(PART))["entry"][0]["resource"]
    (added,) = response["addItem"]
    assert (added["itemSequence"], added["quantity"]["value"]) == ([1], 3)
    assert action(added)["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]["code"] == "A1"
    assert action(added)["number"]["valueString"] == PART.number


@pytest.mark.requirement("pas-2.2.1@prof-3")
@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ({"system": "http://unitsofmeasure.org", "code": "mL"}, {"unit": "mL"}),
        ({"system": "http://unitsofmeasure.org", "code": "mL", "unit": "millilitres"}, {"unit": "millilitres"}),
        (
            {"system": "https://codesystem.x12.org/005010/673", "code": "VS"},
            {"system": "https://codesystem.x12.org/005010/673", "code": "VS"},
        ),
        ({}, {"unit": "Units"}),
    ],
)
def test_the_code_of_a_quantity_is_x12_s_or_there_is_none(unit, told):
    case = a_case(PART)
    asked = case.authorization.items[0].asked | {"quantity": {"value": 5} | unit}
    item = replace(case.authorization.items[0], asked=asked)
    case = replace(case, authorization=replace(case.authorization, items=(item,)))
    response = writer(Generation.V2_2).response_bundle(case)["entry"][0]["resource"]
    assert response["addItem"][0]["quantity"] == {"value": 3} | told


@BOTH
def test_a_clinician_s_part_is_told_with_what_is_certified(generation):
    partly = replace(PART, action=ReviewAction.PARTLY_CERTIFIED, basis=Basis.CLINICIAN, licence="NY/1")
    bundle = writer(generation).response_bundle(a_case(partly))
    assert_profiled(bundle, generation)
    response = bundle["entry"][0]["resource"]
    assert response["outcome"] == "complete"
    code = action(response["item"][0])["extension-reviewActionCode"]["valueCodeableConcept"]["coding"][0]
    assert code == {"system": code["system"], "code": "A2", "display": "Certified, partial"}
    assert ("addItem" in response) == (generation is Generation.V2_2)


# what becomes of it


USED = an_authorization(a_certification())


@pytest.mark.parametrize(("records", "on_file"), [((saturation(97),), ()), ((), ()), ((saturation(86),), (USED,))])
def test_what_is_certified_is_not_taken_back_when_the_rest_is_weighed_again(records, on_file):
    """The policy would certify nothing any more, or less: another request has used up some of it meanwhile."""
    case = submitted(asking_for(5))
    file = CaseFile((read_submission(a_bundle(*records, item={"quantity": {"value": 5}})),))
    after = weigh_again(case, file, weighing(*file.submissions, own=case.id, on_file=on_file))
    assert after.pended
    assert after.items[0].decision.part == case.items[0].decision.part
    assert after.number == case.number


def test_more_is_certified_where_the_policy_certifies_more_by_now():
    case = submitted(asking_for(5))
    less = replace(case.items[0].decision, granted=Service(quantity=Decimal(2)))
    before = replace(case, items=(replace(case.items[0], decision=less),))
    file = CaseFile((read_submission(asking_for(5)),))
    after = weigh_again(before, file, weighing(*file.submissions, own=case.id))
    assert after.items[0].decision.part.quantity == 3


def test_an_exclusion_found_later_leaves_the_part_to_a_person():
    case = submitted(asking_for(5))
    used_up = replace(a_certification(), granted=Service(quantity=Decimal(9)), action=ReviewAction.CERTIFIED)
    file = CaseFile((read_submission(asking_for(5)),))
    after = weigh_again(case, file, weighing(*file.submissions, own=case.id, on_file=(an_authorization(used_up),)))
    assert (after.items[0].decision.action, after.items[0].decision.part.quantity) == (ReviewAction.PENDED, 3)
    assert "Three systems a year are covered." in after.items[0].decision.reason


def test_a_part_lives_on_when_nothing_comes_in_time():
    case = an_authorization(PART, asks=(_an_ask(due_at=NOW),))
    assert overdue(case, NOW).items[0].decision.part == PART.part


def test_a_provider_may_ask_for_less_so_that_all_of_it_is_certified_under_the_same_number():
    """What is certified of the case already is not used up by somebody else."""
    case = submitted(asking_for(5))
    changed = asking_for(3, related=[{"relationship": {"text": "prior"}, "claim": {"reference": "Claim/1"}}])
    submission = read_submission(changed)
    own = weighing(submission, own=case.id, on_file=(case,))
    after = update(case, submission, submission.change, own, news=False)
    assert after.items[0].decision.action is ReviewAction.CERTIFIED
    assert after.number == case.number


# what a person may make of it


def verdict(item=PART, reviewer=SILVA, **said):
    what = {"sequence": 1, "seen": 1, "reason": "Three are enough.", "action": ReviewAction.PARTLY_CERTIFIED} | DAYS
    case = an_authorization(item)
    asked = replace(case.items[0], asked={"quantity": {"value": 5}}, starts=DAYS["starts"], ends=DAYS["ends"])
    return record(replace(case, items=(asked,)), Verdict(**what | said), reviewer, "PA9", NOW).items[0].decision


def test_a_clinician_certifies_a_part_and_no_more():
    decision = verdict(a_pend(), quantity=Decimal(2))
    assert (decision.action, decision.granted.quantity, decision.number) == ("A2", 2, "PA9")


def test_fewer_days_are_a_part_as_well():
    assert verdict(a_pend(), ends=date(2026, 5, 31)).action is ReviewAction.PARTLY_CERTIFIED


@pytest.mark.parametrize(
    "said",
    [{}, {"quantity": Decimal(5)}, {"quantity": Decimal(-1)}, {"quantity": Decimal(2), "reason": ""}],
)
def test_all_of_it_is_no_part_and_a_part_has_a_reason(said):
    with pytest.raises(Unprocessable):
        verdict(a_pend(), **said)


def test_who_has_no_licence_certifies_no_part():
    with pytest.raises(Unprocessable):
        verdict(a_pend(), quantity=Decimal(2), reviewer=Reviewer("a-nurse", None))


@pytest.mark.parametrize(
    "said",
    [
        {"action": ReviewAction.NOT_CERTIFIED},
        {"quantity": Decimal(2)},
        {"quantity": Decimal(3), "ends": date(2026, 4, 1)},
    ],
)
def test_deciding_about_the_rest_takes_nothing_back(said):
    with pytest.raises(Unprocessable):
        verdict(**said)


def test_the_rest_is_refused_by_certifying_the_part_alone_or_certified_as_well():
    assert verdict(quantity=Decimal(3)).granted.quantity == 3
    assert verdict(action=ReviewAction.CERTIFIED).granted is None


def test_asking_for_more_and_an_appeal_leave_the_part_certified():
    case = ask(an_authorization(PART), _an_ask(), SILVA, 1)
    assert case.items[0].decision.part == PART.part
    partly = replace(PART, action=ReviewAction.PARTLY_CERTIFIED, basis=Basis.CLINICIAN, licence="NY/1")
    said = Verdict(1, ReviewAction.PENDED, "An appeal.", 1, move=Move.REOPEN)
    reopened: Decision = record(an_authorization(partly), said, SILVA, "PA9", NOW).items[0].decision
    assert (reopened.part, reopened.number) == (PART.part, PART.number)


def _an_ask(**changes):
    said = {"id": "i", "sequence": 1, "tracking": "t", "kind": Kind.QUESTIONNAIRE, "questionnaire": "https://x/Q",
            "note": "The form.", "asked_by": "policy", "asked_at": NOW, "due_at": NOW}  # fmt: skip
    return InformationRequest(**said | changes)
