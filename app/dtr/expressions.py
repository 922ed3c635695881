"""What do a form's own expressions say of a record? All that runs in a process of its own (``evaluator``).

Pure: it is told what was read, and reads nothing itself.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from typing import Any

from app.dtr.beside import beside
from app.dtr.evidence import THE_FORM, context_evidence, evidence
from app.dtr.live import settle
from fhir_r4.path import compiled
from fhir_r4.resource import as_dict, dicts, extension, kind, text_of
from fhir_r4.systems import INITIAL_EXPRESSION
from questionnaires.answering import answers
from questionnaires.answers import written_answers
from questionnaires.catalog import questions
from questionnaires.logic import Clinical, FormLogic, Logic
from questionnaires.populate import asks_of, candidates, populate
from questionnaires.scopes import FHIRPATH, fill_query, queries, values_of
from questionnaires.searches import searches

Variables = Mapping[str, Any]
_NAMED = re.compile(r"%([A-Za-z_]\w*)")
_ODD = re.compile(r"%[`'\"]|%resource|%context")


class Expressions:
    """One form's expressions and the logic that came with it, compiled once."""

    def __init__(self, form: dict, logic: list[dict]) -> None:
        self._form, self._package = form, logic
        self._prepared = False

    @cached_property
    def _logic(self) -> FormLogic | None:
        return Logic(self._package).of(self._form) if self._package else None

    @cached_property
    def _initial(self) -> dict[str, tuple[dict, dict]]:
        """Return question and initial expression by linkId."""
        return {
            link: (question, expression)
            for link, question in questions(self._form).items()
            if (expression := as_dict(extension(question, INITIAL_EXPRESSION).get("valueExpression")))
        }

    def answer(self, asked: dict) -> dict:
        """Do one piece of work: queries, populate or settle."""
        return _VERBS[asked["verb"]](self, asked)

    def prepare(self) -> None:
        """Compile the FHIRPath of the questions; what cannot be compiled is told when it is asked."""
        if not self._prepared:
            self._prepared = True
            for _, expression in self._initial.values():
                if expression.get("language") in FHIRPATH:
                    with suppress(Exception):  # fhirpathpy raises bare Exceptions
                        compiled(text_of(expression.get("expression")) or "{}")

    def queries(self, asked: dict) -> dict:
        variables = asked["variables"]
        filled = {one.name: _filled(one.template, variables) for one in queries(self._form)}
        named = {name: query for name, query in filled.items() if query is not None}
        patient = as_dict(variables.get("patient")).get("id")
        if not self._logic or not isinstance(patient, str):
            return named
        by_cql = searches(self._logic.requirements(), self._logic.package.terminology, patient)
        return named | {f"cql {query}": query for query in by_cql}

    def populate(self, asked: dict) -> dict:
        variables, clinical = asked["variables"], self._clinical(asked)
        filled, empty = populate(self._form, asked["response"], variables, lambda: asked["origin"], clinical)
        settled = settle(self._form, filled, variables, lambda: asked["origin"], clinical)
        failed = {one.link_id: one.why for one in (*empty, *settled.failed) if one.failed}
        return {
            "response": settled.response,
            "empty": {one.link_id: one.why for one in empty} | failed,
            "sources": self._sources(asked, settled.response),
            "failed": failed,
            "offered": candidates(self._form, variables, clinical),
            "beside": beside(self._form, variables, clinical),
            "said": settled.said,
        }

    def settle(self, asked: dict) -> dict:
        clinical = self._clinical(asked)
        done = settle(self._form, asked["response"], asked["variables"], lambda: asked["origin"], clinical)
        return {"response": done.response, "said": done.said, "failed": [asdict(one) for one in done.failed]}

    def _clinical(self, asked: dict, variables: Variables | None = None) -> Clinical | None:
        now = datetime.fromisoformat(asked["now"])
        over = asked["variables"] if variables is None else variables
        return Clinical.over(self._logic, over, now) if self._logic else None

    def _sources(self, asked: dict, response: dict) -> dict[str, list[dict]]:
        """Return the evidence of what was filled, by asking the same expressions of less.

        What follows the answers is the form's own work, whenever it is answered.
        """
        variables, remembered = asked["variables"], _Remembered()

        def ask(over: Variables) -> dict[str, list[dict]]:
            clinical = self._clinical(asked, over)
            known = {**over, "questionnaire": self._form, "resource": asked["response"]}
            said = {link: remembered.values(one, known, clinical) for link, (_, one) in self._initial.items()}
            return {
                link: answers(self._initial[link][0], values)
                for link, values in said.items()
                if values and isinstance(values, list)
            }

        everything = ask(variables)
        # with their origins: what the payer knew and the record says too is the record's
        before = written_answers(asked["response"])
        filled = {
            link: everything[link]
            for link, given in written_answers(response).items()
            if given and given != before.get(link) and link in everything
        }
        return {
            link: sources or context_evidence(str(self._initial[link][1].get("expression", "")), variables)
            for link, sources in evidence(filled, variables, ask).items()
        } | {link: [THE_FORM] for link in asks_of(self._form).moving}


class _Remembered:
    """What FHIRPath expressions said of the parts of the record that they name; CQL is asked each time."""

    def __init__(self) -> None:
        self._said: dict[tuple[Any, ...], list[Any] | str] = {}

    def values(self, expression: dict, variables: Variables, clinical: Clinical | None) -> list[Any] | str:
        text = text_of(expression.get("expression")) or ""
        if expression.get("language") not in FHIRPATH or _ODD.search(text):
            return values_of(expression, variables, clinical)
        key = (text, *((name, _content(variables.get(name))) for name in _NAMED.findall(text)))
        if key not in self._said:
            self._said[key] = values_of(expression, variables, clinical)
        return self._said[key]


def _content(value: Any) -> tuple[int, ...]:
    """Return what tells a variable's content from what it is with fewer entries."""
    return tuple(map(id, dicts(value.get("entry")))) if kind(value) == "Bundle" else (id(value),)


def _filled(template: str, variables: Variables) -> str | None:
    """Return a search; one whose expressions cannot be read is not made, and what needs it finds nothing."""
    try:
        return fill_query(template, variables)
    except Exception:  # noqa: BLE001 fhirpathpy raises bare Exceptions
        return None


_VERBS: Mapping[str, Callable[[Expressions, dict], dict]] = {
    "queries": Expressions.queries,
    "populate": Expressions.populate,
    "settle": Expressions.settle,
}
