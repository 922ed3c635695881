"""What does judging a PAS request cost, ours and others', in one run?

``python -m bench.validation`` writes the section of docs/benchmarks.md. CPU time of this process, the best of several
rounds, since a shared machine only ever adds to it. The body is the tests' small request with as many items as it
takes to reach a size.
"""

import copy
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import jsonschema
import orjson
from fhir.resources.R4B.bundle import Bundle

from bench.report import with_section
from fhir_r4.profiles.check import Profiles, committed
from fhir_r4.wire import read_object
from tests.fhir_r4.given import REQUEST, a_request

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
ROUNDS = 40
SMALL, LARGE = 24_000, 1_000_000
TARGET_MS, TARGET_LOAD_MS, TARGET_LOAD_MB = 0.5, 300, 60
LINEAR = 1.25  # how much more a byte of the large body may cost than one of the small
_LOAD = """
import time

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))

from fhir_r4.profiles.check import committed
before, began = resident(), time.process_time()
profiles = committed({generation!r})
profiles.prepare(profiles.reach())
print((time.process_time() - began) * 1000, resident() - before)
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What it costs a process of its own to load all schemas of one generation: the best of several, in ms and MB.

    Neither counts the import of the code and its libraries.
    """

    generation: str
    milliseconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Validation:
    """CPU milliseconds of one call, by what was called; the sizes are those of the bodies, in bytes."""

    small_bytes: int
    large_bytes: int
    valid: float
    fault: float
    large: float
    fhir_resources: float
    jsonschema: float
    loaded: Sequence[Loaded]


def measured(rounds: int) -> Validation:
    """Measure ours and others' on the same bodies, one after the other."""
    profiles = committed("2.0")
    small, large = a_request_of(SMALL), a_request_of(LARGE)
    spoilt = copy.deepcopy(small)
    spoilt["entry"][0]["resource"]["item"][7]["colour"] = "blue"
    python = _pure_python(profiles, small["entry"][0]["resource"])
    return Validation(
        small_bytes=len(orjson.dumps(small)),
        large_bytes=len(orjson.dumps(large)),
        valid=cost(lambda: profiles.check(small, REQUEST), rounds),
        fault=cost(lambda: profiles.check(spoilt, REQUEST), rounds),
        large=cost(lambda: profiles.check(large, REQUEST), rounds),
        fhir_resources=cost(lambda: Bundle.model_validate(small), rounds),
        jsonschema=cost(python, rounds),
        loaded=[_loaded(generation, max(1, rounds // 10)) for generation in ("2.0", "2.2")],
    )


def section(found: Validation) -> str:
    """Return the part of docs/benchmarks.md that says what was measured, and which target is met."""
    growth = (found.large / found.large_bytes) / (found.valid / found.small_bytes)
    rows = [
        (f"ours: a PAS request of {found.small_bytes / 1000:.0f} kB, core and profiles", found.valid, TARGET_MS),
        ("ours: the same with a fault in one item, which is named", found.fault, None),
        ("fhir.resources (R4B): the same; it knows no profiles", found.fhir_resources, None),
        ("jsonschema (pure Python): our schema of its Claim alone, one profile", found.jsonschema, None),
    ]
    costs = "\n".join(f"| {name} | {ms:.2f} ms | {_against(ms, target, 'ms')} |" for name, ms, target in rows)
    loads = "\n".join(
        f"| load all schemas, generation {one.generation} | {one.milliseconds:.0f} ms "
        f"| {_against(one.milliseconds, TARGET_LOAD_MS, 'ms')} |\n"
        f"| memory they take, generation {one.generation} | {one.megabytes:.0f} MB "
        f"| {_against(one.megabytes, TARGET_LOAD_MB, 'MB')} |"
        for one in found.loaded
    )
    return f"""\
## Validation

CPU of one call in one process, the best of many (`python -m bench.validation`), all in the same run:

| what | CPU | target | |
|---|--:|--:|---|
{costs}
| ours: a valid request of {found.large_bytes / 1e6:.1f} MB | {found.large:.1f} ms | linear: ≤ {LINEAR:g} × a byte of \
the small one | {growth:.2f} ×: {_verdict(growth <= LINEAR)} |
{loads}
"""


def a_request_of(size: int) -> dict:
    """Return a valid request of about ``size`` bytes."""
    body = a_request()
    items = body["entry"][0]["resource"]["item"]
    while len(orjson.dumps(body)) < size:
        items += [copy.deepcopy(items[0]) | {"sequence": len(items) + n + 1} for n in range(max(1, len(items) // 8))]
    return read_object(orjson.dumps(body))


def cost(call: Callable[[], object], rounds: int) -> float:
    """Return the CPU milliseconds of one call."""
    call()
    began = time.process_time()
    call()
    times = max(1, int(0.01 / max(time.process_time() - began, 1e-6)))
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - began) / times)
    return best * 1000


def _pure_python(profiles: Profiles, claim: dict) -> Callable[[], bool]:
    """Return what pure-Python jsonschema can do: the Claim alone, since it knows no references."""
    validator = jsonschema.Draft202012Validator(profiles.schema(claim["meta"]["profile"][0]))
    return lambda: bool(validator.is_valid(claim))


def _loaded(generation: str, times: int) -> Loaded:
    """Load all schemas in a fresh process, several times; the quickest counts."""
    runs = []
    for _ in range(times):
        done = subprocess.run(  # noqa: S603 ourselves
            [sys.executable, "-c", _LOAD.format(generation=generation)], capture_output=True, text=True, check=True
        )
        milliseconds, megabytes = map(float, done.stdout.split())
        runs.append(Loaded(generation, milliseconds, megabytes))
    return min(runs, key=lambda one: one.milliseconds)


def _against(figure: float, target: float | None, unit: str) -> str:
    return f"≤ {target:g} {unit} | {_verdict(figure <= target)}" if target else " | "


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"


@click.command()
@click.option("--small", is_flag=True, help="A few rounds that write nothing: does it still work?")
def main(*, small: bool) -> None:
    """Measure what judging a request costs, and write the section into docs/benchmarks.md."""
    written = section(measured(ROUNDS // 10 if small else ROUNDS))
    if not small:
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), written), encoding="utf-8")
    click.echo(written)


if __name__ == "__main__":
    main()
