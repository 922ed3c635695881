"""The library that ships: its page says what the policies and forms say, and each is whole."""

from datetime import timedelta

import pytest

from questionnaires.catalog import questions
from questionnaires.drift import drift
from rules.decisions import Then
from rules.entry import Entry
from rules.facts import Place
from rules.policy import Status
from tests import library_page
from tests.given import BOOK, CATALOG, ROOT, TODAY

POLICIES = [policy for policy in BOOK if policy.identity.status is Status.ACTIVE]
EACH = pytest.mark.parametrize("policy", POLICIES, ids=str)
FORMED = pytest.mark.parametrize("policy", [one for one in POLICIES if one.at_order_time.questionnaire], ids=str)


def test_the_page_is_made_of_the_policies_and_forms():
    """``python -m tests.library_page`` makes it anew."""
    assert (ROOT / "docs" / "library.md").read_text(encoding="utf-8") == library_page.page(BOOK, CATALOG)


@EACH
def test_a_policy_is_owned_approved_published_and_sourced(policy):
    owner, approved = policy.identity.owner, policy.identity.approved
    assert owner.startswith("Medical Policy, ")
    assert len({one.by for one in approved}) >= 2
    assert max(one.on for one in approved) < policy.effective
    assert policy.identity.published_at.section
    assert all(source.until is None or source.until >= policy.effective for source in policy.sources)
    assert any("acmehealth.example" not in source.url for source in policy.sources)


@FORMED
def test_a_policy_with_a_form_explains_itself_when_it_is_ordered(policy):
    assert policy.at_order_time.reason
    assert policy.guideline.url in {source.url for source in policy.sources}


@FORMED
def test_a_form_has_as_many_questions_as_a_clinician_answers(policy):
    """And each of the policy's facts that is asked for has a question of its own, in a group with a name."""
    form = CATALOG.named(policy.at_order_time.questionnaire)
    assert 8 <= library_page.asked(form) <= 20
    assert list(drift(policy.facts, form)) == []
    assert all(item["type"] == "group" and item["text"] for item in form["item"])
    assert any(item.get("required") for item in questions(form).values())


@FORMED
def test_what_is_certified_rests_on_what_a_person_or_the_record_said(policy):
    """No row certifies on the mere request: each asks something that comes from form, record or file."""
    evidence = {Place.QUESTION, Place.RECORD, Place.ON_FILE}
    facts = {fact.name for fact in policy.facts if evidence & {one.place for one in fact.whence}}
    about = {criterion.name: set(criterion.facts) for criterion in policy.criteria}
    for row in policy.rows:
        if row.then is Then.CERTIFY:
            assert facts & set().union(*(about[name] for name in row.when), (cell.fact for cell in row.cells))


@EACH
def test_a_policy_of_the_library_is_in_force_today_and_in_a_year(policy):
    entry = Entry.of(policy)
    assert entry.in_force(TODAY)
    assert entry.in_force(TODAY + timedelta(days=365))
