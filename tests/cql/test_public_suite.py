"""The engine on the public CQL test suite: every case passes, or its failure has a reason that is written down."""

import pytest

from tests.cql.public_suite import REASONS, outcomes
from tests.cql.report import report
from tests.cql.translator.translate import HOUSE

OUTCOMES = list(outcomes())
TRANSLATED = [one for one in OUTCOMES if one.verdict in ("passed", "failed")]


@pytest.mark.parametrize("outcome", TRANSLATED, ids=lambda outcome: outcome.key)
def test_a_case_of_the_public_suite_passes_or_says_why_not(outcome):
    """A case that fails is named in REASONS, and one that is named there fails."""
    assert (outcome.verdict == "passed") is (outcome.key not in REASONS), f"{outcome.expected} but {outcome.actual}"


@pytest.mark.parametrize(
    "outcome", [one for one in OUTCOMES if one.verdict.startswith("invalid")], ids=lambda outcome: outcome.key
)
def test_what_the_suite_calls_invalid_is_refused(outcome):
    """The translator refuses the expression, or the engine answers a Failure."""
    assert outcome.verdict == "invalid, refused", outcome.actual


def test_at_least_98_in_100_of_what_translates_passes():
    """The share that issue 8 asks for."""
    assert sum(one.verdict == "passed" for one in TRANSLATED) >= 0.98 * len(TRANSLATED)


def test_the_table_in_the_documentation_is_of_this_run():
    """docs/cql.md is made by ``python -m tests.cql.report``."""
    assert (HOUSE / "docs" / "cql.md").read_text() == report()


def test_nothing_of_the_suite_is_left_out():
    """The fixture holds all cases: those that translate, those that do not and those that are invalid."""
    assert len(OUTCOMES) == 1117
