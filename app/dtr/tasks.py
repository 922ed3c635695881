"""What does a payer ask for by a Task? Documents, a form, its context; and until when.

PAS asks so for more information about a request, CDex for any. The form is named by a canonical, or by a trace number,
which $questionnaire-package takes as its context.

Source: PAS 2.0.1 and 2.2.1, profile-task; DTR 2.2.0 spec-109, spec-113; CDex 2.0, Task Attachment Request.
"""

from dataclasses import dataclass

from fhir_r4.resource import as_dict, dicts, extensions, local_reference, reference, text_of
from fhir_r4.systems import REQUESTED_SERVICE

_CONTEXT = frozenset({"questionnaires-needed", "questionnaire-context"})
_ADDRESS = "payer-url"


@dataclass(frozen=True, slots=True)
class Asked:
    """One Task.

    Attributes:
        words: why, and what documents, in words.
        due: ISO date; "" where none is said.
        context: trace number for the form; "" where no form is asked for by one.
        about: references to what it is about, a Claim or an order.
    """

    reference: str
    words: tuple[str, ...]
    due: str
    canonicals: tuple[str, ...]
    context: str
    about: tuple[str, ...]

    @property
    def wants_form(self) -> bool:
        return bool(self.context or self.canonicals)


def read_task(task: dict) -> Asked:
    """Return what a Task asks for; whatever is of the wrong shape is absent."""
    inputs = [one for one in dicts(task.get("input")) if _ADDRESS not in _codes(one)]
    documents = [words for one in inputs if (words := _document(as_dict(one.get("valueCodeableConcept"))))]
    why = text_of(as_dict(task.get("statusReason")).get("text")) or text_of(task.get("description"))
    period = as_dict(as_dict(task.get("restriction")).get("period"))
    named = [as_dict(task.get(name)) for name in ("focus", "reasonReference")]
    named += [as_dict(one.get("valueReference")) for one in inputs]
    named += dicts(task.get("basedOn"))
    return Asked(
        local_reference(task) if task.get("id") else "",
        tuple(one for one in (why, *documents) if one),
        (text_of(period.get("end")) or "")[:10],
        tuple(found for one in inputs if (found := text_of(one.get("valueCanonical")))),
        next((found for one in inputs if _codes(one) & _CONTEXT and (found := _trace(one))), ""),
        tuple(found for one in named if (found := reference(one))),
    )


def about_claim(claim: dict) -> tuple[str, ...]:
    """Return the orders and Coverages of a Claim: what its items ask for, and by whom it is to be paid."""
    orders = [
        reference(as_dict(one.get("valueReference")))
        for item in dicts(claim.get("item"))
        for one in extensions(item, REQUESTED_SERVICE)
    ]
    coverages = [reference(as_dict(one.get("coverage"))) for one in dicts(claim.get("insurance"))]
    return tuple(one for one in (*orders, *coverages) if one)


def done(task: dict, response: str) -> dict:
    """Return the Task as completed by a response (``QuestionnaireResponse/1``)."""
    output = {"type": {"text": "The completed form"}, "valueReference": {"reference": response}}
    held = [one for one in dicts(task.get("output")) if one != output]
    return task | {"status": "completed", "output": [*held, output]}


def _codes(one: dict) -> set[str]:
    return {code for coding in dicts(as_dict(one.get("type")).get("coding")) if (code := text_of(coding.get("code")))}


def _trace(one: dict) -> str | None:
    return text_of(one.get("valueString")) or text_of(as_dict(one.get("valueIdentifier")).get("value"))


def _document(concept: dict) -> str | None:
    coded = next(iter(dicts(concept.get("coding"))), {})
    words = text_of(concept.get("text")) or text_of(coded.get("display"))
    code = text_of(coded.get("code"))
    return words or (f"document {code} (LOINC)" if code else None)
