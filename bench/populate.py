"""How long does a clinician wait for a form to be filled? ``python -m bench.populate``

A form of thirty questions (``forms.py``) is filled from an EHR that takes 50 ms for each of its eight searches
(``slow_ehr.py``), as the DTR app does it: with a process of its own for the form's expressions. The EHR is another
process; the clock runs from the launch context to the filled response with the evidence of each answer.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import click

from app.demo.parties import loopback_door, running
from app.dtr.filling import filling
from app.dtr.record import Record
from bench import forms
from bench.report import with_section
from questionnaires.populate import information_origin
from tests.cql.translator.translate import HOUSE

TITLE, ROUNDS, PORT = "## Pre-population", 25, 8190
SEARCH_MS, GOAL_MS = 50, 250
PAGE = HOUSE / "docs" / "benchmarks.md"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
CONTEXT = {"patient": {"resourceType": "Patient", "id": "p1"}}


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of each filling, the first apart; and what there was to do.

    Attributes:
        searched: milliseconds from the first search's start to the last one's end, of each filling.
        load: the machine's load average over a minute, at the end.
    """

    first: float
    each: list[float]
    searched: list[float]
    answered: int
    searches: int
    load: float


@contextmanager
def slow_ehr(port: int, milliseconds: float) -> Iterator[str]:
    """Run the EHR that takes its time, and give its FHIR base."""
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="priorauth-bench-") as folder:
        command = [str(port), str(milliseconds)]
        log = Path(folder) / "ehr.log"
        with running(command, f"{base}/ready", log, {}, module="bench.slow_ehr"):
            yield base


def measured(rounds: int = ROUNDS, port: int = PORT, search_ms: float = SEARCH_MS) -> Times:
    told: list[tuple[float, float]] = []
    each, searched, answered, searches = [], [], 0, 0
    with slow_ehr(port, search_ms) as base:
        record = Record(
            loopback_door(), base, "", lambda one: told.append((time.perf_counter() * 1000, one.milliseconds))
        )
        for _ in range(rounds + 1):
            told.clear()
            began = time.perf_counter()
            answered = _filled(record)
            each.append((time.perf_counter() - began) * 1000)
            searched.append(max(at for at, _ in told) - min(at - took for at, took in told))
            searches = len(told)
    return Times(each[0], each[1:], searched[1:], answered, searches, os.getloadavg()[0])


def _filled(record: Record) -> int:
    """Fill the form and return how many questions were answered."""
    origin = information_origin("auto")
    done = filling(record, forms.form(), forms.draft(), CONTEXT, origin, logic=[forms.library()], now=NOW)
    return sum("answer" in item for item in done.filled.response["item"])


def section(times: Times) -> str:
    """Return the page's section."""
    middle, late = median(times.each), quantiles(times.each, n=20)[-1]
    searching = median(times.searched)
    verdict = "met" if middle <= GOAL_MS else "**missed**"
    return f"""\
{TITLE}

A form of {forms.QUESTIONS} questions, half in FHIRPath, half in CQL ({forms.size() / 1000:.0f} kB with its library),
is filled by the DTR app from an EHR that takes {SEARCH_MS} ms for each of {times.searches} searches; {times.answered}
questions are answered, each with its evidence. Form and expressions are evaluated in a process of their own that is
made for each filling. {len(times.each)} fillings one after the other (`python -m bench.populate`); others' work on the
machine at the end: a load average of {times.load:.1f}.

| what | time | target | |
|---|--:|--:|---|
| a filling, median | {middle:.0f} ms | ≤ {GOAL_MS} ms | {verdict} |
| of it, waiting for the EHR | {searching:.0f} ms | | |
| 95 of 100 fillings within | {late:.0f} ms | | |
| the first one, with nothing prepared | {times.first:.0f} ms | | |
"""


@click.command()
@click.option("--small", is_flag=True, help="A few rounds that write nothing: does it still work?")
def main(*, small: bool) -> None:
    """Measure how long a form takes to be filled, and write the section into docs/benchmarks.md."""
    written = section(measured(3 if small else ROUNDS))
    if not small:
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), written), encoding="utf-8")
    click.echo(written)


if __name__ == "__main__":
    main()
