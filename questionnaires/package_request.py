"""With what does a DTR client ask for its forms? ``Questionnaire/$questionnaire-package``: Parameters in.

Source: DTR 2.0.1 and 2.2.0, OperationDefinition questionnaire-package, profile dtr-qpackage-input-parameters.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fhir_r4.bundle import local_part
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import as_dict, dicts, kind, local_reference, reference, text_of

ORDERS = frozenset(
    {"Appointment", "Encounter", "CommunicationRequest", "DeviceRequest", "ImmunizationRecommendation"}
    | {"MedicationRequest", "NutritionOrder", "ServiceRequest", "SupplyRequest", "VisionPrescription"}
)
MOST_PARAMETERS = 500
"""In one call; an order set has some dozens of orders, each of which brings a few others along."""
_NAMED = {"coverage": "a Coverage", "order": "an order", "referenced": "a resource"}
_Given = list[tuple[int, dict]]
"""Parameters of one name, each with its place among all."""
_Named = defaultdict[str, _Given]


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """What the client asked with.

    Attributes:
        coverages: the Coverage resources as received, at least one; in 2.2 exactly one.
        orders: the order resources as received.
        referenced: what the orders refer to, as far as the client sent it: Patient, Practitioner, ….
        questionnaires: canonicals asked for by name.
        context: a coverage-assertion-id of ours.
        changed_since: aware; only packages that have changed since then are wanted.
    """

    coverages: tuple[dict, ...]
    orders: tuple[dict, ...]
    referenced: tuple[dict, ...]
    questionnaires: tuple[str, ...]
    context: str | None
    changed_since: datetime | None

    @property
    def subject(self) -> str:
        """Return the patient: of the orders, else the one whom the coverage is for."""
        return next((one for order in self.orders if (one := subject_of(order))), None) or str(
            reference(self.coverages[0].get("beneficiary"))
        )

    def find(self, target: str) -> dict | None:
        """Return what came along under a reference, wherever it is kept."""
        local = local_part(target)
        return next((one for one in self.referenced if local and local_reference(one) == local), None)


def subject_of(order: dict) -> str | None:
    """Return the patient of an order, which some kinds of order call by another name."""
    return next((target for _, target in _subjects(order)), None)


def _subjects(order: dict) -> Iterator[tuple[str, str]]:
    """Yield the element that names an order's patient, and whom it names."""
    for name in ("subject", "patient"):
        if target := reference(order.get(name)):
            yield name, target
    for index, one in enumerate(dicts(order.get("participant"))):
        if (target := reference(one.get("actor"))) and "Patient/" in target:
            yield f"participant[{index}].actor", target


def read_parameters(body: dict, generation: Generation) -> PackageRequest:
    """Read the operation's Parameters.

    Raises:
        InvalidRequest: not Parameters, no coverage, none of order, questionnaire and context (dtr-1), a parameter of
            the wrong kind, or more patients than one; every fault at once. Or more parameters than are looked at.
    """
    if kind(body) != "Parameters":
        raise InvalidRequest(Issue("structure", "the body must be a Parameters resource", "Parameters"))
    given = _by_name(dicts(body.get("parameter")))
    issues: list[Issue] = []
    coverages = tuple(_resources(given, "coverage", frozenset({"Coverage"}), issues))
    orders = tuple(_resources(given, "order", ORDERS, issues))
    referenced = tuple(_resources(given, "referenced", None, issues))
    canonicals = tuple(_values(given, "questionnaire", ("valueCanonical",), issues))
    contexts = tuple(_values(given, "context", ("valueString",), issues))
    since = tuple(_moments(given, issues))
    issues += _faults_of_coverages(given["coverage"], coverages, generation)
    issues += _other_patients(given)
    issues += _repeated(given)
    if coverages and not _has_subject(coverages, orders):
        issues.append(
            Issue("required", "a Coverage must name its beneficiary", "Parameters.parameter.resource.beneficiary")
        )
    if not coverages and not issues:
        issues.append(Issue("required", "a parameter 'coverage' with a Coverage is missing", "Parameters.parameter"))
    if not (orders or canonicals or contexts or issues):
        rule = "dtr-1: at least one of the parameters order, questionnaire and context"
        issues.append(Issue("invariant", rule, "Parameters.parameter"))
    if issues:
        raise InvalidRequest(*issues)
    return PackageRequest(
        coverages, orders, referenced, canonicals, contexts[0] if contexts else None, since[0] if since else None
    )


