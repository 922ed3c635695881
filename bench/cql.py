"""How long does a library take to compile, and a form's defines to run? ``python -m bench.cql``

The library is the tests' story, repeated to 200 KB of ELM; the record is its patient's, repeated to 200 resources.
Where the npm packages are installed (``tests/cql/translator/oracle.py``), the JavaScript engine runs the same
defines over the same record in the same run. Each figure is the median of its rounds.
"""

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import click

from bench.report import with_section
from cql import Failure, Libraries, PackageTerminology, Record, Run
from tests.cql.public_suite import NOW
from tests.cql.translator.oracle import WHOLE
from tests.cql.translator.translate import FIXTURES, HOUSE, PACKAGES, read_gzip

KILOBYTES, RESOURCES, DEFINES = 200, 200, 40
TITLE, ROUNDS = "## Clinical logic", 25
PAGE = HOUSE / "docs" / "benchmarks.md"
GOALS = {"compile": 50.0, "run": 5.0}


def milliseconds(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the median time of ``work`` in milliseconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return median(times)


def big_library(elms: list[dict]) -> list[dict]:
    """Return the story's libraries, Story repeated under other names until its ELM has 200 KB."""
    terms, story = (
        next(one for one in elms if one["library"]["identifier"]["id"] == name) for name in ("Terms", "Story")
    )
    statements = story["library"]["statements"]["def"]
    repeated = list(statements)
    once = len(json.dumps(statements))
    for turn in range(1, KILOBYTES * 1000 // once + 1):
        repeated += [{**one, "name": f"{one['name']} {turn}"} for one in statements if one.get("type") != "FunctionDef"]
    return [terms, {"library": {**story["library"], "statements": {"def": repeated}}}]


def big_record(bundle: dict) -> dict:
    """Return the story's record with its clinical resources repeated under other ids to 200 in all."""
    entries = list(bundle["entry"])
    clinical = [one["resource"] for one in entries if one["resource"]["resourceType"] != "Patient"]
    for number in range(RESOURCES - len(entries)):
        resource = clinical[number % len(clinical)]
        entries.append({"resource": {**resource, "id": f"{resource['id']}-{number}"}})
    return {**bundle, "entry": entries}


def a_form(names: list[str]) -> list[str]:
    """Return forty defines from all parts of the story: those that a form might ask for."""
    step = len(names) / DEFINES
    return [names[int(place * step)] for place in range(DEFINES)]


@dataclass(frozen=True, slots=True)
class Times:
    """What was measured, in milliseconds; ``javascript`` is None where the npm packages are not installed."""

    kilobytes: int
    compile: float
    resources: int
    defines: int
    warm: float
    cold: float
    javascript: dict[str, float] | None


def measured() -> Times:
    """Compile and run; RuntimeError where a define fails, since an error is quick."""
    story = read_gzip(FIXTURES / "story.json.gz")
    bundle = big_record(json.loads((FIXTURES / "record.json").read_text()))
    value_sets = json.loads((FIXTURES / "value-sets.json").read_text())
    big = big_library(story["libraries"])
    form = a_form([name for name in story["oracle"] if name != "Patient"])
    run = a_run_of(story["libraries"], value_sets, form)
    record = Record.of_bundle(bundle)
    failed = [value for value in run(record) if isinstance(value, Failure)]
    if failed:
        raise RuntimeError(failed[0])
    return Times(
        kilobytes=len(json.dumps(big)) // 1000,
        compile=milliseconds(lambda: Libraries(big)),
        resources=len(bundle["entry"]),
        defines=len(form),
        warm=milliseconds(lambda: run(record)),
        cold=milliseconds(lambda: run(Record.of_bundle(bundle))),
        javascript=by_javascript(bundle, value_sets, form),
    )


def section(times: Times) -> str:
    """Return the page's section."""
    run = f"run {times.defines} defines over {times.resources} resources"
    theirs = times.javascript
    rows = [
        ("compile", f"compile {times.kilobytes} KB of ELM", times.compile, ""),
        ("run", f"{run}, warm", times.warm, f"{theirs['run']:.1f} ms" if theirs else ""),
        (None, f"{run}, a record never read before", times.cold, ""),
    ]
    table = "\n".join(_row(*row) for row in rows)
    load = f"It takes {theirs['load']:.1f} ms more to load the record." if theirs else "It was not installed here."
    return f"""\
{TITLE}

`cql/` on one core, the median of {ROUNDS} rounds, beside npm `cql-execution` on the same defines and the same record in
the same run (`python -m bench.cql`). {load}

| what | time | target | | cql-execution |
|---|--:|--:|---|--:|
{table}
"""


def _row(goal: str | None, what: str, took: float, theirs: str) -> str:
    wanted = GOALS.get(goal or "")
    verdict = ("met" if took <= wanted else "**missed**") if wanted else ""
    return f"| {what} | {took:.2f} ms | {f'≤ {wanted:g} ms' if wanted else ''} | {verdict} | {theirs} |"


@click.command()
@click.option("--small", is_flag=True, help="Write nothing: does it still work?")
def main(*, small: bool) -> None:
    """Measure cql/ beside cql-execution and write the section into docs/benchmarks.md."""
    written = section(measured())
    if not small:
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), written), encoding="utf-8")
    click.echo(written)


def a_run_of(elms: list[dict], value_sets: list[dict], form: list[str]) -> Callable[[Record], list[Any]]:
    libraries, terminology = Libraries(elms), PackageTerminology(value_sets)

    def run(record: Record) -> list[Any]:
        ran = Run(libraries, now=NOW, record=record, terminology=terminology)
        return [ran.value("Story", name) for name in form]

    return run


def by_javascript(bundle: dict, value_sets: list[dict], form: list[str]) -> dict[str, float] | None:
    if not WHOLE.is_file():
        return None
    asked = {
        "libraries": json.loads(WHOLE.read_text()),
        "record": bundle,
        "valueSets": value_sets,
        "now": NOW.isoformat(),
        "form": form,
    }
    done = subprocess.run(  # noqa: S603 our own script
        ["node", HOUSE / "bench" / "cql.mjs", PACKAGES],  # noqa: S607
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    times: dict[str, float] = json.loads(done.stdout)
    return times


if __name__ == "__main__":
    main()
