"""What does the payer put into the response that goes with a form? Whom it is for, and what it knows itself.

The payer fills by the form's own logic, over what the request brought (order, coverage, what they refer to) and the
member's own data; it never reads the EHR. Each answer says that it is the payer's.

Source: DTR 2.0.1 @175, @321 to @323; DTR 2.2.0 oper-18, spec-40, spec-122, spec-139.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from fhir_r4.generations import Generation
from fhir_r4.resource import dicts, kind, local_reference
from fhir_r4.systems import COVERAGE_INFORMATION_CODES, CRD_TEMP, DTR, INTENDED_USE, QR_CONTEXT, QR_COVERAGE
from questionnaires.adaptive import first, is_adaptive
from questionnaires.catalog import canonical_of
from questionnaires.dialects import PAYER_ORIGIN
from questionnaires.logic import Clinical, Logic
from questionnaires.package_request import ORDERS, PackageRequest
from questionnaires.populate import Asks, asks_of, information_origin, populate
from questionnaires.select import Chosen, Insured

QR_PROFILE = f"{DTR}/StructureDefinition/dtr-questionnaireresponse"
ADAPT_PROFILE = f"{DTR}/StructureDefinition/dtr-questionnaireresponse-adapt"  # DTR 2.2
_NO_CONTEXT = frozenset({"CommunicationRequest", "VisionPrescription", "SupplyRequest", "ImmunizationRecommendation"})
"""Orders that the extension qr-context does not take."""


def draft(
    chosen: Chosen,
    request: PackageRequest,
    insured: tuple[Insured, ...],
    logic: Logic,
    now: datetime,
    generation: Generation,
    base: str,
) -> dict:
    """Return the in-progress QuestionnaireResponse that goes with a form.

    References are the client's own: subject, Coverage and order as they came.

    Args:
        base: our FHIR base, where an adaptive form's next questions are asked for.
    """
    form = chosen.form
    coverages = [local_reference(one) for one in chosen.coverages]
    orders = [local_reference(one) for one in chosen.orders if kind(one) not in _NO_CONTEXT]
    empty = {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [QR_PROFILE]},
        "extension": _CONTEXT[generation](coverages, orders),
        "questionnaire": canonical_of(form),
        "status": "in-progress",
        "subject": {"reference": request.subject},
        "authored": now.isoformat(timespec="seconds"),
    }
    if is_adaptive(form):
        return empty | _as_adaptive(generation) | first(form, generation, base)
    items = _outline(logic, form).items
    return filled(form, empty | {"item": items}, request, insured, logic, now, generation)


def _as_adaptive(generation: Generation) -> dict:
    return {"meta": {"profile": [ADAPT_PROFILE]}} if generation is Generation.V2_2 else {}


def filled(
    form: dict,
    response: dict,
    request: PackageRequest,
    insured: tuple[Insured, ...],
    logic: Logic,
    now: datetime,
    generation: Generation,
) -> dict:
    """Return the response with what the payer can answer."""
    known = {f"known {number}": one for number, one in enumerate(_known(request, insured))}
    clinical = Clinical.over(logic, form, known, now)
    origin = information_origin(PAYER_ORIGIN[generation])
    answered, _ = populate(form, response, {}, lambda: origin, clinical, _outline(logic, form).asks)
    return answered


@dataclass(frozen=True, slots=True)
class _Outline:
    """What of a draft is the same for everybody; looked at, and changed by nobody.

    Attributes:
        items: of the response, nothing answered.
        asks: the questions that may be answered without the record: those whose logic reads what a request brings.
    """

    items: list[dict]
    asks: Asks


_OUTLINES: WeakKeyDictionary[Logic, dict[str, _Outline]] = WeakKeyDictionary()
_AT_HAND = frozenset({"Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Coverage"}) | ORDERS


def _outline(logic: Logic, form: dict) -> _Outline:
    held = _OUTLINES.setdefault(logic, {})
    name = canonical_of(form)
    if name not in held:
        asks = asks_of(form).only(lambda one: {need.type for need in logic.needs(form, one)} <= _AT_HAND)
        held[name] = _Outline([_unanswered(item) for item in dicts(form.get("item"))], asks)
    return held[name]


def _known(request: PackageRequest, insured: tuple[Insured, ...]) -> list[dict]:
    """Return what the request brought, and the member as we have them where the patient did not come along."""
    held = [*request.orders, *request.coverages, *request.referenced]
    if any(kind(one) == "Patient" for one in held):
        return held
    born = next((one.birth_date for one in insured if one.birth_date), None)
    patient = {"resourceType": "Patient", "id": request.subject.rpartition("/")[2]}
    return [*held, patient | ({"birthDate": born.isoformat()} if born else {})]


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


def _unanswered(item: dict) -> dict:
    kept = {"linkId": item["linkId"], "text": item["text"]}
    return kept | ({"item": [_unanswered(below) for below in item["item"]]} if "item" in item else {})
