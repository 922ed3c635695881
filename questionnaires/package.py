"""How does a DTR client ask for its forms, and in what does it get them?

``Questionnaire/$questionnaire-package``: Parameters in, Parameters out, one package Bundle a form. The two
generations name the parameters differently and put the context of a draft in different extensions.

Source: DTR 2.0.1 and 2.2.0, OperationDefinition questionnaire-package, profiles dtr-qpackage-input-parameters,
dtr-qpackage-output-parameters, DTR-QPackageBundle, dtr-questionnaireresponse.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue, operation_outcome
from fhir_r4.resource import as_dict, dicts, kind, local_reference, reference, text_of
from fhir_r4.systems import COVERAGE_INFORMATION_CODES, CRD_TEMP, DTR, INTENDED_USE, QR_CONTEXT, QR_COVERAGE

ORDERS = frozenset(
    {"Appointment", "Encounter", "CommunicationRequest", "DeviceRequest", "ImmunizationRecommendation"}
    | {"MedicationRequest", "NutritionOrder", "ServiceRequest", "SupplyRequest", "VisionPrescription"}
)
_QR_PROFILE = f"{DTR}/StructureDefinition/dtr-questionnaireresponse"
_FORM_PROFILE = f"{DTR}/StructureDefinition/dtr-std-questionnaire"
_PACKAGE_PROFILE = f"{DTR}/StructureDefinition/DTR-QPackageBundle"
_OUTPUT_PROFILE = f"{DTR}/StructureDefinition/dtr-qpackage-output-parameters"


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """What the client asked with.

    Attributes:
        coverage: the Coverage resource as received.
        orders: the order resources as received.
        questionnaires: canonicals asked for by name.
        context: a coverage-assertion-id of ours.
    """

    coverage: dict
    orders: tuple[dict, ...]
    questionnaires: tuple[str, ...]
    context: str | None


@dataclass(frozen=True, slots=True)
class Package:
    """One form with its draft response."""

    form: dict
    draft: dict


def read_parameters(body: dict) -> PackageRequest:
    """Read the operation's Parameters.

    Raises:
        InvalidRequest: not Parameters, no coverage, none of order, questionnaire and context (dtr-1), or a
            parameter of the wrong kind; every fault at once.
    """
    if kind(body) != "Parameters":
        raise InvalidRequest(Issue("structure", "the body is a Parameters resource", "Parameters"))
    given = [(index, one) for index, one in enumerate(dicts(body.get("parameter")))]
    issues: list[Issue] = []
    coverages = list(_resources(given, "coverage", frozenset({"Coverage"}), issues))
    orders = tuple(_resources(given, "order", ORDERS, issues))
    canonicals = tuple(_strings(given, "questionnaire", "valueCanonical", issues))
    contexts = tuple(_strings(given, "context", "valueString", issues))
    for index, one in given:
        if one.get("name") == "coverage" and not (text_of(as_dict(one.get("resource")).get("id"))):
            issues.append(Issue("required", "the Coverage's id", f"Parameters.parameter[{index}].resource.id"))
    if coverages and not _subject(coverages[0], orders):
        issues.append(
            Issue("required", "a Coverage names its beneficiary", "Parameters.parameter.resource.beneficiary")
        )
    if not coverages and not issues:
        issues.append(Issue("required", "a parameter 'coverage' with a Coverage", "Parameters.parameter"))
    if not (orders or canonicals or contexts or issues):
        rule = "dtr-1: at least one of the parameters order, questionnaire and context"
        issues.append(Issue("invariant", rule, "Parameters.parameter"))
    if issues:
        raise InvalidRequest(*issues)
    return PackageRequest(coverages[0], orders, canonicals, contexts[0] if contexts else None)


def draft_response(form: dict, request: PackageRequest, now: datetime, generation: Generation) -> dict:
    """Return the in-progress QuestionnaireResponse that goes with ``form``: its groups and items, unanswered.

    References are the client's own: subject, Coverage and order as they came.
    """
    coverage = local_reference(request.coverage)
    orders = [local_reference(order) for order in request.orders]
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [_QR_PROFILE]},
        "extension": _CONTEXT[generation](coverage, orders),
        "questionnaire": f"{form['url']}|{form['version']}",
        "status": "in-progress",
        "subject": {"reference": _subject(request.coverage, request.orders)},
        "authored": now.isoformat(timespec="seconds"),
        "item": [_unanswered(item) for item in form["item"]],
    }


def to_parameters(packages: Iterable[Package], issues: Iterable[Issue], now: datetime, generation: Generation) -> dict:
    """Return the operation's answer; ``issues`` are warnings about what was asked for and is not here."""
    package_name, outcome_name = _NAMES[generation]
    issues = list(issues)
    parameters: list[dict] = [{"name": package_name, "resource": _bundle(package, now)} for package in packages]
    if issues:
        parameters.append({"name": outcome_name, "resource": operation_outcome(issues)})
    return {"resourceType": "Parameters", "meta": {"profile": [_OUTPUT_PROFILE]}, "parameter": parameters}


