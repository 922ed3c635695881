"""How long does a library take to compile, and a form's defines to run? ``python -m bench.cql``

The library is the tests' story, repeated to 200 KB of ELM; the record is its patient's, repeated to 200 resources.
Where the npm packages are installed (``tests/cql/translator/oracle.py``), the JavaScript engine runs the same
defines over the same record in the same run. Each figure is the median of its rounds.
"""

import json
import subprocess
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from cql import Failure, Libraries, PackageTerminology, Record, Run
from tests.cql.public_suite import NOW
from tests.cql.translator.oracle import WHOLE
from tests.cql.translator.translate import FIXTURES, HOUSE, PACKAGES, read_gzip

KILOBYTES, RESOURCES, DEFINES = 200, 200, 40
GOALS = {"compile": 50.0, "run": 5.0}


def milliseconds(work: Callable[[], Any], rounds: int = 15) -> float:
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


def main() -> None:
    story = read_gzip(FIXTURES / "story.json.gz")
    bundle = big_record(json.loads((FIXTURES / "record.json").read_text()))
    value_sets = json.loads((FIXTURES / "value-sets.json").read_text())
    big = big_library(story["libraries"])
    size = len(json.dumps(big)) // 1000
    form = a_form([name for name in story["oracle"] if name != "Patient"])
    run = a_run_of(story["libraries"], value_sets, form)
    warm = Record.of_bundle(bundle)
    failed = sum(isinstance(value, Failure) for value in run(warm))
    what = f"run {len(form)} defines ({failed} fail) over {len(bundle['entry'])} resources"
    _tell(f"compile {size} KB of ELM", milliseconds(lambda: Libraries(big)), GOALS["compile"])
    _tell(f"{what}, warm", milliseconds(lambda: run(warm)), GOALS["run"])
    _say(f"{what}, a record never read before: {milliseconds(lambda: run(Record.of_bundle(bundle))):.2f} ms")
    javascript = by_javascript(bundle, value_sets, form)
    if javascript is None:
        _say("cql-execution: not installed (python -m tests.cql.translator.oracle fetches it)")
    else:
        _say(f"cql-execution, the same: {javascript['run']:.1f} ms, and {javascript['load']:.1f} ms to load the record")


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


def _tell(what: str, took: float, goal: float) -> None:
    _say(f"{what}: {took:.2f} ms (goal {goal:.0f} ms, {'kept' if took <= goal else 'MISSED'})")


def _say(line: str) -> None:
    print(line)  # noqa: T201 a script that tells figures


if __name__ == "__main__":
    main()
