"""How is the measurement run? A house is furnished and stocked, it and the echo are loaded in turn, a page written."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count, islice
from pathlib import Path

import click
from rich.console import Console

from app.clock import now
from app.demo.parties import HOUSE, end_on_sigterm, running
from bench.bodies import Bodies, bodies
from bench.house import House, furnish, stock
from bench.jobs import Latency, a_redis, latency
from bench.load import Request, Web, run
from bench.report import Measured, page

PAGE = HOUSE / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: authorizations in store, rounds, requests in each, and jobs."""

    stored: int
    rounds: int
    requests: int
    jobs: int

    @property
    def members(self) -> int:
        """One for each stored case, one whose case is copied, and one for each new submission."""
        return self.stored + 1 + (self.rounds + 1) * self.requests + self.jobs


FULL, SMALL = Scale(100_000, 5, 500, 300), Scale(2_000, 3, 100, 30)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: where it is, which body and token it takes, what every answer holds, and what was promised."""

    name: str
    path: str
    body: str
    token: Callable[[House, datetime], str]
    proof: bytes
    target: float


SUBMIT = Operation("`$submit`", "/fhir/2.0/Claim/$submit", "submission", House.bearer, b'"A1"', 4)
PENDED = replace(SUBMIT, body="pended")
PACKAGE = "/fhir/2.0/Questionnaire/$questionnaire-package"
OPERATIONS = (
    Operation("order-sign", "/cds-services/order-sign-crd", "hook", House.hook_token, b"coverage-assertion-id", 2.5),
    Operation("`$questionnaire-package`", PACKAGE, "parameters", House.bearer, b'"Questionnaire"', 3),
    Operation("`$inquire`", "/fhir/2.0/Claim/$inquire", "inquiry", House.bearer, b'"A1"', 3),
    SUBMIT,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """The two servers that are loaded in turn, and what they are sent."""

    house: House
    given: Bodies
    service: Web
    echo: Web

    def requests(self, operation: Operation, members: Iterator[int]) -> Iterator[Request]:
        content = "application/json" if operation.body == "hook" else "application/fhir+json"
        for number in members:
            headers = {"Authorization": f"Bearer {operation.token(self.house, now())}", "Content-Type": content}
            yield Request(operation.path, headers, self.given.for_member(operation.body, number))

    def measured(self, operation: Operation, scale: Scale) -> Measured:
        """Return what the rounds cost; the first, to warm up, is left out."""
        first = scale.stored + 1 if operation is SUBMIT else 0  # who has a case on file is not certified another
        members, echo, service = count(first), [], []
        for _ in range(scale.rounds + 1):
            requests = list(self.requests(operation, islice(members, scale.requests)))
            echo.append(run(self.echo, requests, proof=b""))
            service.append(run(self.service, requests, operation.proof))
        return Measured(operation.name, len(requests[0].body), echo[1:], service[1:], operation.target)

    def on_threads(self, scale: Scale) -> Latency:
        """Return how long jobs took that threads of the web processes did."""
        requests = list(self.requests(PENDED, iter(range(scale.members - scale.jobs, scale.members))))
        return latency("threads of the web processes", 10, self.house.here, requests)


@click.command()
@click.option("--small", is_flag=True, help="A short run that writes nothing: does it still work?")
@click.option("--port", default=8100, show_default=True, help="The service's; the echo takes the next one.")
def main(*, small: bool, port: int) -> None:
    """Measure the service beside the echo and write docs/benchmarks.md."""
    scale, console = SMALL if small else FULL, Console(highlight=False)
    end_on_sigterm()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="priorauth-bench-")))
        bench = opened(stack, folder, port, scale)
        run(bench.service, list(bench.requests(SUBMIT, iter([scale.stored]))), SUBMIT.proof)
        with console.status("storing authorizations") as status:
            stock(bench.house, bench.given, scale.stored, lambda so_far: status.update(f"{so_far:,} stored"))
        results = []
        for operation in OPERATIONS:
            console.print(f"measuring {operation.name}")
            results.append(bench.measured(operation, scale))
        resident = bench.service.resident_mb()
        console.print("measuring jobs")
        jobs = [bench.on_threads(scale), _on_celery(stack, folder / "celery", port + 2, bench.given, scale)]
        written = page(results, jobs, resident, scale.stored, now().date())
    if not small:
        PAGE.write_text(written, encoding="utf-8")
    console.print(written, markup=False, soft_wrap=True)


def opened(stack: ExitStack, folder: Path, port: int, scale: Scale) -> Bench:
    house = furnish(folder, port, scale.members)
    here = house.here
    serve, ready = ["serve", "--port", str(port)], f"{here.service}/health/ready"
    service = stack.enter_context(running(serve, ready, folder / "service.log", here.environment))
    listen, answers = [str(port + 1)], f"http://127.0.0.1:{port + 1}/ready"
    echo = stack.enter_context(running(listen, answers, folder / "echo.log", here.environment, module="bench.echo"))
    return Bench(house, bodies(now()), Web(port, service.pid), Web(port + 1, echo.pid))


def _on_celery(stack: ExitStack, folder: Path, port: int, given: Bodies, scale: Scale) -> Latency:
    """Return how long jobs took that a Celery worker did, in a house of its own with an empty store."""
    folder.mkdir()
    name, target = "one Celery worker, over Redis", 50
    broker = stack.enter_context(a_redis(port + 1, folder))
    if broker is None:
        return Latency(name, target, None)
    house = furnish(folder, port, 2 * scale.jobs, {"PRIORAUTH_BROKER_URL": broker})
    here, log = house.here, folder / "service.log"
    stack.enter_context(running(["worker"], None, folder / "worker.log", here.environment))
    serve = ["serve", "--port", str(port)]
    service = stack.enter_context(running(serve, f"{here.service}/health/ready", log, here.environment))
    bench = Bench(house, given, Web(port, service.pid), Web(port, service.pid))
    first, *rest = bench.requests(PENDED, iter(range(scale.jobs + 1)))
    latency(name, target, here, [first])  # to warm up: the worker may still be starting
    return latency(name, target, here, rest)


if __name__ == "__main__":
    main()
