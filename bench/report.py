"""What does docs/benchmarks.md say? The machine, each operation's cost beside the echo's, and which target is met."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median, quantiles

from bench.jobs import Latency
from bench.load import Cost

RESIDENT_MB = 180


@dataclass(frozen=True, slots=True)
class Measured:
    """One operation: the rounds of the echo and of the service, run in turn.

    Attributes:
        body_bytes: what the operation, and the echo, are sent.
        target: the largest multiple of the echo's CPU that was promised.
    """

    name: str
    body_bytes: int
    echo: Sequence[Cost]
    service: Sequence[Cost]
    target: float

    @property
    def ratio(self) -> float:
        return _cpu(self.service) / _cpu(self.echo)


def page(results: Sequence[Measured], jobs: Sequence[Latency], resident_mb: float, stored: int, on: date) -> str:
    rows = "\n".join(map(_row, results))
    latencies = "\n".join(map(_latency, jobs))
    rounds, memory = len(results[0].echo), _verdict(resident_mb <= RESIDENT_MB)
    return f"""\
# Benchmarks

Written by `make bench` on {on.isoformat()}: {_machine()}.

Each operation is measured against **the echo**: a bare Flask app (`bench/echo.py`) under the same gunicorn settings
that loads and dumps the operation's own body, without token, validation or database. Echo and service take turns,
{rounds} rounds each after one to warm up; every figure is the median. CPU is user and system time of the web processes
alone (SQLite and its fsyncs included). Requests per second are with the client on the same cores and say little beyond
this machine; the ratio is what carries over. At the end the machine's load average over five minutes was
{os.getloadavg()[1]:.1f}; the measurement makes some 3 of it, and what is above that makes a large program dearer than
a small one.

| operation | body | echo, ms CPU | service, ms CPU | ratio | target | | requests/s |
|---|--:|--:|--:|--:|--:|---|--:|
{rows}

Resident memory of the largest web process after all rounds: {resident_mb:.0f} MB (target {RESIDENT_MB} MB): {memory}.

From a reviewer's verdict to the end of the job that follows from it, one verdict at a time (`created_at` to `done_at`
of the job's row). What is decided at once has no job: its answer tells of it.

| jobs are done by | jobs | median | 95 of 100 within | target for the median | |
|---|--:|--:|--:|--:|---|
{latencies}

What is sent:

- **order-sign**: full prefetch, a new RS384 JWT for each call, verified and spent; call, answer and promise are kept.
- **$questionnaire-package**: the order alone leads to its form; the answer is longer than the body.
- **$submit**: a new `Bundle.identifier` each; certified by policy, and durable (`synchronous=FULL`) when answered.
- **$inquire**: one case is found among {stored:,} that are stored, each with its request as it came.

`make bench SMALL=1` stores 2,000 authorizations, runs three short rounds and writes nothing.
"""


def with_section(written: str, section: str) -> str:
    r"""Return the page with one section, ``## Title`` and what follows, in place of the one of that title.

    >>> with_section("# Page\n\n## A\n\nold\n\n## B\n\nb\n", "## A\n\nnew\n")
    '# Page\n\n## A\n\nnew\n\n## B\n\nb\n'
    """
    title = section.partition("\n")[0]
    head, *others = written.split("\n## ")
    sections = [f"## {one}" for one in others]
    kept = [one if one.partition("\n")[0] != title else section for one in sections]
    kept += [] if section in kept else [section]
    return "\n\n".join(part.strip("\n") for part in [head, *kept]) + "\n"


def _row(one: Measured) -> str:
    verdict = _verdict(one.ratio <= one.target)
    rate = median(cost.per_second for cost in one.service)
    return (
        f"| {one.name} | {one.body_bytes / 1000:.1f} kB | {_cpu(one.echo):.2f} | {_cpu(one.service):.2f} "
        f"| {one.ratio:.1f} × | ≤ {one.target:g} × | {verdict} | {rate:.0f} |"
    )


def _latency(one: Latency) -> str:
    if one.milliseconds is None:
        return f"| {one.name} | 0 | | | ≤ {one.target_ms:g} ms | not measured: no Redis |"
    middle, late = median(one.milliseconds), quantiles(one.milliseconds, n=20)[-1]
    return (
        f"| {one.name} | {len(one.milliseconds)} | {middle:.1f} ms | {late:.1f} ms "
        f"| ≤ {one.target_ms:g} ms | {_verdict(middle <= one.target_ms)} |"
    )


def _cpu(rounds: Sequence[Cost]) -> float:
    return median(cost.cpu_ms for cost in rounds)


def _verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def _machine() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = names[0].partition(":")[2].strip() if names else platform.machine()
    return f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {platform.python_version()}"
