"""How are other makers' expressions kept from running away? In a process of their own, with limits.

``python -m app.dtr.evaluator queries`` reads ``{form, logic, variables}`` from standard input and writes the FHIR
searches of the form and of its CQL; ``… populate`` reads ``{form, logic, response, variables, origin, now}`` and
writes the filled response. The parent bounds the wall time, this process bounds its own CPU and memory. It knows no
network.
"""

import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhir_r4.resource import as_dict
from fhir_r4.wire import read_object, write_json
from questionnaires.logic import Clinical, Logic
from questionnaires.populate import fill_query, populate, queries
from questionnaires.searches import searches

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


def queries_of(form: dict, variables: Mapping[str, Any], logic: Sequence[dict] = ()) -> dict[str, str]:
    """Return the FHIR searches that the form's variables and its CQL ask for, by name; RanAway.

    Args:
        logic: the Library and ValueSet resources of the form's package.
    """
    return _in_child("queries", {"form": form, "logic": logic, "variables": variables})


def fill(
    form: dict,
    response: dict,
    variables: Mapping[str, Any],
    origin: dict,
    *,
    now: datetime,
    logic: Sequence[dict] = (),
) -> Filled:
    """Return the response filled by the form's expressions as of ``now``; RanAway."""
    work = {"form": form, "logic": logic, "response": response, "variables": variables, "origin": origin}
    filled = _in_child("populate", work | {"now": now.isoformat()})
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
    form, variables = body["form"], body["variables"]
    filled = {one.name: fill_query(one.template, variables) for one in queries(form)}
    named = {name: query for name, query in filled.items() if query is not None}
    patient = as_dict(variables.get("patient")).get("id")
    if not body["logic"] or not isinstance(patient, str):
        return named
    logic = Logic(body["logic"])
    asked = searches(logic.requirements(form), logic.terminology, patient)
    return named | {f"cql {number}": query for number, query in enumerate(asked, start=1)}


def _populate(body: dict) -> dict:
    form, variables, now = body["form"], body["variables"], datetime.fromisoformat(body["now"])
    clinical = Clinical.over(Logic(body["logic"]), form, variables, now) if body["logic"] else None
    response, empty = populate(form, body["response"], variables, lambda: body["origin"], clinical)
    return {"response": response, "empty": {one.link_id: one.why for one in empty}}


if __name__ == "__main__":
    _limit()
    work = {"queries": _queries, "populate": _populate}[sys.argv[1]]
    sys.stdout.buffer.write(write_json(work(read_object(sys.stdin.buffer.read()))))
