"""How are other makers' expressions kept from running away? Each form in a process of its own, with limits.

A server process with everything imported forks one child a piece of work: it starts in milliseconds, bounds its own CPU
and memory, knows no network and no database, and takes nothing with it when it ends. The parent bounds the wall time.
"""

import multiprocessing
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from app.dtr.evidence import context_evidence, evidence
from app.dtr.live import Settled, settle
from fhir_r4.resource import as_dict, extension
from fhir_r4.systems import INITIAL_EXPRESSION
from fhir_r4.wire import read_object, write_json
from questionnaires.answering import answers
from questionnaires.answers import answers_by_question
from questionnaires.catalog import questions
from questionnaires.logic import Clinical, Logic
from questionnaires.populate import Empty, candidates, fill_query, populate, queries, values_of
from questionnaires.searches import searches

CPU_SECONDS = 5
WALL_SECONDS = 10
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
        said: what each enableWhenExpression says, by linkId.
    """

    response: dict
    empty: dict[str, str]
    sources: dict[str, list[dict]]
    failed: dict[str, str]
    offered: dict[str, list[dict]]
    said: dict[str, bool]


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
    return Filled(**_in_child("populate", _work_of(form, response, variables, origin, now, logic)))


def follow(
    form: dict,
    response: dict,
    variables: Mapping[str, Any],
    origin: dict,
    *,
    now: datetime,
    logic: Sequence[dict] = (),
) -> Settled:
    """Return the response with what follows from its answers; RanAway."""
    done = _in_child("settle", _work_of(form, response, variables, origin, now, logic))
    return Settled(done["response"], done["said"], tuple(Empty(**one) for one in done["failed"]))


def _work_of(
    form: dict, response: dict, variables: Mapping[str, Any], origin: dict, now: datetime, logic: Sequence[dict]
) -> dict:
    work = {"form": form, "logic": logic, "response": response, "variables": variables, "origin": origin}
    return work | {"now": now.isoformat()}


_children = multiprocessing.get_context("forkserver")
_children.set_forkserver_preload(["app.dtr.evaluator"])


def _in_child(verb: str, body: dict) -> dict:
    """Return what the child answers; RanAway where it is too slow, too large or breaks."""
    here, there = _children.Pipe()
    child = _children.Process(target=_work, args=(there, verb, write_json(body)), daemon=True)
    child.start()
    there.close()
    try:
        if not here.poll(WALL_SECONDS):
            raise RanAway("too slow")
        return read_object(here.recv_bytes())
    except EOFError:
        raise RanAway("broke off") from None
    finally:
        child.kill()
        child.join()
        here.close()


def _work(answer: Connection, verb: str, body: bytes) -> None:
    """Do one piece of work, in the child; what breaks it says nothing, since its words may quote the record."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _limit()
    done = {"queries": _queries, "populate": _populate, "settle": _settle}[verb](read_object(body))
    answer.send_bytes(write_json(done))


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _queries(body: dict) -> dict:
    form, variables = body["form"], body["variables"]
    filled = {one.name: _filled(one.template, variables) for one in queries(form)}
    named = {name: query for name, query in filled.items() if query is not None}
    patient = as_dict(variables.get("patient")).get("id")
    if not body["logic"] or not isinstance(patient, str):
        return named
    logic = Logic(body["logic"])
    asked = searches(logic.requirements(form), logic.terminology, patient)
    return named | {f"cql {query}": query for query in asked}


def _filled(template: str, variables: Mapping[str, Any]) -> str | None:
    """Return a search; one whose expressions cannot be read is not made, and what needs it finds nothing."""
    try:
        return fill_query(template, variables)
    except Exception:  # noqa: BLE001 fhirpathpy raises bare Exceptions
        return None


def _populate(body: dict) -> dict:
    form, variables, now = body["form"], body["variables"], datetime.fromisoformat(body["now"])
    logic, clinical = _clinical(body)
    filled, empty = populate(form, body["response"], variables, lambda: body["origin"], clinical)
    settled = settle(form, filled, variables, lambda: body["origin"], clinical)
    failed = {one.link_id: one.why for one in (*empty, *settled.failed) if one.failed}
    return {
        "response": settled.response,
        "empty": {one.link_id: one.why for one in empty} | failed,
        "sources": _sources(body, logic, settled.response, now),
        "failed": failed,
        "offered": candidates(form, variables, clinical),
        "said": settled.said,
    }


def _settle(body: dict) -> dict:
    _, clinical = _clinical(body)
    done = settle(body["form"], body["response"], body["variables"], lambda: body["origin"], clinical)
    return {"response": done.response, "said": done.said, "failed": [asdict(one) for one in done.failed]}


def _clinical(body: dict) -> tuple[Logic | None, Clinical | None]:
    logic = Logic(body["logic"]) if body["logic"] else None
    now = datetime.fromisoformat(body["now"])
    return logic, Clinical.over(logic, body["form"], body["variables"], now) if logic else None


def _sources(body: dict, logic: Logic | None, response: dict, now: datetime) -> dict[str, list[dict]]:
    """Return the evidence of what was filled, by asking the same expressions of less."""
    form = body["form"]
    asked = {
        link: (question, expression)
        for link, question in questions(form).items()
        if (expression := as_dict(extension(question, INITIAL_EXPRESSION).get("valueExpression")))
    }

    def ask(variables: Mapping[str, Any]) -> dict[str, list[dict]]:
        clinical = Clinical.over(logic, form, variables, now) if logic else None
        known = {**variables, "questionnaire": form, "resource": body["response"]}
        said = {link: values_of(expression, known, clinical) for link, (_, expression) in asked.items()}
        return {
            link: answers(asked[link][0], values)
            for link, values in said.items()
            if values and isinstance(values, list)
        }

    everything = ask(body["variables"])
    before = answers_by_question(body["response"]).keys()
    filled = {link: everything[link] for link in answers_by_question(response).keys() - before if link in everything}
    found = evidence(filled, body["variables"], ask)
    return {
        link: sources or context_evidence(str(asked[link][1].get("expression", "")), body["variables"])
        for link, sources in found.items()
    }
