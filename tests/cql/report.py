"""How is ``docs/cql.md`` made? From a run of the public suite: ``python -m tests.cql.report``."""

from collections import Counter, defaultdict

from tests.cql.given import the_sandbox, the_story
from tests.cql.public_suite import REASONS, Outcome, outcomes
from tests.cql.test_sandbox import EXPLAINED as OF_PATIENTS
from tests.cql.test_story import EXPLAINED
from tests.cql.translator.translate import HOUSE, VERSIONS

_HEAD = """# What the CQL engine is known to do

Made by `python -m tests.cql.report`; do not edit.

`cql/` runs ELM, the compiled form of CQL. The public CQL test suite is translated with `@cqframework/cql`
{version} (`python -m tests.cql.translator.translate`); both the expression and the expected output are run, and
compared part for part. Dates and DateTimes, Integers and Decimals of one value count as equal, as CQL converts
them implicitly. A case marked invalid is one that must not have a value: it is counted apart.

**{passed} of the {translated} cases that translate pass ({share:.1%}).** The translator refuses {refused};
{invalid} are marked invalid, and {kept} of these are refused as they must be.

| group | cases | passed | failed | not translated | invalid |
|---|--:|--:|--:|--:|--:|
"""
_FAILURES = """
## Each failure and its reason

| case | expression | expected | answered | reason |
|---|---|---|---|---|
"""
_REFUSED = """
## What the translator refuses

| case | expression | it says |
|---|---|---|
"""
_STORY = """
## Beside the JavaScript engine

The suite holds no retrieve, include or terminology. `fixtures/cql/*.cql` do: Story over the record beside it, Sandbox
over each of the sandbox EHR's patients. npm `cql-execution` {version} runs the same ELM
(`python -m tests.cql.translator.oracle`).

**{equal} of {defines} values are equal, {patients} of them over the sandbox's patients.** The other {explained} are
explained:

| define | why the two differ |
|---|---|
"""


def report() -> str:
    run = list(outcomes())
    verdicts = Counter(one.verdict for one in run)
    translated = verdicts["passed"] + verdicts["failed"]
    head = _HEAD.format(
        version=VERSIONS["@cqframework/cql"],
        passed=verdicts["passed"],
        translated=translated,
        share=verdicts["passed"] / translated,
        refused=verdicts["refused"],
        invalid=verdicts["invalid, refused"] + verdicts["invalid, answered"],
        kept=verdicts["invalid, refused"],
    )
    failed = [_row(one.key, one.expression, one.expected, one.actual, REASONS[one.key]) for one in _of(run, "failed")]
    refused = [_row(one.key, one.expression, one.actual) for one in _of(run, "refused")]
    return head + _groups(run) + _FAILURES + "".join(failed) + _REFUSED + "".join(refused) + _story()


def _story() -> str:
    explained = EXPLAINED | {f"{define} ({patient})": why for (patient, define), why in OF_PATIENTS.items()}
    patients = sum(map(len, the_sandbox()["oracle"].values()))
    defines = len(the_story()["oracle"]) + patients
    head = _STORY.format(
        version=VERSIONS["cql-execution"],
        equal=defines - len(explained),
        defines=defines,
        patients=patients - len(OF_PATIENTS),
        explained=len(explained),
    )
    return head + "".join(_row(define, reason) for define, reason in explained.items())


def _groups(run: list[Outcome]) -> str:
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for one in run:
        groups[f"{one.suite.removesuffix('Test')}: {one.group}"][one.verdict.split(",")[0]] += 1
    names = ("passed", "failed", "refused", "invalid")
    rows = (
        _row(name, counts.total(), *(counts[verdict] or "" for verdict in names)) for name, counts in groups.items()
    )
    return "".join(rows)


def _of(run: list[Outcome], verdict: str) -> list[Outcome]:
    return [one for one in run if one.verdict == verdict]


def _row(*cells: object) -> str:
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    (HOUSE / "docs").mkdir(exist_ok=True)
    (HOUSE / "docs" / "cql.md").write_text(report())
