"""A reviewer's verdict: by a clinician, with a reason, on the case as they saw it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from fhir_r4.problems import Conflict, Unprocessable
from prior_auth.authorization import Move
from prior_auth.decision import Basis, ReviewAction
from prior_auth.information import InformationRequest, Kind
from prior_auth.review import Reviewer, Verdict, ask, record
from rules.directory import Document, Reason
from tests.given import ACME, NOW, a_certification, an_authorization

SILVA = Reviewer("dr-silva", "NY/123456")
CERTIFY = {"action": ReviewAction.CERTIFIED, "starts": date(2026, 3, 1), "ends": date(2026, 4, 29)}
REFUSE = {"action": ReviewAction.NOT_CERTIFIED, "reason": "Four weeks of care; the policy asks for six."}
LESS = CERTIFY | {"action": ReviewAction.MODIFIED, "reason": "Three visits to begin with.", "quantity": Decimal(3)}


def decided(said, *, reviewer=SILVA, authorization=None, **changes):
    verdict = Verdict(**{"sequence": 1, "seen": 1, "reason": None} | said | changes)
    return record(authorization or an_authorization(), verdict, reviewer, "PA9", NOW).items[0].decision


def test_a_clinician_certifies_with_a_number_and_a_period():
    decision = decided(CERTIFY)
    assert (decision.action, decision.basis, decision.number) == (ReviewAction.CERTIFIED, Basis.CLINICIAN, "PA9")
    assert (decision.starts, decision.ends) == (date(2026, 3, 1), date(2026, 4, 29))


def test_a_clinician_refuses_with_reason_and_licence():
    decision = decided(REFUSE)
    assert (decision.action, decision.licence, decision.decided_by) == ("A3", "NY/123456", "dr-silva")
    assert decision.reason == "Four weeks of care; the policy asks for six."
    assert decision.number is None


@pytest.mark.parametrize(
    ("said", "reviewer"),
    [
        (REFUSE | {"reason": None}, SILVA),
        (REFUSE | {"reason": "   "}, SILVA),
        (REFUSE, Reviewer("a-nurse", None)),
        (CERTIFY | {"starts": None}, SILVA),
        (CERTIFY | {"ends": None}, SILVA),
        (CERTIFY | {"ends": date(2026, 2, 1)}, SILVA),
        ({"action": ReviewAction.PENDED}, SILVA),
        ({"action": ReviewAction.MODIFIED, "reason": "x"}, SILVA),
        (LESS, Reviewer("a-nurse", None)),
        (LESS | {"reason": None}, SILVA),
        (LESS | {"quantity": Decimal(0)}, SILVA),
        (CERTIFY | {"sequence": 7}, SILVA),
    ],
)
def test_a_verdict_that_is_none_is_refused(said, reviewer):
    with pytest.raises(Unprocessable):
        decided(said, reviewer=reviewer)


def test_a_nurse_without_a_licence_may_certify():
    assert decided(CERTIFY, reviewer=Reviewer("a-nurse", None)).action is ReviewAction.CERTIFIED


def test_a_case_that_moved_on_since_the_page_was_opened_is_told():
    with pytest.raises(Conflict):
        decided(CERTIFY, seen=2)


def test_a_licensed_clinician_certifies_less_than_was_asked_for():
    decision = decided(LESS)
    assert (decision.action, decision.number, decision.ends) == (ReviewAction.MODIFIED, "PA9", date(2026, 4, 29))
    assert decision.granted.quantity == 3


SETTLED_A1 = an_authorization(a_certification())
SETTLED_A3 = an_authorization(
    a_certification(
        action=ReviewAction.NOT_CERTIFIED, basis=Basis.CLINICIAN, licence="NY/1", reason="No.", number=None,
        starts=None, ends=None,
    )
)  # fmt: skip
REOPEN = {"action": ReviewAction.PENDED, "move": Move.REOPEN, "reason": "Peer-to-peer with Dr. Lind."}
CORRECT = CERTIFY | {"move": Move.CORRECT, "reason": "The fax was of another patient."}
EXTEND = {"action": ReviewAction.CERTIFIED, "move": Move.EXTEND, "ends": date(2027, 6, 30), "reason": "Still needed."}


def test_a_settled_case_is_reopened_with_a_clock_of_its_own():
    verdict = Verdict(sequence=1, seen=1, **REOPEN)
    after = record(SETTLED_A3, verdict, SILVA, "PA9", NOW + timedelta(days=30))
    assert after.pended
    assert after.due_at == NOW + timedelta(days=37)
    assert after.items[0].decision.reason == "Peer-to-peer with Dr. Lind."


@pytest.mark.parametrize(("said", "before", "action"), [
    (CORRECT, SETTLED_A3, ReviewAction.CERTIFIED),
    (REFUSE | {"move": Move.CORRECT}, SETTLED_A1, ReviewAction.NOT_CERTIFIED),
])  # fmt: skip
def test_a_settled_decision_is_corrected_by_another(said, before, action):
    assert decided(said, authorization=before).action is action


def test_what_is_certified_is_extended_under_its_number():
    decision = decided(EXTEND, authorization=SETTLED_A1)
    assert (decision.number, decision.starts, decision.ends) == ("PA0000000001", date(2026, 3, 1), date(2027, 6, 30))


@pytest.mark.parametrize(
    ("said", "before", "error"),
    [
        (REOPEN | {"reason": " "}, SETTLED_A3, Unprocessable),
        (CORRECT | {"reason": None}, SETTLED_A3, Unprocessable),
        (EXTEND | {"ends": date(2026, 12, 31)}, SETTLED_A1, Unprocessable),
        (EXTEND | {"ends": None}, SETTLED_A1, Unprocessable),
        (EXTEND, SETTLED_A3, Unprocessable),
        (REOPEN, an_authorization(), Conflict),
        (CORRECT, an_authorization(), Conflict),
    ],
)
def test_what_is_settled_is_taken_up_again_with_a_reason_and_only_where_it_can_be(said, before, error):
    with pytest.raises(error):
        decided(said, authorization=before)


def test_a_verdict_that_cannot_stand_says_what_is_to_be_done():
    with pytest.raises(Unprocessable, match=r"give a reason .*; the new last day must be later"):
        decided(EXTEND | {"ends": None, "reason": None}, authorization=SETTLED_A1)


def test_the_reason_code_is_the_payer_s_own():
    payer = replace(ACME, reasons=(Reason("X1", "Not shown", ("A3",)), Reason("X2", "Less", ("A6", "A3"))))

    def codes(said):
        verdict = Verdict(**{"sequence": 1, "seen": 1} | said)
        decision = record(an_authorization(), verdict, SILVA, "PA9", NOW, payer).items[0].decision
        return [one.code for one in decision.reason_codes]

    assert codes(REFUSE) == ["X1"]
    assert codes(REFUSE | {"reason_code": "X2"}) == ["X2"]
    assert codes(LESS) == ["X2"]
    assert codes(LESS | {"reason_code": "X1"}) == []
    assert codes({"reason": None} | CERTIFY) == []


def test_a_reviewer_asks_for_documents_and_the_item_stays_pended():
    asked = InformationRequest(
        id="1", sequence=1, tracking="PA5", kind=Kind.DOCUMENTS, documents=(Document("11506-3", "Note", "M1"),),
        note="The note of the last visit.", asked_by="dr-silva", asked_at=NOW, due_at=NOW + timedelta(days=3),
    )  # fmt: skip
    after = ask(an_authorization(), asked, SILVA, 1)
    assert after.pended
    assert after.asks == (asked,)
    assert after.items[0].decision.reason == "The note of the last visit."
    with pytest.raises(Conflict):
        ask(SETTLED_A1, asked, SILVA, 1)
    for nothing in (replace(asked, documents=()), replace(asked, note=None)):
        with pytest.raises(Unprocessable):
            ask(an_authorization(), nothing, SILVA, 1)


def test_a_settled_case_stands():
    with pytest.raises(Conflict):
        decided(REFUSE, authorization=an_authorization(a_certification()))
