"""How is a form filled from the record? What its logic asks for is searched, in rounds; then its expressions are run.

Source: DTR 2.0.1 @173, @177, @180; DTR 2.2.0 spec-62, spec-68, spec-70, spec-162.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.dtr.evaluator import Evaluator, Filled, evaluating
from app.dtr.record import Record

ROUNDS = 4
"""How often searches are looked for that what was found makes possible."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A form that was filled.

    Attributes:
        variables: launch context and everything that was found, for whatever follows.
        refused: types of resources that the EHR did not let us search.
    """

    filled: Filled
    variables: dict[str, Any]
    refused: tuple[str, ...]


def filling(
    record: Record,
    form: dict,
    response: dict,
    variables: Mapping[str, Any],
    origin: dict,
    *,
    logic: list[dict],
    now: datetime,
) -> Filling:
    """Return the response as the record fills it; RanAway."""
    with evaluating(form, logic) as evaluator:
        known, refused = _searched(record, evaluator, {**variables, "resource": response})
        filled = evaluator.fill(response, known, origin, now)
    kept = {name: value for name, value in known.items() if name != "resource"}
    return Filling(filled, kept, refused)


def _searched(
    record: Record, evaluator: Evaluator, variables: dict[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Ask the EHR for what the form needs, until nothing more can be asked; what is known is not asked again."""
    refused: dict[str, str] = {}
    for _ in range(ROUNDS):
        every = evaluator.queries(variables)
        new = {name: query for name, query in every.items() if name not in variables}
        if not new:
            break
        found, failed = record.search(new)
        variables |= found
        refused |= failed
    return variables, tuple(sorted(set(refused.values())))
