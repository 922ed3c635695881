"""What does a door ask of a body, and how strict is it with this client?

A strict client's body keeps to the profile of its operation in the generation it is sent to, or is refused. Any
other's is held to FHIR R4 itself: where it departs from the guide's profiles in what we can do without, that is kept
beside the request for the payer's staff, and nothing is guessed. Source: pas.md §3.1 and §3.5.
"""

from collections.abc import Iterable

from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.profiles.check import OPERATIONS, committed

SUBMIT, INQUIRE = "Claim/$submit", "Claim/$inquire"
PACKAGE, NEXT_QUESTION = "Questionnaire/$questionnaire-package", "Questionnaire/$next-question"
LOG_ERRORS, SUBSCRIBE = "Questionnaire/$log-questionnaire-errors", "Subscription"
MOST = 200  # that are kept of what is let pass
_MOST_VALUES = 60_000  # looked at closely for one request: less than half a second
_DOORS = (  # profiles of PAS, and of the guides it stands on, and types of FHIR itself, that most requests are made of
    "profile-pas-request-bundle",
    "profile-pas-inquiry-request-bundle",
    "profile-claim",
    "profile-claim-update",
    "profile-claim-inquiry",
    "profile-beneficiary",
    "profile-subscriber",
    "profile-insurer",
    "profile-requestor",
    "profile-organization",
    "profile-practitioner",
    "profile-practitionerrole",
    "profile-coverage",
    "profile-encounter",
    "profile-location",
    "profile-servicerequest",
    "profile-devicerequest",
    "profile-medicationrequest",
    "extension-documentInformation",
    "extension-itemTraceNumber",
    "extension-serviceItemRequestType",
    "extension-certificationType",
    "extension-requestedService",
)
_ORDERS = (  # of CRD: what a form says it was filled in for
    "profile-coverage",
    "profile-devicerequest",
    "profile-medicationrequest",
    "profile-organization",
    "profile-patient",
    "profile-practitioner",
    "profile-servicerequest",
)
_CLINICAL = (
    "us-core-coverage",
    "us-core-observation-clinical-result",
    "us-core-organization",
    "us-core-patient",
    "us-core-practitioner",
    "us-core-questionnaireresponse",
)
_TYPES = (
    "Bundle",
    "Parameters",
    "Subscription",
    "Claim",
    "Patient",
    "Coverage",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "DeviceRequest",
    "ServiceRequest",
    "MedicationRequest",
    "Condition",
    "DocumentReference",
    "Observation",
    "Procedure",
    "Questionnaire",
    "QuestionnaireResponse",
    "OperationOutcome",
)
_CORE = "http://hl7.org/fhir/StructureDefinition"
_PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
_CRD = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition"
_DTR = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
_READY = (
    *(received for received, _answered in OPERATIONS.values()),
    *(f"{_PAS}/{name}" for name in _DOORS),
    *(f"{_CRD}/{name}" for name in _ORDERS),
    f"{_DTR}/qr-context",
    *(f"{_US_CORE}/{name}" for name in _CLINICAL),
    *(f"{_CORE}/{name}" for name in _TYPES),
)


def prepare() -> None:
    """Compile now what the doors judge by, so that no request waits for it."""
    for generation in Generation:
        committed(generation).prepare(_READY)


def admit(body: dict, operation: str, generation: Generation, *, strict: bool) -> None:
    """Let a body in of which nothing is kept but what was asked.

    References are not followed out of the body here: which of them have to lead to an entry is for its reader.

    Raises:
        InvalidRequest: with every fault; of a lenient client those against FHIR R4 itself, to which it alone is held.
    """
    _refuse(_departures(body, operation, generation) if strict else _against_fhir(body, generation))


def admit_and_note(body: dict, operation: str, generation: Generation, *, strict: bool) -> tuple[Issue, ...]:
    """Let a body in that is kept; return what it departs from its profile in, errors of a lenient client among it.

    Raises:
        InvalidRequest: as ``admit`` does.
    """
    found = _departures(body, operation, generation)
    if _errors(found):
        _refuse(found if strict else _against_fhir(body, generation))
    return tuple(found[:MOST])


def admit_attachments(body: dict, generation: Generation, *, strict: bool) -> None:
    """Refuse what is not FHIR R4; of a strict client also what its contents claim to be and are not.

    CDex's own Parameters are judged where they are read (``prior_auth/attachments.py``).

    Raises:
        InvalidRequest: with every fault.
    """
    _refuse(_against_fhir(body, generation, claimed=strict))


def _departures(body: dict, operation: str, generation: Generation) -> list[Issue]:
    return committed(generation).check_operation(body, operation, references="open", most=_MOST_VALUES)


def _against_fhir(body: dict, generation: Generation, *, claimed: bool = False) -> list[Issue]:
    return committed(generation).check(body, references="open", claimed=claimed, most=_MOST_VALUES)


def _refuse(found: Iterable[Issue]) -> None:
    if faults := _errors(found):
        raise InvalidRequest(*faults)


def _errors(issues: Iterable[Issue]) -> list[Issue]:
    return [issue for issue in issues if issue.severity == "error"]
