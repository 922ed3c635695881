"""Which FHIR searches bring what a form's CQL will ask of the record?

One search for each kind of thing, with the codes that the logic names; only the kinds that belong to a patient, so
that nothing more is read than the form needs (DTR 2.0.1, "minimum necessary").

Source: FHIR R4 search parameters; US Core 3.1.1 and later, which all servers of the field follow.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote

from cql import CqlError, Requirement, Terminology
from cql.types import Code, ValueSet

CODES_IN_A_SEARCH = 40
"""More go into another search: URLs have an end."""
_BY_PATIENT = frozenset(
    {"AllergyIntolerance", "Appointment", "CarePlan", "CareTeam", "Claim", "ClinicalImpression", "Communication"}
    | {"CommunicationRequest", "Condition", "Consent", "Coverage", "Device", "DeviceRequest", "DeviceUseStatement"}
    | {"DiagnosticReport", "DocumentReference", "Encounter", "EpisodeOfCare", "ExplanationOfBenefit", "Flag"}
    | {"FamilyMemberHistory", "Goal", "ImagingStudy", "Immunization", "ImmunizationRecommendation", "List", "Media"}
    | {"MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement", "Observation"}
    | {"NutritionOrder", "Procedure", "QuestionnaireResponse", "RelatedPerson", "RiskAssessment", "ServiceRequest"}
    | {"Specimen", "SupplyDelivery", "Task", "VisionPrescription"}
)
_NOBODYS = frozenset(
    {"HealthcareService", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole", "Substance"}
)
_WHOSE = frozenset({"patient", "subject", "beneficiary", "individual", "for"})
_BY_CODE = {  # the search parameter of an element, where it is one of codes
    "code": "code",
    "codeCodeableConcept": "code",
    "medication": "code",
    "medicationCodeableConcept": "code",
    "category": "category",
    "type": "type",
    "class": "class",
    "vaccineCode": "vaccine-code",
}


def searches(requirements: Iterable[Requirement], terminology: Terminology, patient: str) -> tuple[str, ...]:
    """Return the searches, each once: ``Observation?patient=p1&code=http://loinc.org|2708-6``.

    Args:
        patient: the Patient's bare id.
    """
    found: dict[str, None] = {}
    whole: set[str] = set()
    for one in requirements:
        if one.type not in _BY_PATIENT:
            continue  # the patient is in the launch context; who has no patient is nobody's record
        base = f"{one.type}?patient={quote(patient, safe='')}"
        parameter, codes = _coded(one, terminology)
        if not codes:
            whole.add(base)
        for listed in _chunks(codes):
            found[f"{base}&{parameter}={','.join(listed)}"] = None
    narrowed = (one for one in found if one.partition("&")[0] not in whole)
    return (*narrowed, *sorted(whole))


def is_about(query: str, patient: str) -> bool:
    """Tell whether a search asks for this patient's record, or for what is nobody's: who treats, what is given.

    A form of another maker may write any search; one for other people's records is not made.

    >>> is_about("Observation?code=x&patient=Patient/p1", "p1"), is_about("Observation?code=x&patient=p1,p2", "p1")
    (True, False)
    """
    kind_, _, text = query.partition("?")
    asked = parse_qsl(text, keep_blank_values=True)
    if kind_ in _NOBODYS:
        return not any(name.startswith(("_has", "_revinclude")) for name, _ in asked)
    mine = {patient, f"Patient/{patient}"}
    named = {*_WHOSE, "_id"} if kind_ == "Patient" else _WHOSE
    whose = [value for name, value in asked if name.partition(":")[0] in named]
    return kind_ in {*_BY_PATIENT, "Patient"} and bool(whose) and all(value in mine for value in whose)


def _coded(requirement: Requirement, terminology: Terminology) -> tuple[str, list[str]]:
    """Return the search parameter and its values; nothing where the server cannot be asked by these codes."""
    parameter = _BY_CODE.get(requirement.code_path)
    if parameter is None:
        return "", []
    if not requirement.value_set:
        return parameter, [_token(code) for code in requirement.codes]
    url, _, version = requirement.value_set.partition("|")
    try:
        listed = terminology.codes(ValueSet(url, version or None, None)).listed
    except CqlError:
        return "", []  # the define says itself that the value set is not there
    return parameter, list(dict.fromkeys(_token(code) for code in listed))


def _token(code: Code) -> str:
    return quote(f"{code.system or ''}|{code.code or ''}" if code.system else code.code or "", safe=":/|.")


def _chunks(codes: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(codes), CODES_IN_A_SEARCH):
        yield codes[first : first + CODES_IN_A_SEARCH]
