"""What was weighed is kept whole and read again."""

from rules.evaluate import evaluate
from rules.trace import Missing, Need, Origin, Trace
from tests.given import BOOK, OXYGEN, TODAY

POLICY, _ = BOOK.in_force([OXYGEN], TODAY)
WHOLE = Trace(
    policy="home-oxygen",
    version="2026.1",
    row=4,
    answers={"group I": "yes", "group II sign": "missing"},
    facts={"spo2": 88},
    origins={"spo2": Origin("question", "2.1")},
    missing=(Missing("pao2", Need.CLINICAL, "PaO2 at rest", "2.2"), Missing("network", Need.PERFORMER, "Who?")),
    notes=("pao2: answered more than once",),
    promise="promise-1",
)


def test_a_trace_is_read_as_it_was_kept():
    assert Trace.from_json(WHOLE.to_json()) == WHOLE


def test_an_outcome_tells_its_trace():
    trace = evaluate(POLICY, {"spo2": 88, "tested": "2026-02-20", "at_rest": True}, TODAY, TODAY).trace(
        promise="promise-1", notes=("a note",)
    )
    assert (trace.policy, trace.version, trace.row, trace.promise) == ("home-oxygen", "2026.1", 4, "promise-1")
    assert trace.answers["group I"] == "yes"
    assert trace.notes == ("a note",)


def test_a_decision_that_no_policy_made_has_no_trace():
    assert Trace.from_json({}) is None


def test_who_where_and_when_are_information_and_the_rest_documents():
    assert [need for need in Need if need.is_information] == [Need.PERFORMER, Need.LOCATION, Need.TIMEFRAME]
