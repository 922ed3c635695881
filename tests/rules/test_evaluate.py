"""Weighing never raises, missing is never no, and the outcome says why."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_r4.resource import Coding
from fhir_r4.systems import CPT, HCPCS
from rules.decisions import Answer, Then
from rules.evaluate import evaluate
from rules.trace import Origin
from tests.given import AMY, BOOK, OXYGEN, TODAY, a_promise

POLICY, CODE = BOOK.in_force([OXYGEN], TODAY)
GOOD = {"spo2": 88, "tested": "2026-02-20", "at_rest": True}
FORM = Origin("question", "1")
WILD = st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from([fact.name for fact in POLICY.facts]), WILD))
@settings(max_examples=200)
def test_weighing_never_raises_whatever_the_facts(facts):
    assert evaluate(POLICY, facts, TODAY, TODAY).then in Then


def test_the_outcome_says_policy_version_row_answers_and_facts():
    outcome = evaluate(POLICY, GOOD, TODAY, TODAY)
    assert (outcome.policy, outcome.version, outcome.row) == ("home-oxygen", "2026.1", 4)
    assert outcome.answers["group I"] is Answer.YES
    assert outcome.answers["group II sign"] is Answer.MISSING
    assert outcome.facts == GOOD


def test_what_is_decided_asks_for_nothing_more():
    assert evaluate(POLICY, GOOD, TODAY, TODAY).missing == ()
    assert evaluate(POLICY, {}, TODAY, TODAY).missing


def test_missing_is_never_no():
    assert evaluate(POLICY, {}, TODAY, TODAY).answers["group I"] is Answer.MISSING


@pytest.mark.parametrize("wrong", ["88", True, [88], {"value": 88}, float("nan"), Decimal("Infinity")])
def test_a_fact_of_another_type_is_missing_and_noted(wrong):
    outcome = evaluate(POLICY, GOOD | {"spo2": wrong}, TODAY, TODAY, origins={"spo2": FORM, "tested": FORM})
    assert outcome.then is Then.PEND
    assert "spo2: not a number from 50 to 100, taken as missing" in outcome.notes
    assert str(wrong) not in " ".join(outcome.notes).replace("number from 50 to 100", "")
    assert outcome.origins == {"tested": FORM}


@pytest.mark.parametrize("slip", [0.95, -5, 49, 101, 880, Decimal("1E-999999")])
def test_a_number_that_cannot_be_is_no_answer(slip):
    """A fraction for a percentage certifies nobody."""
    assert evaluate(POLICY, GOOD | {"spo2": slip}, TODAY, TODAY).then is Then.PEND


@pytest.mark.parametrize("authored", [date(2025, 11, 30), date(2026, 3, 3), date(2030, 1, 1)])
def test_an_order_that_is_old_or_dated_ahead_certifies_nothing(authored):
    facts = GOOD | {"tested": (authored - timedelta(days=5)).isoformat()}
    assert evaluate(POLICY, facts, authored, TODAY).row == 1


def test_a_date_that_is_none_is_missing():
    assert evaluate(POLICY, GOOD | {"tested": "yesterday"}, TODAY, TODAY).row == 2


def test_decimals_are_weighed_as_numbers():
    assert evaluate(POLICY, GOOD | {"spo2": Decimal("88.0")}, TODAY, TODAY).then is Then.CERTIFY
    assert evaluate(POLICY, GOOD | {"spo2": Decimal("88.1")}, TODAY, TODAY).then is Then.PEND


@pytest.mark.parametrize("system", [HCPCS, "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
                                    "urn:oid:2.16.840.1.113883.6.285",
                                    "https://bluebutton.cms.gov/resources/codesystem/hcpcs"])  # fmt: skip
def test_a_policy_is_found_under_each_spelling_of_its_code_system(system):
    assert BOOK.in_force([Coding(system, "E0424")], TODAY)[0] is POLICY


def test_a_policy_is_not_found_outside_its_days_or_for_another_code():
    assert BOOK.in_force([OXYGEN], date(2025, 12, 31)) is None
    assert BOOK.in_force([Coding(CPT, "E0424")], TODAY) is None


def test_an_old_version_stays_readable():
    assert BOOK.version("home-oxygen", "2026.1") is POLICY
    assert BOOK.version("home-oxygen", "1") is None


def test_a_promise_holds_for_this_member_this_code_and_until_its_day():
    promise = a_promise()
    same = {"member_id": AMY.member_id, "codes": [OXYGEN], "on": TODAY}
    assert promise.honoured(**same)
    assert not promise.honoured(**same | {"member_id": "ACME0005678"})
    assert not promise.honoured(**same | {"codes": [Coding(HCPCS, "E0431")]})
    assert not promise.honoured(**same | {"on": date(2026, 5, 31)})


def test_a_promise_holds_for_this_coverage_and_this_performer_as_far_as_both_are_told():
    same = {"member_id": AMY.member_id, "codes": [OXYGEN], "on": TODAY}
    promise = a_promise(performers=frozenset({"Organization/riverside", "Practitioner/lindqvist"}))
    for told in ({}, {"coverage": promise.coverage}, {"performers": frozenset({"Organization/riverside"})}):
        assert promise.honoured(**same | told)
    assert not promise.honoured(**same, coverage="Coverage/another")
    another = frozenset({"Organization/another"})
    assert not promise.honoured(**same, performers=another)
    assert not promise.honoured(**same, performers=another | promise.performers)
    assert a_promise(performers=frozenset()).honoured(**same, performers=another)
