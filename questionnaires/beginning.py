"""How does a response to a form begin? Whom and what it is for, before any question is in it.

Source: DTR 2.0.1 and 2.2.0, profile dtr-questionnaireresponse (qr-context, qr-coverage, intendedUse).
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from fhir_r4.generations import Generation
from fhir_r4.resource import kind, local_reference
from fhir_r4.systems import COVERAGE_INFORMATION_CODES, CRD_TEMP, DTR, INTENDED_USE, QR_CONTEXT, QR_COVERAGE

_PROFILE = f"{DTR}/StructureDefinition/dtr-questionnaireresponse"
_NO_CONTEXT = frozenset({"CommunicationRequest", "VisionPrescription", "SupplyRequest", "ImmunizationRecommendation"})
"""Orders that the extension qr-context does not take."""


def blank(
    canonical: str,
    coverages: Iterable[dict],
    orders: Iterable[dict],
    subject: str,
    now: datetime,
    generation: Generation,
) -> dict:
    """Return the in-progress response to a form, without questions; ``subject`` is a reference to the patient."""
    held = [local_reference(one) for one in coverages]
    about = [local_reference(one) for one in orders if kind(one) not in _NO_CONTEXT]
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [_PROFILE]},
        "extension": _CONTEXT[generation](held, about),
        "questionnaire": canonical,
        "status": "in-progress",
        "subject": {"reference": subject},
        "authored": now.isoformat(timespec="seconds"),
    }


def _context_2_0(coverages: list[str], orders: list[str]) -> list[dict]:
    return [
        *({"url": QR_CONTEXT, "valueReference": {"reference": target}} for target in (*coverages, *orders)),
        _intended_use(CRD_TEMP),
    ]


def _context_2_2(coverages: list[str], orders: list[str]) -> list[dict]:
    return [
        *({"url": QR_COVERAGE, "valueReference": {"reference": coverage}} for coverage in coverages),
        *({"url": QR_CONTEXT, "valueReference": {"reference": order}} for order in orders),
        _intended_use(COVERAGE_INFORMATION_CODES),
    ]


_CONTEXT: dict[Generation, Callable[[list[str], list[str]], list[dict]]] = {
    Generation.V2_0: _context_2_0,
    Generation.V2_2: _context_2_2,
}


def _intended_use(system: str) -> dict:
    return {"url": INTENDED_USE, "valueCodeableConcept": {"coding": [{"system": system, "code": "withpa"}]}}
