"""What does the payer put into the response that goes with a form? Whom it is for, and what it knows itself.

The payer fills by the form's own logic, over what the request brought (order, coverage, what they refer to) and the
member's own data; it never reads the EHR. Each answer says that it is the payer's.

Source: DTR 2.0.1 @175, @321 to @323; DTR 2.2.0 oper-18, spec-40, spec-122, spec-139.
"""

from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from fhir_r4.generations import Generation
from fhir_r4.resource import dicts, kind
from fhir_r4.systems import DTR
from questionnaires.adaptive import first, is_adaptive
from questionnaires.beginning import blank
from questionnaires.catalog import canonical_of
from questionnaires.dialects import PAYER_ORIGIN
from questionnaires.logic import ORDER, Clinical, FormLogic
from questionnaires.package_request import ORDERS, PackageRequest
from questionnaires.populate import Asks, asks_of, information_origin, populate
from questionnaires.select import Chosen, Insured

ADAPT_PROFILE = f"{DTR}/StructureDefinition/dtr-questionnaireresponse-adapt"  # DTR 2.2


def draft(
    chosen: Chosen,
    request: PackageRequest,
    insured: tuple[Insured, ...],
    logic: FormLogic,
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
    subject = request.subject
    empty = blank(canonical_of(form), chosen.coverages, chosen.orders, subject, now, generation)
    if is_adaptive(form):
        return empty | _as_adaptive(generation) | first(form, generation, base)
    outline = _outline(logic, _BESIDE & {kind(one) for one in request.referenced})
    origin = information_origin(PAYER_ORIGIN[generation])
    clinical = Clinical.over(logic, _context(chosen, _known(request, subject, insured)), now)
    answered, _ = populate(form, empty | {"item": outline.items}, {}, lambda: origin, clinical, outline.asks)
    return answered


def _as_adaptive(generation: Generation) -> dict:
    return {"meta": {"profile": [ADAPT_PROFILE]}} if generation is Generation.V2_2 else {}


@dataclass(frozen=True, slots=True)
class _Outline:
    """What of a draft is the same for all requests that bring the same kinds; looked at, and changed by nobody.

    Attributes:
        items: of the response, nothing answered.
        asks: the questions that may be answered without the record: those whose logic reads what a request brings.
    """

    items: list[dict]
    asks: Asks


_OUTLINES: WeakKeyDictionary[FormLogic, dict[frozenset[str], _Outline]] = WeakKeyDictionary()
_ALWAYS = frozenset({"Patient", "Coverage"}) | ORDERS
_BESIDE = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location"})


def _outline(logic: FormLogic, brought: frozenset[str]) -> _Outline:
    held = _OUTLINES.setdefault(logic, {})
    if brought not in held:
        asks = asks_of(logic.form).only(lambda one: _is_known({need.type for need in logic.needs(one)}, brought))
        held[brought] = _Outline([_unanswered(item) for item in dicts(logic.form.get("item"))], asks)
    return held[brought]


def _is_known(types: set[str], brought: frozenset[str]) -> bool:
    """Tell whether logic that reads these types finds what it looks for: where nobody came along, nobody is known."""
    beside = types - _ALWAYS
    return beside <= _BESIDE and (not beside or not beside.isdisjoint(brought))


def _context(chosen: Chosen, known: list[dict]) -> dict[str, dict]:
    """Return what is known by name; of several orders none is the one that the form is for."""
    context = {f"known {number}": one for number, one in enumerate(known)}
    return context | ({ORDER: chosen.orders[0]} if len(chosen.orders) == 1 else {})


def _known(request: PackageRequest, subject: str, insured: tuple[Insured, ...]) -> list[dict]:
    """Return what the request brought, and the member as we have them where the patient did not come along."""
    held = [*request.orders, *request.coverages, *request.referenced]
    if any(kind(one) == "Patient" for one in request.referenced):
        return held
    born = next((one.birth_date for one in insured if one.birth_date), None)
    patient = {"resourceType": "Patient", "id": subject.rpartition("/")[2]}
    return [*held, patient | ({"birthDate": born.isoformat()} if born else {})]


def _unanswered(item: dict) -> dict:
    kept = {"linkId": item["linkId"], "text": item["text"]}
    return kept | ({"item": [_unanswered(below) for below in item["item"]]} if "item" in item else {})
