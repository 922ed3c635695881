"""What does a criterion say to these values? The same as the last time: it is asked once for the same values.

Criteria are small questions about few values (yes or no, a saturation, two days), so that most were asked before; to
evaluate them again cost more than all else in weighing a request (docs/decisions/0006-what-a-request-costs.md). What
asks for the time of day is asked each time. Values are kept without whose they are.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from fhir_r4.path import Evaluate
from rules.policy import Criterion

KEPT = 16_384
"""Answers that a process keeps, at most; those longest unused are forgotten first."""
_CLOCK = re.compile(r"\b(?:now|today|timeOfDay)\s*\(")
_Known = tuple[tuple[str, type, Any], ...]  # names and values; the type, since True and 1 would pass for the same


def ask(criterion: Criterion, variables: Mapping[str, Any]) -> list[Any]:
    """Return what the criterion evaluates to; raises whatever fhirpathpy raises."""
    known = []
    for name in criterion.facts:
        if name in variables:
            value = variables[name]
            if value and isinstance(value, list):
                return criterion.ask({}, variables)
            known.append((name, type(value), () if value == [] else value))
    if _looks_at_the_clock(criterion.question):
        return criterion.ask({}, variables)
    return list(_asked(criterion.ask, tuple(known)))


@lru_cache(maxsize=KEPT)
def _asked(evaluate: Evaluate, known: _Known) -> tuple[Any, ...]:
    return tuple(evaluate({}, {name: [] if value == () else value for name, _, value in known}))


@lru_cache(maxsize=KEPT)
def _looks_at_the_clock(question: str) -> bool:
    return _CLOCK.search(question) is not None
