"""``python -m bench.validation``: what judging a PAS request costs, ours and others', in one run.

CPU time of this process, the best of several rounds, since a shared machine only ever adds to it. The body is the
tests' small request with as many items as it takes to reach a size.
"""

import copy
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import click
import jsonschema
import orjson

from fhir_r4.profiles.check import OPERATIONS, committed
from fhir_r4.wire import read_object
from tests.fhir_r4.given import REQUEST, a_request

ROUNDS = 15
_LOAD = """
import resource, time
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from fhir_r4.profiles.check import committed
began = time.process_time()
profiles = committed({generation!r})
read = time.process_time()
profiles.prepare(profiles.reach())
print((read - began) * 1000, (time.process_time() - read) * 1000,
      (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def a_request_of(size: int) -> dict:
    """Return a valid request of about ``size`` bytes."""
    body = a_request()
    items = body["entry"][0]["resource"]["item"]
    while len(orjson.dumps(body)) < size:
        items += [copy.deepcopy(items[0]) | {"sequence": len(items) + n + 1} for n in range(max(1, len(items) // 8))]
    return read_object(orjson.dumps(body))


def cost(call: Callable[[], object]) -> float:
    """Return the CPU milliseconds of one call."""
    call()
    began = time.process_time()
    call()
    times = max(1, int(0.02 / max(time.process_time() - began, 1e-6)))
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            call()
        best = min(best, (time.process_time() - began) / times)
    return best * 1000


def main() -> None:
    profiles = committed("2.0")
    small, large = a_request_of(24_000), a_request_of(1_000_000)
    spoilt = copy.deepcopy(small)
    spoilt["entry"][0]["resource"]["item"][7]["colour"] = "blue"
    rows = {
        "check, 24 KB, valid": cost(lambda: profiles.check(small, REQUEST)),
        "check, 24 KB, one fault": cost(lambda: profiles.check(spoilt, REQUEST)),
        "check without schemas, 24 KB": cost(lambda: profiles.check(small, REQUEST, closely=True)),
        "check, 1 MB, valid": cost(lambda: profiles.check(large, REQUEST)),
        **_others(small),
    }
    for name, milliseconds in rows.items():
        click.echo(f"{name:48} {milliseconds:9.3f} ms CPU")
    for generation in ("2.0", "2.2"):
        done = subprocess.run(  # noqa: S603 ourselves
            [sys.executable, "-c", _LOAD.format(generation=generation)], capture_output=True, text=True, check=True
        )
        read, compiled, memory = map(float, done.stdout.split())
        click.echo(f"load {generation}: {read:.0f} ms to read, {compiled:.0f} ms to compile, {memory:.0f} MB")
    click.echo(
        f"operations: {', '.join(OPERATIONS)}; peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB"
    )


def _others(body: dict) -> dict[str, float]:
    """Return what others cost on the same body: the Claim alone for jsonschema, which knows no references."""
    profiles = committed("2.0")
    claim = body["entry"][0]["resource"]
    python = jsonschema.Draft202012Validator(profiles.schema(claim["meta"]["profile"][0]))
    found = {"jsonschema (pure Python), its Claim only, one profile": cost(lambda: python.is_valid(claim))}
    try:
        from fhir.resources.R4B.bundle import Bundle  # noqa: PLC0415 seconds to import, and for development only
    except ImportError:
        return found
    return found | {"fhir.resources (R4B), no profiles": cost(lambda: Bundle.model_validate(body))}


if __name__ == "__main__":
    main()
