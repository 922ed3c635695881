"""What did a client say went wrong with a form? ``Questionnaire/$log-questionnaire-errors``: Parameters in.

Both generations spell the parameters in their own way, and 2.0.1 in two; all are taken. What is kept is what a form's
author can act on: the form, and of each issue its kind, its words and its place. A client is not to send patient data
(DTR 2.2.0, "log-questionnaire-errors"); what looks like some is cut out all the same.

Source: DTR 2.0.1 @284; DTR 2.2.0, profile dtr-log-errors-input-parameters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fhir_r4.problems import InvalidRequest, Issue, operation_outcome
from fhir_r4.resource import as_dict, as_list, dicts, kind, text_of

MOST_FORMS, MOST_ISSUES, MOST_WORDS = 50, 50, 500
_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
_PERSONAL = re.compile(
    r"\b\d{4}-\d{2}-\d{2}\b"  # a day
    r"|\b[A-Z]+[0-9]{5,}\b|\b\d{6,}\b"  # numbers of members, records, telephones
    r"|\b(?:Patient|Person|RelatedPerson)/[A-Za-z0-9.-]+"
    r"|'[^']*'"  # a string of CQL or FHIRPath; names are in double quotes, and stay
)


@dataclass(frozen=True, slots=True)
class Reported:
    """One issue with one form.

    Attributes:
        questionnaire: canonical as the client gave it.
        words: what it said, without what looked like a patient's data.
    """

    questionnaire: str
    severity: str
    code: str
    words: str
    where: str


def read_report(body: dict) -> list[Reported]:
    """Return every issue for every form that it is said of.

    Raises:
        InvalidRequest: not Parameters, no form named, or no OperationOutcome with an issue.
    """
    if kind(body) != "Parameters":
        raise InvalidRequest(Issue("structure", "the body must be a Parameters resource", "Parameters"))
    forms = [found for one in _named(body, "questionnaire") if (found := _canonical(one))]
    outcomes = [as_dict(one.get("resource")) for one in _named(body, "operationoutcome")]
    issues = [issue for one in outcomes if kind(one) == "OperationOutcome" for issue in dicts(one.get("issue"))]
    missing = {"questionnaire": not forms, "operationOutcome": not issues}
    if any(missing.values()):
        raise InvalidRequest(
            *(
                Issue("required", f"the parameter '{name}' is missing", "Parameters.parameter")
                for name, is_missing in missing.items()
                if is_missing
            )
        )
    return [
        _reported(form, issue) for form in list(dict.fromkeys(forms))[:MOST_FORMS] for issue in issues[:MOST_ISSUES]
    ]


def acknowledged(kept: int) -> dict:
    """Return the operation's answer, which the guides leave open: an outcome that says what was done."""
    words = "kept for the forms' authors" if kept else "not kept: this client has told enough for a day"
    return operation_outcome([Issue("informational", words, None, "information")])


def _named(body: dict, name: str) -> Iterator[dict]:
    for one in dicts(body.get("parameter")):
        if (text_of(one.get("name")) or "").casefold() == name:
            yield one


def _canonical(parameter: dict) -> str | None:
    value = next((text_of(parameter.get(key)) for key in ("valueCanonical", "valueUri", "valueUrl")), None)
    return value[:MOST_WORDS] if value else None


def _reported(form: str, issue: dict) -> Reported:
    severity = text_of(issue.get("severity"))
    said = text_of(issue.get("diagnostics")) or text_of(as_dict(issue.get("details")).get("text")) or ""
    places = [one for one in as_list(issue.get("expression")) + as_list(issue.get("location")) if isinstance(one, str)]
    return Reported(
        form,
        severity if severity in _SEVERITIES else "error",
        (text_of(issue.get("code")) or "unknown")[:40],
        without_persons(said)[:MOST_WORDS],
        without_persons("; ".join(places))[:MOST_WORDS],
    )


def without_persons(words: str) -> str:
    """Return the words with what looks like a person's data cut out.

    >>> without_persons("Define LatestAHI of Patient/p1 (born 1950-02-01) failed for 'Oster'")
    'Define LatestAHI of … (born …) failed for …'
    """
    return _PERSONAL.sub("…", words)
