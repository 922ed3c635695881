"""What is wrong with a policy's own cases? Facts that are none or of another kind, outcomes that no row says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.decisions import Then
from rules.evaluate import Outcome
from rules.explain import explain
from rules.facts import FactType, is_day
from rules.policy import Policy
from rules.read_codes import nearest
from rules.schema_faults import outcome_meant
from rules.yaml_lines import Finding

_EXPECTED = re.compile(r"pend( to [a-z0-9-]+)?|certify( [\d.]+)?( for .+)?|not-covered|no-auth")
_KINDS: Mapping[FactType, tuple[type, ...]] = {
    FactType.BOOLEAN: (bool,),
    FactType.NUMBER: (int, float),
    FactType.DATE: (str,),
    FactType.CODE: (str,),
}
_INSTEAD = {
    FactType.BOOLEAN: "write true or false",
    FactType.NUMBER: "write it without quotes: 88",
    FactType.DATE: "write it as 2026-01-31",
    FactType.CODE: 'write it in quotes: "11"',
}


def case_findings(
    cases: Sequence[Mapping[str, Any]], facts: Mapping[str, Mapping[str, Any]], days: Sequence[str]
) -> Iterator[Finding]:
    """Yield what is wrong with cases as they are written; that a number is beyond its bounds may be what is tried."""
    known = [*facts, *days]
    for index, case in enumerate(cases):
        for name, value in case["given"].items():
            where = ("cases", index, "given", name)
            if name not in known:
                yield Finding(where, f"no fact is called '{name}'", nearest(name, known))
            elif name in days and not is_day(value):
                yield Finding(where, f"{name}: there is no such day", "write it as 2026-01-31")
            elif name in facts and value is not None and not _is_of(kind := _kind(facts[name]), value):
                yield Finding(where, f"{name} is a {kind}", _INSTEAD[kind])
        if not _EXPECTED.fullmatch(case["expect"]):
            word = case["expect"].partition(" ")[0]
            meant = "write it as 'certify 12 for 6 months' or 'pend to nurses'"
            say = f"no row says '{case['expect']}'"
            yield Finding(("cases", index, "expect"), say, meant if word in list(Then) else outcome_meant(word))


def why_otherwise(policy: Policy, expected: str, outcome: Outcome) -> str:
    """Return why the first row that would have said it did not hold, as the end of a sentence; else nothing."""
    rows = explain(policy, outcome.trace()).rows[: outcome.row - 1]
    meant = (one for one, row in zip(rows, policy.rows, strict=False) if row.then == expected.partition(" ")[0])
    passed = next(meant, None)
    return f": of row {passed.number}, {passed.because}" if passed else ""


def _kind(fact: Mapping[str, Any]) -> FactType:
    return FactType(fact.get("type", FactType.NUMBER))


def _is_of(kind: FactType, value: Any) -> bool:
    if kind is FactType.DATE:
        return is_day(value)
    return isinstance(value, _KINDS[kind]) and (kind is FactType.BOOLEAN or not isinstance(value, bool))