def _by_name(parameters: list[dict]) -> _Named:
    if len(parameters) > MOST_PARAMETERS:
        raise InvalidRequest(
            Issue("too-costly", f"there may be no more than {MOST_PARAMETERS} parameters", "Parameters.parameter")
        )
    given: _Named = defaultdict(list)
    for index, one in enumerate(parameters):
        given[text_of(one.get("name")) or ""].append((index, one))
    return given


def _has_subject(coverages: tuple[dict, ...], orders: tuple[dict, ...]) -> bool:
    return bool(any(map(subject_of, orders)) or reference(coverages[0].get("beneficiary")))


def _faults_of_coverages(given: _Given, coverages: tuple[dict, ...], generation: Generation) -> Iterable[Issue]:
    for index, one in given:
        if not text_of(as_dict(one.get("resource")).get("id")):
            yield Issue("required", "the Coverage's id is missing", f"Parameters.parameter[{index}].resource.id")
    if generation is Generation.V2_2 and len(coverages) > 1:
        yield Issue(
            "structure", "there may be one Coverage only in DTR 2.2", "Parameters.parameter.where(name = 'coverage')"
        )


def _other_patients(given: _Named) -> Iterator[Issue]:
    """Tell which coverage, order or Patient is another patient's than the first coverage: a form is about one."""
    coverages, orders, beside = (
        [(index, as_dict(one.get("resource"))) for index, one in given[name]]
        for name in ("coverage", "order", "referenced")
    )
    covered = [(index, "beneficiary", reference(one.get("beneficiary"))) for index, one in coverages]
    ordered = [(index, *next(_subjects(one), ("", None))) for index, one in orders]
    brought = [(index, "id", local_reference(one)) for index, one in beside if kind(one) == "Patient" and one.get("id")]
    known = [
        (index, element, local)
        for index, element, target in (*covered, *ordered, *brought)
        if (local := _patient(target))
    ]
    for index, element, local in known[1:]:
        if local != known[0][2]:
            where = f"Parameters.parameter[{index}].resource.{element}"
            yield Issue("invalid", "each order must be for the coverage's beneficiary", where)


def _patient(target: str | None) -> str | None:
    """Return ``Patient/id``, wherever the patient is kept; None for one who is named otherwise."""
    local = local_part(target)
    return local if local and local.startswith("Patient/") else None


def _repeated(given: _Named) -> Iterable[Issue]:
    for name in ("context", "changedsince"):
        if len(given[name]) > 1:
            where = f"Parameters.parameter.where(name = '{name}')"
            yield Issue("structure", f"the parameter '{name}' may stand once only", where)


def _resources(given: _Named, name: str, kinds: frozenset[str] | None, issues: list[Issue]) -> Iterable[dict]:
    for index, parameter in given[name]:
        resource = as_dict(parameter.get("resource"))
        if kind(resource) in kinds if kinds else kind(resource):
            yield resource
        else:
            where = f"Parameters.parameter[{index}].resource"
            issues.append(Issue("invalid", f"the resource must be {_NAMED[name]}", where))


def _values(given: _Named, name: str, elements: tuple[str, ...], issues: list[Issue]) -> Iterable[Any]:
    for index, parameter in given[name]:
        value = next((found for element in elements if (found := text_of(parameter.get(element)))), None)
        if value:
            yield value
        else:
            where = f"Parameters.parameter[{index}].{elements[0]}"
            issues.append(Issue("required", f"the parameter '{name}' must have a {elements[0]}", where))


def _moments(given: _Named, issues: list[Issue]) -> Iterable[datetime]:
    """Yield changedsince: an instant in the profiles, a dateTime in 2.0.1's operation definition; a bare day begins."""
    for text in _values(given, "changedsince", ("valueInstant", "valueDateTime"), issues):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            where = "Parameters.parameter.where(name = 'changedsince').value"
            issues.append(Issue("value", "this must be an instant with its zone", where))
            continue
        yield moment if moment.tzinfo else moment.replace(tzinfo=UTC)
