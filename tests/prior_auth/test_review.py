"""A reviewer's verdict: by a clinician, with a reason, on the case as they saw it."""

from datetime import date

import pytest

from fhir_r4.problems import Conflict, Unprocessable
from prior_auth.authorization import Basis, ReviewAction
from prior_auth.review import Reviewer, Verdict, record
from tests.given import NOW, a_certification, an_authorization

SILVA = Reviewer("dr-silva", "NY/123456")
CERTIFY = {"action": ReviewAction.CERTIFIED, "starts": date(2026, 3, 1), "ends": date(2026, 4, 29)}
REFUSE = {"action": ReviewAction.NOT_CERTIFIED, "reason": "Four weeks of care; the policy asks for six."}


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


def test_a_settled_case_stands():
    with pytest.raises(Conflict):
        decided(REFUSE, authorization=an_authorization(a_certification()))
