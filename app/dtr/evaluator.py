"""How are other makers' expressions kept from running away? In a process of their own, with limits.

``python -m app.dtr.evaluator queries`` reads ``{form, variables}`` from standard input and writes the form's FHIR
searches; ``… populate`` reads ``{form, response, variables, origin}`` and writes the filled response. The parent
bounds the wall time, this process bounds its own CPU and memory. It knows no network.
"""

import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_r4.wire import read_object, write_json
from questionnaires.populate import fill_query, populate, queries

CPU_SECONDS = 5
WALL_SECONDS = 10
MEMORY_BYTES = 1_000_000_000


class RanAway(Exception):
    """The form's expressions took more time or memory than a form may, or broke the evaluator."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A response, and which questions stayed empty for what reason."""

    response: dict
    empty: dict[str, str]


def queries_of(form: dict, variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the FHIR searches that the form's variables ask for, by name; RanAway."""
    return _in_child("queries", {"form": form, "variables": variables})


def fill(form: dict, response: dict, variables: Mapping[str, Any], origin: dict) -> Filled:
    """Return the response filled by the form's expressions; RanAway."""
    filled = _in_child("populate", {"form": form, "response": response, "variables": variables, "origin": origin})
    return Filled(filled["response"], filled["empty"])


def _in_child(verb: str, body: dict) -> dict:
    command = [sys.executable, "-m", "app.dtr.evaluator", verb]
    try:
        done = subprocess.run(  # noqa: S603 our own module
            command, input=write_json(body), capture_output=True, timeout=WALL_SECONDS, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise RanAway(type(error).__name__) from None
    return read_object(done.stdout)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _queries(body: dict) -> dict:
    filled = {one.name: fill_query(one.template, body["variables"]) for one in queries(body["form"])}
    return {name: query for name, query in filled.items() if query is not None}


def _populate(body: dict) -> dict:
    response, empty = populate(body["form"], body["response"], body["variables"], lambda: body["origin"])
    return {"response": response, "empty": {one.link_id: one.why for one in empty}}


if __name__ == "__main__":
    _limit()
    work = {"queries": _queries, "populate": _populate}[sys.argv[1]]
    sys.stdout.buffer.write(write_json(work(read_object(sys.stdin.buffer.read()))))
