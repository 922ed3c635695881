"""How are other makers' expressions kept from running away? Each form in a process of its own, with limits.

A server process with everything imported forks one child a piece of work: it starts in milliseconds, bounds its own CPU
and memory, knows no network and no database, and takes nothing with it when it ends. The parent bounds the wall time.
"""

import multiprocessing
import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from app.dtr.evidence import context_evidence, evidence
from fhir_r4.resource import as_dict, extension
from fhir_r4.systems import INITIAL_EXPRESSION
from fhir_r4.wire import read_object, write_json
from questionnaires.answering import answers
from questionnaires.answers import answers_by_question
from questionnaires.catalog import questions
from questionnaires.logic import Clinical, Logic
from questionnaires.populate import fill_query, populate, queries, values_of
from questionnaires.searches import searches

CPU_SECONDS = 5
WALL_SECONDS = 10
MEMORY_BYTES = 1_000_000_000


class RanAway(Exception):
    """The form's expressions took more time or memory than a form may, or broke the evaluator."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A response; why questions stayed empty, and from which resources the others were filled, by linkId."""

    response: dict
    empty: dict[str, str]
    sources: dict[str, list[dict]]


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
    return Filled(filled["response"], filled["empty"], filled["sources"])


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
    done = {"queries": _queries, "populate": _populate}[verb](read_object(body))
    answer.send_bytes(write_json(done))


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
    logic = Logic(body["logic"]) if body["logic"] else None
    clinical = Clinical.over(logic, form, variables, now) if logic else None
    response, empty = populate(form, body["response"], variables, lambda: body["origin"], clinical)
    return {
        "response": response,
        "empty": {one.link_id: one.why for one in empty},
        "sources": _sources(body, logic, response, now),
    }


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
