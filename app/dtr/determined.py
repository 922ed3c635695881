"""What did a payer decide with the answers of an adaptive form? Its coverage-information on the response, in words.

The response names the orders that it is about (qr-context); carrying it onto them is the EHR's.

Source: CRD, extension ext-coverage-information; DTR 2.0.1 @220; DTR 2.2.0 spec-46, spec-49, spec-148.
"""

from dataclasses import dataclass

from fhir_r4.resource import dicts, extension, extensions, text_of, value_of
from fhir_r4.systems import COVERAGE_INFORMATION

_COVERED = {"covered": "Covered", "not-covered": "Not covered", "conditional": "Covered on conditions"}
_NEEDED = {
    "no-auth": "No authorization is needed",
    "auth-needed": "Authorization is needed",
    "satisfied": "Authorization is granted",
    "performpa": "Authorization is needed from whoever does it",
    "conditional": "Whether authorization is needed is not clear yet",
}
_DOCUMENTS = {
    "clinical": "clinical",
    "admin": "administrative",
    "patient": "the patient's own",
    "conditional": "perhaps",
}


@dataclass(frozen=True, slots=True)
class Determined:
    """One coverage's determination.

    Attributes:
        words: for the clinician, one sentence or figure each.
        questionnaires: canonicals of the forms that the payer still wants.
    """

    words: tuple[str, ...]
    questionnaires: tuple[str, ...]


def determined(response: dict) -> tuple[Determined, ...]:
    """Return what the payer decided, a determination for each repetition of the extension."""
    return tuple(_read(one) for one in extensions(response, COVERAGE_INFORMATION))


def _read(said: dict) -> Determined:
    def codes(name: str) -> list[str]:
        return [code for one in extensions(said, name) if (code := text_of(value_of(one)))]

    number, until = (text_of(value_of(extension(said, name))) for name in ("satisfied-pa-id", "expiry-date"))
    wanted = [_DOCUMENTS.get(code, code) for code in codes("doc-needed") if code != "no-doc"]
    words = [
        *(_COVERED.get(code, code) for code in codes("covered")),
        *(_NEEDED.get(code, code) for code in codes("pa-needed")),
        *([f"Authorization number {number}"] if number else []),
        *([f"Good until {until}"] if until else []),
        *([f"Still to be documented: {', '.join(wanted)}"] if wanted else []),
        *(text for one in extensions(said, "reason") if (text := _reason(one))),
    ]
    return Determined(tuple(words), tuple(codes("questionnaire")))


def _reason(held: dict) -> str:
    """Return a reason's text; a coded one by what its first coding displays."""
    concept = value_of(held)
    if not isinstance(concept, dict):
        return text_of(concept) or ""
    shown = (text_of(one.get("display")) for one in dicts(concept.get("coding")))
    return text_of(concept.get("text")) or next((one for one in shown if one), "")
