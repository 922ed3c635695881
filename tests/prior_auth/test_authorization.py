"""What an authorization may and may not do."""

import pytest

from prior_auth.authorization import Item, Move, Settled
from prior_auth.decision import GRANTED, SETTLED, Basis, Decision, ReviewAction
from tests.given import NOW, OXYGEN, a_certification, a_pend, an_authorization

A = ReviewAction
BY_A_CLINICIAN = {
    "basis": Basis.CLINICIAN,
    "decided_by": "Dr. Silva",
    "licence": "NY/123456",
    "reason": "Five weeks of care; the policy asks for six.",
    "decided_at": NOW,
}


def a_decision(action, **changes):
    certified = {"number": "PA1", "starts": NOW.date(), "ends": NOW.date()} if action in GRANTED else {}
    return Decision(**{"action": action} | BY_A_CLINICIAN | certified | changes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (A.PENDED, A.CERTIFIED),
        (A.PENDED, A.MODIFIED),
        (A.PENDED, A.PARTLY_CERTIFIED),
        (A.PENDED, A.NOT_CERTIFIED),
        (A.PENDED, A.CANCELLED),
        (A.PENDED, A.NOT_REQUIRED),
    ],
)
def test_a_pended_item_is_decided(before, after):
    moved = an_authorization(a_decision(before)).decide(1, a_decision(after))
    assert moved.items[0].decision.action is after
    assert moved.version == 2


DRAWN = {
    (Move.ASK, A.PENDED): {A.PENDED},
    **{(Move.UPDATE, a): {A.PENDED, *SETTLED} for a in A if a not in {A.NOT_CERTIFIED, A.CANCELLED}},
    **{(Move.CANCEL, a): {A.CANCELLED} for a in A if a not in {A.NOT_CERTIFIED, A.CANCELLED}},
    **{(Move.CORRECT, a): SETTLED for a in SETTLED},
    **{(Move.REOPEN, a): {A.PENDED} for a in SETTLED},
    **{(Move.EXTEND, a): GRANTED for a in GRANTED},
}
EVERY = [(move, before, after) for move in Move if move is not Move.DECIDE for before in A for after in A]


@pytest.mark.parametrize(("move", "before", "after"), EVERY, ids=lambda one: one.name)
def test_the_moves_that_the_drawing_shows_can_be_made_and_no_others(move, before, after):
    case = an_authorization(a_decision(before))
    if after in DRAWN.get((move, before), ()):
        assert case.make(move, 1, a_decision(after)).items[0].decision.action is after
    else:
        with pytest.raises(Settled):
            case.make(move, 1, a_decision(after))


@pytest.mark.parametrize(
    ("actions", "header"),
    [
        ([A.CERTIFIED, A.CERTIFIED], A.CERTIFIED),
        ([A.CERTIFIED, A.PENDED], A.PENDED),
        ([A.CERTIFIED, A.NOT_CERTIFIED], A.PARTLY_CERTIFIED),
        ([A.CERTIFIED, A.MODIFIED], A.PARTLY_CERTIFIED),
        ([A.MODIFIED, A.MODIFIED], A.MODIFIED),
        ([A.NOT_CERTIFIED, A.NOT_CERTIFIED], A.NOT_CERTIFIED),
        ([A.CERTIFIED, A.CANCELLED], A.CERTIFIED),
        ([A.CERTIFIED, A.NOT_REQUIRED], A.CERTIFIED),
        ([A.CANCELLED, A.CANCELLED], A.CANCELLED),
        ([A.CANCELLED, A.NOT_REQUIRED], A.NOT_REQUIRED),
    ],
)
def test_the_header_is_what_the_items_are(actions, header):
    items = tuple(Item(n, (OXYGEN,), None, None, a_decision(one)) for n, one in enumerate(actions, start=1))
    assert an_authorization(items=items).header is header


def test_the_number_lives_on_whatever_becomes_of_what_it_was_given_for():
    case = an_authorization(a_certification())
    assert case.make(Move.CANCEL, 1, a_decision(A.CANCELLED)).number == "PA0000000001"
    assert case.make(Move.REOPEN, 1, a_decision(A.PENDED)).number == "PA0000000001"


@pytest.mark.parametrize(
    ("before", "after"),
    [(before, after) for before in A if before is not A.PENDED for after in A],
)
def test_the_first_final_decision_stands(before, after):
    """Two reviewers open the same case; the second is told, and nothing changes."""
    with pytest.raises(Settled):
        an_authorization(a_decision(before)).decide(1, a_decision(after))


def test_a_decision_is_about_an_item_that_there_is():
    with pytest.raises(KeyError):
        an_authorization().decide(2, a_certification())


@pytest.mark.parametrize("action", [A.NOT_CERTIFIED, A.MODIFIED, A.PARTLY_CERTIFIED])
@pytest.mark.parametrize(
    "without", [{"licence": None}, {"licence": ""}, {"reason": None}, {"reason": ""}, {"basis": Basis.POLICY}]
)
def test_care_is_refused_or_reduced_by_a_clinician_with_licence_and_reason_only(action, without):
    with pytest.raises(ValueError):
        a_decision(action, **without)


def test_a_plan_may_exclude_a_service_with_its_reason():
    excluded = a_decision(A.NOT_CERTIFIED, basis=Basis.PLAN, licence=None)
    assert excluded.action is A.NOT_CERTIFIED
    with pytest.raises(ValueError):
        a_decision(A.MODIFIED, basis=Basis.PLAN, licence=None)


@pytest.mark.parametrize("without", [{"number": None}, {"starts": None}, {"ends": None}])
def test_what_is_certified_has_a_number_and_a_period(without):
    with pytest.raises(ValueError):
        a_certification(**without)


def test_only_what_is_certified_stands_on_file():
    assert an_authorization(a_pend()).standing() == ()
    (standing,) = an_authorization(a_certification()).standing()
    assert standing.number == "PA0000000001"
