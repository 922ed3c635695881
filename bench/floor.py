"""What would an operation cost if none of its logic were ours? The same libraries, doing the least that it asks for.

``python -m bench.floor`` loads three servers in turn with the same bodies: the echo, the service, and this one. It
looks up the token or verifies the JWT, parses the body, has each resource judged by its compiled schema alone, reads
and writes the rows that the service reads and writes (by sqlite3 itself, durably), and writes an answer that the
service gave before. It reads nothing in the body and decides nothing. What the service costs above it is its own.
"""

import hashlib
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import jiter
import orjson
from flask import Flask, Response, request
from joserfc import jws
from joserfc.jwk import RSAKey

from app.config import Config
from app.demo.parties import end_on_sigterm, running
from app.security.backend_services import digest
from app.server import Server
from app.storage.sqlite import BUSY_SECONDS, configure
from bench.__main__ import OPERATIONS, SUBMIT, Bench, Operation, Scale, opened
from bench.bodies import member_number
from bench.house import CLIENT, ISSUER, stock
from bench.load import Web, answers, run
from fhir_r4.profiles.check import OPERATIONS as PROFILES
from fhir_r4.profiles.check import committed

FULL = Scale(stored=4_000, rounds=6, requests=500, jobs=8_000)  # jobs: members to spare
SMALL = Scale(stored=200, rounds=1, requests=200, jobs=1_000)
_PROFILES, _PACKAGE = committed("2.0"), "Questionnaire/$questionnaire-package"
_HOLDER = "SELECT c.*, t.scope FROM access_tokens t JOIN clients c ON c.id = t.client_id WHERE t.digest = ?"
_ISSUER = "SELECT * FROM clients WHERE hook_issuer = ?"
_MEMBER = "SELECT * FROM members WHERE payer = 'acme' AND member_id = ?"
_CASE = (
    "SELECT * FROM authorizations a JOIN items i ON i.authorization_id = a.id JOIN decisions d"
    " ON d.authorization_id = a.id WHERE a.payer = 'acme' AND a.member_id = ?"
)
_REQUEST = "SELECT request FROM submissions WHERE authorization_id = ?"


class Desk:
    """The database by its driver, a connection for each thread, and the rows that every request writes anew."""

    def __init__(self, file: Path) -> None:
        self._file, self._held, self._rows = file, threading.local(), dict[str, dict[str, Any]]()

    @property
    def connection(self) -> sqlite3.Connection:
        if not hasattr(self._held, "connection"):
            self._held.connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
            self._held.connection.row_factory = sqlite3.Row
            configure(self._held.connection)
        connection: sqlite3.Connection = self._held.connection
        return connection

    def ask(self, sql: str, value: str) -> list[sqlite3.Row]:
        return self.connection.execute(sql, (value,)).fetchall()

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        yield
        self.connection.execute("COMMIT")

    def again(self, table: str, **own: Any) -> None:
        """Write the first row of a table again, with values of its own."""
        if table not in self._rows:
            first = f"SELECT * FROM {table} LIMIT 1"  # noqa: S608 our own names
            self._rows[table] = dict(self.connection.execute(first).fetchone())
        row = self._rows[table] | own
        names, places = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        insert = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 as above
        self.connection.execute(insert, tuple(row.values()))


class Least:
    """What each operation asks for at the least.

    Args:
        folder: has the keys, the database and the answers that the service gave.
    """

    def __init__(self, folder: Path) -> None:
        self._desk, self._member = Desk(folder / "data" / "priorauth.db"), member_number(7)
        self._key = RSAKey.import_key(orjson.loads((folder / "jwks.json").read_bytes())["keys"][0])
        self._answers = {one.body: orjson.loads((folder / f"{one.body}.json").read_bytes()) for one in OPERATIONS}

    def hook(self, _: str) -> Response:
        desk, name = self._desk, str(uuid4())
        claims = orjson.loads(jws.deserialize_compact(_bearer(), self._key, algorithms=["RS384"]).payload)
        desk.ask(_ISSUER, claims["iss"])
        body = request.get_data()
        _parsed(body)
        desk.ask(_MEMBER, self._member)
        desk.ask(_CASE, self._member)
        answer = self._answered("hook")
        with desk.writing():
            desk.again("spent_assertions", issuer=ISSUER, jti=claims["jti"])
            desk.again("hook_invocations", id=name, client_id=CLIENT, request=body, response=answer.get_data())
            desk.again("coverage_assertions", id=str(uuid4()), invocation_id=name)
        return answer

    def package(self) -> Response:
        self._asked(_PACKAGE)
        return self._answered("parameters")

    def inquire(self) -> Response:
        self._asked("Claim/$inquire")
        (case,) = self._desk.ask(_CASE, self._member)
        ((kept,),) = self._desk.ask(_REQUEST, case["id"])
        _parsed(kept)
        return self._answered("inquiry")

    def submit(self) -> Response:
        desk, name = self._desk, str(uuid4())
        body = self._asked("Claim/$submit")
        desk.ask(_CASE, name)
        answer, digested = self._answered("submission"), hashlib.sha256(body).hexdigest()
        with desk.writing():
            desk.again("authorizations", id=name, reference=name, number=name)
            desk.again("items", authorization_id=name)
            desk.again("decisions", authorization_id=name, number=name)
            own = {"request": body, "response": answer.get_data(), "digest": digested, "transaction_value": name}
            desk.again("submissions", id=str(uuid4()), authorization_id=name, bundle_id=name, **own)
            desk.again("events", id=None, authorization_id=name)
        return answer

    def _asked(self, operation: str) -> bytes:
        """Find the token's holder and the member, have the body judged, and return it."""
        self._desk.ask(_HOLDER, digest(_bearer()))
        body = request.get_data()
        _judge(_parsed(body), PROFILES[operation][0])
        self._desk.ask(_MEMBER, self._member)
        return body

    def _answered(self, name: str) -> Response:
        return Response(orjson.dumps(self._answers[name]), content_type="application/json")


