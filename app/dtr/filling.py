"""How is a form filled from the record? What its logic asks for is searched, in rounds; then its expressions are run.

Source: DTR 2.0.1 @173, @177, @180; DTR 2.2.0 spec-62, spec-68, spec-70, spec-162.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.dtr.evaluator import Evaluator, Filled, evaluating
from app.dtr.record import Record
from fhir_r4.resource import as_dict
from questionnaires.searches import is_about

BEYOND = "a search that is not about the patient was not made"
ROUNDS = 4
"""How often searches are looked for that what was found makes possible."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A form that was filled.

    Attributes:
        variables: launch context and everything that was found, for whatever follows.
        refused: types of resources that the EHR did not let us search, or not to the end.
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
        known, refused, beyond = _searched(record, evaluator, {**variables, "resource": response})
        filled = evaluator.fill(response, known, origin, now)
    if beyond:
        filled = replace(filled, failed=filled.failed | {"": BEYOND})
    kept = {name: value for name, value in known.items() if name != "resource"}
    return Filling(filled, kept, refused)


def _searched(
    record: Record, evaluator: Evaluator, variables: dict[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...], frozenset[str]]:
    """Ask the EHR for what the form needs, until nothing more can be asked; what is known is not asked again.

    Returns:
        All that is known; types that the EHR refused; names of searches that are not about the patient, and not made.
    """
    refused: dict[str, str] = {}
    beyond: set[str] = set()
    patient = str(as_dict(variables.get("patient")).get("id"))
    for _ in range(ROUNDS):
        every = evaluator.queries(variables)
        beyond |= {name for name, query in every.items() if not is_about(query, patient)}
        new = {name: query for name, query in every.items() if name not in {*variables, *beyond}}
        if not new:
            break
        found, failed = record.search(new)
        variables |= found
        refused |= failed
    return variables, tuple(sorted(set(refused.values()))), frozenset(beyond)
