"""What does the record say beside a question, for the clinician who answers it? Looked at, and no answer.

Source: SDC 4.0.0, contextExpression ("context that may be helpful in completing the question").
"""

from collections.abc import Iterator
from typing import Any

from app.dtr.sheet import name_of
from fhir_r4.resource import as_dict, dicts, kind, link_of, text_of
from questionnaires.logic import Clinical
from questionnaires.scopes import Variables, listed, seen, shown_beside
from questionnaires.words import in_words

MOST = 5
"""Of one list; who wants more opens the chart."""
_CODES = ("code", "medicationCodeableConcept", "vaccineCode", "type")
_DAYS = ("effectiveDateTime", "authoredOn", "onsetDateTime", "recordedDate", "performedDateTime", "date")


def beside(form: dict, variables: Variables, clinical: Clinical | None) -> dict[str, list[str]]:
    """Return lines of words by linkId; what finds nothing, or fails, shows nothing."""
    every = seen(form, variables, clinical)
    said = {link_of(question): list(_lines(question, known, clinical)) for _, question, known in every}
    return {link: lines for link, lines in said.items() if lines}


def _lines(question: dict, known: Variables, clinical: Clinical | None) -> Iterator[str]:
    for label, expression in shown_beside(question):
        found = listed(expression, known, clinical)
        words = list(dict.fromkeys(filter(None, map(_words, found)))) if isinstance(found, list) else []
        if words:
            more = f"; and {len(words) - MOST} more" if len(words) > MOST else ""
            yield f"{label or 'In the record'}: {'; '.join(words[:MOST])}{more}"


def _words(value: Any) -> str:
    """Return a value or a resource in a few words.

    >>> _words({"resourceType": "Observation", "code": {"text": "SpO2"}, "valueQuantity": {"value": 87, "unit": "%"}})
    'SpO2: 87 %'
    """
    told = as_dict(value)
    if not kind(told):
        return _concept(told) if "coding" in told else in_words(value)
    what = next((words for name in _CODES if (words := _concept(as_dict(told.get(name))))), "") or _named(told)
    result = next((one for name, one in told.items() if name.startswith("value")), None)
    day = next((found[:10] for name in _DAYS if (found := text_of(told.get(name)))), "")
    said = _concept(result) if isinstance(result, dict) and "coding" in result else in_words(result)
    return f"{what}{f': {said}' if said else ''}{f' ({day})' if day else ''}"


def _named(resource: dict) -> str:
    return name_of(resource) if "name" in resource else kind(resource)


def _concept(concept: dict) -> str:
    coded = (text_of(one.get(name)) for one in dicts(concept.get("coding")) for name in ("display", "code"))
    return text_of(concept.get("text")) or next((one for one in coded if one), "")