def create_floor(folder: Path) -> Flask:
    """Return the application; ``folder`` as ``Least`` takes it."""
    app, least = Flask(__name__, static_folder=None), Least(folder)
    app.post("/cds-services/<_>")(least.hook)
    app.post(f"/fhir/2.0/{_PACKAGE}")(least.package)
    app.post("/fhir/2.0/Claim/$inquire")(least.inquire)
    app.post("/fhir/2.0/Claim/$submit")(least.submit)
    app.get("/ready")(lambda: "ready")
    return app


def _bearer() -> str:
    return request.headers["Authorization"].partition(" ")[2]


def _parsed(body: bytes) -> Any:
    return jiter.from_json(body, catch_duplicate_keys=True, float_mode="decimal", cache_mode="keys")


def _judge(body: dict, canonical: str) -> None:
    """Have each resource judged by the schemas of what it claims to be, whatever the verdict."""
    _accepts(body, canonical)
    for one in (*body.get("entry", ()), *body.get("parameter", ())):
        if resource := one.get("resource"):
            for claimed in resource.get("meta", {}).get("profile") or (resource["resourceType"],):
                _accepts(resource, claimed)


def _accepts(resource: dict, canonical: str) -> None:
    profile = _PROFILES.definitions.profile(canonical) or _PROFILES.definitions.type(canonical)
    if profile:
        _PROFILES.keeps_to_schema(resource, profile)


class Floor(Server):
    """The service's server with the least in it."""

    def prepare(self) -> None:
        """Make nothing beforehand."""

    def load(self) -> Flask:
        return create_floor(Path(sys.argv[2]))


def measured(bench: Bench, floor: Web, operation: Operation, scale: Scale) -> tuple[float, float, float]:
    """Return the median CPU of a request in milliseconds: of the echo, of the least, and of the service."""
    echo, least, service = list[float](), list[float](), list[float]()
    new = count(scale.stored + 1)  # members without a case
    for _ in range(scale.rounds + 1):
        for web, costs, proof in (
            (bench.echo, echo, b""),
            (floor, least, b""),
            (bench.service, service, operation.proof),
        ):
            requests = list(islice(bench.requests(operation, new if operation is SUBMIT else count()), scale.requests))
            costs.append(run(web, requests, proof).cpu_ms)
    return median(echo[1:]), median(least[1:]), median(service[1:])


def compare(scale: Scale, port: int, own: int, say: Callable[[str], Any]) -> None:
    """Furnish a house, let the service answer each operation once, and say what the three servers take for each.

    Args:
        port: of the service; the echo takes the next one.
        own: the port of the server that does the least.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="priorauth-floor-")))
        bench = opened(stack, folder, port, scale)
        run(bench.service, list(bench.requests(SUBMIT, iter([scale.stored]))), SUBMIT.proof)
        stock(bench.house, bench.given, scale.stored, lambda _: None)
        for one in OPERATIONS:
            asked = bench.requests(one, iter([scale.members - 1 if one is SUBMIT else 0]))
            (answer,) = answers(bench.service.port, asked, one.proof)
            (folder / f"{one.body}.json").write_bytes(answer)
        words, ready = [str(own), str(folder)], f"http://127.0.0.1:{own}/ready"
        environment = bench.house.here.environment
        floor = stack.enter_context(running(words, ready, folder / "floor.log", environment, module="bench.floor"))
        say("| operation | echo, ms CPU | the least | | service | | target |\n|---|--:|--:|--:|--:|--:|--:|")
        for one in OPERATIONS:
            echo, least, service = measured(bench, Web(own, floor.pid), one, scale)
            figures = f"{echo:.2f} | {least:.2f} | {least / echo:.1f} × | {service:.2f} | {service / echo:.1f} ×"
            say(f"| {one.name} | {figures} | {one.target:g} × |")


if __name__ == "__main__":
    if sys.argv[1:]:
        Floor(Config.from_env(), "127.0.0.1", int(sys.argv[1])).run()
    else:
        end_on_sigterm()
        compare(FULL, 8200, 8202, print)
