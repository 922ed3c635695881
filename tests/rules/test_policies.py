"""Every policy says what its authors expect, every row is reached, and every form has the questions."""

import pytest

from app.policies import form_faults
from questionnaires.catalog import Catalog, questions
from rules.book import PolicyBook
from rules.facts import FactType
from rules.load import run_case
from tests.given import BOOK, CATALOG

CASES = [pytest.param(policy, case, id=f"{policy}: {case.name}") for policy in BOOK for case in policy.cases]
POLICIES = list(BOOK)
FITS = {
    FactType.NUMBER: {"quantity", "decimal", "integer"},
    FactType.BOOLEAN: {"boolean"},
    FactType.DATE: {"date"},
    FactType.CODE: {"choice", "open-choice"},
}


@pytest.mark.parametrize(("policy", "case"), CASES)
def test_a_policy_decides_as_its_authors_expect(policy, case):
    outcome = run_case(policy, case)
    assert outcome.meets(case.expect)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_every_decision_row_has_a_case_that_reaches_it(policy):
    reached = {run_case(policy, case).row for case in policy.cases}
    assert reached == set(range(1, len(policy.rows) + 1))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_each_fact_is_a_question_of_the_form_with_an_answer_of_its_type(policy):
    form = policy.at_order_time.questionnaire
    asked = questions(CATALOG.named(form)) if form else {}
    for fact in policy.facts:
        assert fact.question is None or asked[fact.question]["type"] in FITS[fact.type]


def test_a_policy_whose_form_asks_otherwise_does_not_start():
    """The same that ``priorauth policies check`` says, with no policy opened."""
    form = CATALOG.named("home-oxygen|2026.1")
    oxygen = next(one for one in form["item"] if one["linkId"] == "2")
    changed = [one | {"type": "decimal"} if one["linkId"] == "2.1" else one for one in oxygen["item"]]
    items = [oxygen | {"item": changed} if one is oxygen else one for one in form["item"]]
    told = map(str, form_faults(PolicyBook([BOOK.entry("home-oxygen", "2026.1")]), Catalog([form | {"item": items}])))
    says = "form home-oxygen|2026.1: question 2.1 is a decimal; 'spo2' is a quantity in %"
    assert list(told) == [f"home-oxygen/2026.1.yaml:1: {says}; mend the form, or the fact"]


def test_a_policy_without_its_form_does_not_start():
    faults = form_faults(BOOK, Catalog([]))
    assert "home-oxygen/2026.1.yaml:1: there is no form home-oxygen|2026.1" in map(str, faults)
