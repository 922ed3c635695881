"""Does a policy decide its own cases as its authors expect, and does every decision row have a case that reaches it?"""

from dataclasses import dataclass, replace

from rules.evaluate import Outcome
from rules.explain import Explanation, explain
from rules.load import run_case, unreached
from rules.policy import Case, Policy
from rules.trace import Origin


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, weighed."""

    case: Case
    outcome: Outcome

    @property
    def said(self) -> str:
        return self.outcome.said

    @property
    def passed(self) -> bool:
        return self.outcome.meets(self.case.expect)


@dataclass(frozen=True, slots=True)
class Casework:
    """All cases of one policy version, and the rows that none of them reaches, counted from 1."""

    policy: Policy
    results: tuple[CaseResult, ...]
    unreached: tuple[int, ...]

    @property
    def passed(self) -> bool:
        return not self.unreached and all(one.passed for one in self.results)


def casework(policy: Policy) -> Casework:
    """Weigh all of the policy's cases."""
    results = tuple(CaseResult(case, run_case(policy, case)) for case in policy.cases)
    return Casework(policy, results, tuple(unreached(policy, {one.outcome.row for one in results})))


def explain_case(policy: Policy, case: Case) -> Explanation:
    """Return why a case is decided as it is; facts that have no source of their own are the case's."""
    trace = run_case(policy, case).trace()
    given = {name: Origin("given") for name in trace.facts} | dict(trace.origins)
    return explain(policy, replace(trace, origins=given))
