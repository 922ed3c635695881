"""What does a payer's ClaimResponse say to whoever asked? Read as a provider's software reads it.

Source: PAS 2.0.1 and 2.2.1, profile-claimresponse; X12 306 for the action codes.
"""

from dataclasses import dataclass

from fhir_r4.resource import as_dict, dicts, extension, extensions, text_of, value_of
from fhir_r4.systems import ADMINISTRATION_REFERENCE_NUMBER, REVIEW_ACTION, REVIEW_ACTION_CODE

IN_WORDS = {
    "A1": "Certified in total",
    "A2": "Certified, partial",
    "A3": "Not certified",
    "A4": "Pended",
    "A6": "Modified",
    "C": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class PayerAnswer:
    """One answer.

    Attributes:
        action: X12 306, ``A1``; None where the response has none.
        number: of the authorization; ``reference`` by which a pended case is asked about.
        begins, ends: of what is authorized, ISO dates.
        said: disposition, notes and errors, in the payer's words.
        is_refused: the request itself could not be taken (``outcome`` error); nothing was decided.
    """

    action: str | None
    number: str | None
    reference: str | None
    begins: str | None
    ends: str | None
    said: tuple[str, ...]
    is_refused: bool = False

    @property
    def words(self) -> str:
        if self.is_refused and not self.action:
            return "The payer could not take the request"
        return IN_WORDS.get(self.action or "", "No decision yet")


def payer_answer(response: dict) -> PayerAnswer:
    """Return what a ClaimResponse says; whatever is absent or of the wrong shape is None."""
    action, number = review(response)
    period = as_dict(response.get("preAuthPeriod"))
    errors = [_words(as_dict(error.get("code"))) for error in dicts(response.get("error"))]
    said = [text_of(response.get("disposition")), *notes(response), *errors]
    return PayerAnswer(
        action,
        number,
        reference_number(response),
        text_of(period.get("start")),
        text_of(period.get("end")),
        tuple(dict.fromkeys(one for one in said if one)),
        response.get("outcome") == "error",
    )


def _words(concept: dict) -> str | None:
    """Return a concept in words: its text, else its coding's display."""
    displays = (text_of(one.get("display")) for one in dicts(concept.get("coding")))
    return text_of(concept.get("text")) or next((one for one in displays if one), None)


def review(response: dict) -> tuple[str | None, str | None]:
    """Return review action and authorization number of the first item that has them."""
    for item in dicts(response.get("item")):
        for adjudication in dicts(item.get("adjudication")):
            for action in extensions(adjudication, REVIEW_ACTION):
                coded = as_dict(extension(action, REVIEW_ACTION_CODE).get("valueCodeableConcept"))
                codes = [text_of(coding.get("code")) for coding in dicts(coded.get("coding"))]
                return next(iter(codes), None), text_of(value_of(extension(action, "number")))
    return None, None


def reference_number(response: dict) -> str | None:
    """Return the number by which a pended case is asked about."""
    held = (extension(item, ADMINISTRATION_REFERENCE_NUMBER) for item in dicts(response.get("item")))
    return next((text_of(value_of(one)) for one in held if one), None)


def notes(response: dict) -> list[str]:
    """Return the process notes."""
    return [words for note in dicts(response.get("processNote")) if (words := text_of(note.get("text")))]
