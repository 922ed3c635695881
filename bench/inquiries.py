"""Does ``$inquire`` stay as quick when a million authorizations are in store? On SQLite and on PostgreSQL.

The same service answers the same kind of inquiry, one after another, with 10,000 cases in store and, after filling,
with 1,000,000. Compared are the medians of the time to answer; promised is at most 1.5 times.
"""

import http.client
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.clock import now
from app.demo.parties import HOUSE, end_on_sigterm, running
from app.storage.database import Database
from bench.bodies import Bodies, bodies
from bench.fill import fill, pattern
from bench.house import House, furnish
from bench.load import NotAnswered
from bench.postgres import a_postgres

PAGE = HOUSE / "docs" / "benchmarks-inquire.md"
PROMISED = 1.5
INQUIRE, SUBMIT = "/fhir/2.2/Claim/$inquire", "/fhir/2.2/Claim/$submit"


@dataclass(frozen=True, slots=True)
class Scale:
    """How many cases are in store first and then, how many are asked about, and how often each round is run."""

    few: int
    many: int
    asked: int
    rounds: int


FULL, SMALL = Scale(10_000, 1_000_000, 400, 5), Scale(500, 2_000, 40, 2)


@dataclass(frozen=True, slots=True)
class Found:
    """Median milliseconds to answer with few and with many in store; None where the database is not installed."""

    database: str
    few: float | None
    many: float | None

    @property
    def ratio(self) -> float | None:
        return self.many / self.few if self.few and self.many else None


@click.command()
@click.option("--small", is_flag=True, help="A short run that writes nothing: does it still work?")
@click.option("--port", default=8140, show_default=True, help="The service's; PostgreSQL takes one a few further.")
def main(*, small: bool, port: int) -> None:
    """Measure ``$inquire`` with few and with very many authorizations in store; write docs/benchmarks-inquire.md."""
    scale, console = SMALL if small else FULL, Console(highlight=False)
    found = [_on_sqlite(scale, port, console), _on_postgres(scale, port + 1, console)]
    written = page(found, scale, now().date())
    if not small:
        PAGE.write_text(written, encoding="utf-8")
    console.print(written, markup=False, soft_wrap=True)


def _on_sqlite(scale: Scale, port: int, console: Console) -> Found:
    end_on_sigterm()
    with tempfile.TemporaryDirectory(prefix="priorauth-bench-") as folder:
        here = Path(folder)
        url = f"sqlite:///{here / 'data' / 'priorauth.db'}"
        return _measured("SQLite", here, port, url, scale, console)


def _on_postgres(scale: Scale, port: int, console: Console) -> Found:
    with ExitStack() as stack:
        here = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="priorauth-bench-")))
        url = stack.enter_context(a_postgres(here / "pg", port + 5))
        if url is None:
            return Found("PostgreSQL", None, None)
        return _measured("PostgreSQL", here, port, url, scale, console)


def _measured(name: str, folder: Path, port: int, url: str, scale: Scale, console: Console) -> Found:
    house, given = furnish(folder, port, 1, {"PRIORAUTH_DATABASE_URL": url}), bodies(now())
    database = Database(url)
    serve, ready = ["serve", "--port", str(port)], f"{house.here.service}/health/ready"
    with running(serve, ready, folder / "service.log", house.here.environment):
        _post(port, house, SUBMIT, [given.for_member("submission", 0)])
        like = pattern(database)
        spread = [scale.few * one // scale.asked for one in range(scale.asked)]
        wide = [scale.many * one // scale.asked for one in range(scale.asked)]
        asked = frozenset((*spread, *wide))
        with Progress(
            TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        ) as bar:
            task = bar.add_task("fill", total=scale.many)
            fill(database, like, given, range(1, scale.few), asked, lambda done: bar.update(task, completed=done))
            few = _median(port, house, given, spread, scale.rounds)
            fill(
                database,
                like,
                given,
                range(scale.few, scale.many),
                asked,
                lambda done: bar.update(task, completed=done),
            )
            many = _median(port, house, given, wide, scale.rounds)
    database.engine.dispose()
    return Found(name, few, many)


def _median(port: int, house: House, given: Bodies, members: Sequence[int], rounds: int) -> float:
    """Return the median of the rounds' medians, in milliseconds; the first, to warm up, is left out."""
    sent = [given.for_member("inquiry", number) for number in members]
    medians = [statistics.median(_post(port, house, INQUIRE, sent)) for _ in range(rounds + 1)]
    return statistics.median(medians[1:])


def _post(port: int, house: House, path: str, sent: Sequence[bytes]) -> list[float]:
    """Send the bodies one after another on one connection and return the milliseconds that each answer took."""
    connection, taken = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
    headers = {"Authorization": f"Bearer {house.token}", "Content-Type": "application/fhir+json"}
    for body in sent:
        started = time.perf_counter()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status != 200 or b'"A1"' not in content:
            raise NotAnswered(f"{path}: {answer.status} {content[:300]!r}")
    connection.close()
    return taken


def page(found: Sequence[Found], scale: Scale, on: date) -> str:
    """Return docs/benchmarks-inquire.md."""
    lines = [
        "# `$inquire` with many authorizations in store",
        "",
        f"Written by `make bench INQUIRE=1` ({on.isoformat()}): median time to answer over HTTP, one request after",
        f"another, {scale.asked} members asked about, spread over all that is there, median of {scale.rounds} rounds.",
        "Payloads are stored in full for the members that are asked about. What is promised: with",
        f"{scale.many:,} in store at most {PROMISED} times what it takes with {scale.few:,}.",
        "",
        f"| database | {scale.few:,} | {scale.many:,} | ratio | |",
        "|---|--:|--:|--:|---|",
    ]
    for one in found:
        if one.few is None or one.many is None or one.ratio is None:
            lines.append(f"| {one.database} | not installed here | | | |")
        else:
            kept = "kept" if one.ratio <= PROMISED else "missed"
            lines.append(f"| {one.database} | {one.few:.1f} ms | {one.many:.1f} ms | {one.ratio:.2f} | {kept} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
