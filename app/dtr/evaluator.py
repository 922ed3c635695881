"""How are other makers' expressions kept from running away? Each form in a process of its own, with limits.

A server process with everything imported forks one child a form (``fork_server``), which bounds its own CPU and memory
and takes nothing with it when it ends; the parent bounds the wall time. The child is asked several times over, and
compiles what it will be asked next while the parent waits for the EHR.
"""

import resource
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from app.dtr.expressions import Expressions
from app.dtr.fork_server import ForkServer, kill
from app.dtr.live import Settled
from fhir_r4.wire import read_object, write_json
from questionnaires.populate import Empty

CPU_SECONDS = 5
WALL_SECONDS = 10
START_SECONDS = 60
"""How long the very first child may take: the server that forks it imports everything first."""
MEMORY_BYTES = 1_000_000_000


class RanAway(Exception):
    """The form's expressions took more time or memory than a form may, or broke the evaluator."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A response that was filled.

    Attributes:
        empty: why questions stayed empty; ``sources``: from which resources the others were filled; by linkId.
        failed: what the form's own logic could not do, by linkId.
        offered: choices that the record offers, ``[{"valueCoding": {…}}]`` by linkId.
        said: what each enableWhenExpression says, by its place.
        beside: what the record says beside a question, in words by linkId.
    """

    response: dict
    empty: dict[str, str]
    sources: dict[str, list[dict]]
    failed: dict[str, str]
    offered: dict[str, list[dict]]
    said: dict[str, bool]
    beside: dict[str, list[str]]


class Evaluator:
    """One form's expressions, in a process of their own; every method raises RanAway.

    Attributes:
        process: the id of that process.
    """

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self.process = 0

    def begin(self, form: dict, logic: Sequence[dict]) -> None:
        """Hand over the form and what came with it."""
        self.process = int(self._received(START_SECONDS))
        self._send({"form": form, "logic": logic})

    def queries(self, variables: Mapping[str, Any]) -> dict[str, str]:
        """Return the FHIR searches that the form's variables and its CQL ask for, by name."""
        return self._ask("queries", {"variables": variables})

    def fill(self, response: dict, variables: Mapping[str, Any], origin: dict, now: datetime) -> Filled:
        """Return the response filled by the form's expressions as of ``now``."""
        return Filled(**self._ask("populate", _work_of(response, variables, origin, now)))

    def follow(self, response: dict, variables: Mapping[str, Any], origin: dict, now: datetime) -> Settled:
        """Return the response with what follows from its answers."""
        done = self._ask("settle", _work_of(response, variables, origin, now))
        return Settled(done["response"], done["said"], tuple(Empty(**one) for one in done["failed"]))

    def _ask(self, verb: str, body: dict) -> dict:
        self._send({"verb": verb, **body})
        return read_object(self._received(WALL_SECONDS))

    def _send(self, body: dict) -> None:
        try:
            self._channel.send_bytes(write_json(body))
        except OSError:
            raise RanAway("broke off") from None

    def _received(self, seconds: float) -> bytes:
        try:
            if self._channel.poll(seconds):
                return self._channel.recv_bytes()
        except (EOFError, OSError):
            raise RanAway("broke off") from None
        if self.process:
            kill(self.process)
        raise RanAway("too slow")


def _work_of(response: dict, variables: Mapping[str, Any], origin: dict, now: datetime) -> dict:
    return {"response": response, "variables": variables, "origin": origin, "now": now.isoformat()}


_server = ForkServer(__name__)


@contextmanager
def evaluating(form: dict, logic: Sequence[dict] = ()) -> Iterator[Evaluator]:
    """Give a form's expressions a process for as long as the block lasts; RanAway where there can be none.

    Args:
        logic: the Library and ValueSet resources of the form's package.
    """
    try:
        channel = _server.child()
    except OSError:
        raise RanAway("no process to be had") from None
    with channel:
        evaluator = Evaluator(channel)
        evaluator.begin(form, logic)
        yield evaluator


def warm_meanwhile() -> None:
    """Have the server process import what children need, while somebody is on the way who will wait for it."""
    threading.Thread(target=_warm, name="dtr-evaluator", daemon=True).start()


def _warm() -> None:
    with evaluating({}):
        pass


def serve(channel: Connection) -> None:
    """Answer until the parent has had enough: what a child does."""
    _limit()
    held = read_object(channel.recv_bytes())
    expressions = Expressions(held["form"], held["logic"])
    while True:
        asked = read_object(channel.recv_bytes())
        channel.send_bytes(write_json(expressions.answer(asked)))
        expressions.prepare()


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
