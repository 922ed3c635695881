"""Where does a request's CPU time go? The service's own application in one thread, looked at every half millisecond.

``python -m bench.stages``. The stack is looked at each time that half a millisecond of CPU has been used; the
innermost frame that belongs to a stage names it. The server (gunicorn) is not in it: ``make bench`` has the whole.
"""

import io
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from types import FrameType
from typing import Self

from app.clock import now
from app.config import Config
from app.logging import configure
from bench.__main__ import OPERATIONS, SUBMIT, Bench, Operation
from bench.bodies import bodies
from bench.echo import create_echo
from bench.house import furnish, stock
from bench.load import Request, Web

EVERY_SECONDS = 0.0005
STORED, REQUESTS = 2_000, 400
Application = Callable[..., Iterable[bytes]]
STAGES = (  # a stage, and the files (or file:function) whose frames are it; the first that fits a frame wins
    ("transactions: begin, commit, roll back", ("app/storage/database.py",)),
    ("client and token, looked up", ("app/storage/clients.py:find", "app/storage/clients.py:_", "security/bearer.py")),
    ("JWT: verified", ("app/security/jwt.py", "joserfc/", "app/security/cds_client.py", "app/clients/jwks.py")),
    ("JWT: spent", ("app/storage/clients.py",)),
    ("directory: member, provider", ("app/storage/directory.py",)),
    ("job", ("app/jobs/", "app/storage/outbox.py")),
    ("audit", ("app/storage/events.py",)),
    ("cases: read", ("authorizations.py:of_member", "authorizations.py:request_of", "authorizations.py:received_before",
                     "authorizations.py:_authorization", "authorizations.py:_item", "hooks.py:assertions_called",
                     "authorizations.py:standing")),
    ("what came and was answered: kept", ("app/storage/authorizations.py", "app/storage/hooks.py")),
    ("JSON in", ("fhir_r4/wire.py:read", "fhir_r4/wire.py:_refuse")),
    ("JSON out, digest", ("fhir_r4/wire.py",)),
    ("request judged and read", ("prior_auth/request_bundle.py", "prior_auth/submission.py", "prior_auth/inquiry.py",
                                 "prior_auth/requested_item.py", "prior_auth/named.py",
                                 "cds_hooks/request.py", "cds_hooks/gather.py", "questionnaires/package.py:read",
                                 "fhir_r4/profiles/")),
    ("policy weighed", ("rules/", "prior_auth/submit.py", "prior_auth/weigh.py", "prior_auth/parties.py",
                        "questionnaires/answers.py", "fhir_r4/path.py")),
    ("answer written", ("prior_auth/answer.py", "prior_auth/claim_response.py", "prior_auth/item_response.py",
                        "prior_auth/adjudication.py", "prior_auth/authorized_providers.py",
                        "cds_hooks/", "questionnaires/",
                        "fhir_r4/coverage_information.py")),
    ("log", ("structlog/", "app/logging.py")),
    ("metrics", ("prometheus_client/", "app/metrics.py")),
    ("the door itself", ("app/api/", "app/intake.py")),
    ("Flask", ("flask/", "werkzeug/", "app/web.py")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of CPU a request, in all and by stage, and what the echo takes in the same place."""

    name: str
    whole: float
    echo: float
    stages: dict[str, float]


class Sampler:
    """Counts in which stage the process is, each time that a slice of CPU time has passed."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def look(self, _: int, frame: FrameType | None) -> None:
        self.seen[_stage(frame)] += 1

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self.look)
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _stage(frame: FrameType | None) -> str:
    while frame is not None:
        where = f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
        for name, places in STAGES:
            if any(place in where for place in places):
                return name
        frame = frame.f_back
    return "rest"


def spent(application: Application, echo: Application, operation: Operation, requests: Sequence[Request]) -> Spent:
    """Return what the requests cost, on the average."""
    started = time.process_time()
    with Sampler() as sampler:
        for one in requests:
            _send(application, one, operation.proof)
    whole = (time.process_time() - started) * 1000 / len(requests)
    started = time.process_time()
    for one in requests:
        _send(echo, one, b"")
    of_echo = (time.process_time() - started) * 1000 / len(requests)
    looks = sampler.seen.total()
    stages = {name: whole * sampler.seen[name] / looks for name in [*(name for name, _ in STAGES), "rest"]}
    return Spent(operation.name, whole, of_echo, stages)


def _send(application: Application, one: Request, proof: bytes) -> None:
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": one.path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": one.headers["Content-Type"],
        "CONTENT_LENGTH": str(len(one.body)),
        "HTTP_AUTHORIZATION": one.headers["Authorization"],
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(one.body),
        "wsgi.errors": sys.stderr,
    }
    body = b"".join(application(environ, lambda status, *_: statuses.append(status)))
    if statuses != ["200 OK"] or proof not in body:
        raise SystemExit(f"{one.path}: {statuses} {body[:300]!r}")


def table(found: Sequence[Spent]) -> str:
    """Return the page: a row a stage, a column an operation, milliseconds of CPU."""
    rows = [("stage", *(one.name for one in found)), ("---", *("--:" for _ in found))]
    rows += [(name, *(_shown(one.stages[name]) for one in found)) for name in found[0].stages]
    rows.append(("**all of it**", *(f"**{one.whole:.2f}**" for one in found)))
    rows.append(("the echo, likewise", *(f"{one.echo:.2f}" for one in found)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:.2f}" if milliseconds >= 0.005 else ""


def main() -> None:
    """Furnish a house, send it each operation, and print the table."""
    with tempfile.TemporaryDirectory(prefix="priorauth-stages-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # noqa: TID251 as under gunicorn: counts go to files
        from app.web import create_app  # noqa: PLC0415 imports prometheus-client, which looks for the folder once

        house, given = furnish(Path(folder), 8000, STORED + 3 * REQUESTS), bodies(now())
        config = Config.from_env(data=house.here.data, base_url=house.here.service, allow_loopback_http=True)
        with Path(folder, "log").open("w") as log:
            configure(log)
            application, nowhere = create_app(config), Web(0, 0)
            bench = Bench(house, given, nowhere, nowhere)
            _send(application, next(bench.requests(SUBMIT, iter([STORED]))), SUBMIT.proof)
            stock(house, given, STORED, lambda _: None)
            found = []
            for operation in OPERATIONS:
                members = bench.requests(operation, count(STORED + 1 if operation is SUBMIT else 0))
                for one in islice(members, 50):  # to warm up
                    _send(application, one, operation.proof)
                found.append(spent(application, create_echo(), operation, list(islice(members, REQUESTS))))
        print(table(found))  # noqa: T201 a tool's output


if __name__ == "__main__":
    main()