def _subject(coverage: dict, orders: tuple[dict, ...]) -> str | None:
    """Return the patient: of the orders, else the one whom the coverage is for."""
    named = (reference(order.get("subject")) for order in orders)
    return next((one for one in named if one), None) or reference(coverage.get("beneficiary"))


def _context_2_0(coverage: str, orders: list[str]) -> list[dict]:
    return [
        *({"url": QR_CONTEXT, "valueReference": {"reference": target}} for target in (coverage, *orders)),
        _intended_use(CRD_TEMP),
    ]


def _context_2_2(coverage: str, orders: list[str]) -> list[dict]:
    return [
        {"url": QR_COVERAGE, "valueReference": {"reference": coverage}},
        *({"url": QR_CONTEXT, "valueReference": {"reference": order}} for order in orders),
        _intended_use(COVERAGE_INFORMATION_CODES),
    ]


_CONTEXT: dict[Generation, Callable[[str, list[str]], list[dict]]] = {
    Generation.V2_0: _context_2_0,
    Generation.V2_2: _context_2_2,
}
_NAMES = {  # 2.0.1's operation definition says `return` and `outcome`; validators check its profile
    Generation.V2_0: ("PackageBundle", "operationOutcome"),
    Generation.V2_2: ("packagebundle", "outcome"),
}


def _intended_use(system: str) -> dict:
    return {"url": INTENDED_USE, "valueCodeableConcept": {"coding": [{"system": system, "code": "withpa"}]}}


def _unanswered(item: dict) -> dict:
    kept = {"linkId": item["linkId"], "text": item["text"]}
    return kept | ({"item": [_unanswered(below) for below in item["item"]]} if "item" in item else {})


def _bundle(package: Package, now: datetime) -> dict:
    form = package.form | {"meta": {"profile": [_FORM_PROFILE]}}
    name = uuid5(NAMESPACE_URL, f"{form['url']}#{now.isoformat()}")
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [_PACKAGE_PROFILE]},
        "type": "collection",
        "timestamp": now.isoformat(timespec="seconds"),
        "entry": [
            {"fullUrl": form["url"], "resource": form},
            {"fullUrl": f"urn:uuid:{name}", "resource": package.draft},
        ],
    }


def _resources(given: list[tuple[int, dict]], name: str, kinds: frozenset[str], issues: list[Issue]) -> Iterable[dict]:
    for index, parameter in given:
        if parameter.get("name") != name:
            continue
        resource = as_dict(parameter.get("resource"))
        if kind(resource) in kinds:
            yield resource
        else:
            expected = "a Coverage" if name == "coverage" else "an order"
            issues.append(Issue("invalid", f"the resource is {expected}", f"Parameters.parameter[{index}].resource"))


def _strings(given: list[tuple[int, dict]], name: str, element: str, issues: list[Issue]) -> Iterable[Any]:
    for index, parameter in given:
        if parameter.get("name") != name:
            continue
        if value := text_of(parameter.get(element)):
            yield value
        else:
            where = f"Parameters.parameter[{index}].{element}"
            issues.append(Issue("required", f"the parameter '{name}' has a {element}", where))
