"""SANDBOX. Which search parameters does the EHR have? US Core 6.1's, DTR's ``context``, and what orders are found by.

Each is a type of FHIR's and the elements that it looks at; a dot leads into an element, and a URL is an extension's.

Source: US Core 6.1.0, CapabilityStatement us-core-server; DTR 2.2.0, SearchParameter qr-context; FHIR R4.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_r4.systems import QR_CONTEXT

ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
US_CORE = "http://hl7.org/fhir/us/core/SearchParameter/us-core-"
R4 = "http://hl7.org/fhir/SearchParameter/"
QR_CONTEXT_PARAMETER = "http://hl7.org/fhir/us/davinci-dtr/SearchParameter/qr-context"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter: ``type`` is token, reference, date, string or uri; ``paths`` are looked at in turn."""

    type: str
    paths: tuple[str, ...]


def _token(*paths: str) -> Parameter:
    return Parameter("token", paths)


def _reference(*paths: str) -> Parameter:
    return Parameter("reference", paths)


def _date(*paths: str) -> Parameter:
    return Parameter("date", paths)


def _string(*paths: str) -> Parameter:
    return Parameter("string", paths)


COMMON: dict[str, Parameter] = {
    "_id": _token("id"),
    "_lastUpdated": _date("meta.lastUpdated"),
    "_profile": Parameter("uri", ("meta.profile",)),
    "_tag": _token("meta.tag"),
}
_SUBJECT = {"patient": _reference("subject"), "subject": _reference("subject")}
_IDENTIFIER = {"identifier": _token("identifier")}
_STATUS = {"status": _token("status")}
_CODE = {"code": _token("code")}
_CATEGORY = {"category": _token("category")}
_ENCOUNTER = {"encounter": _reference("encounter")}
_NAME = {"name": _string("name")}
_ADDRESS = {
    "address": _string("address"),
    "address-city": _string("address.city"),
    "address-state": _string("address.state"),
    "address-postalcode": _string("address.postalCode"),
}
_PERSON = {
    "name": _string("name"),
    "family": _string("name.family"),
    "given": _string("name.given"),
}
_ORDER = (
    _SUBJECT | _STATUS | _IDENTIFIER | _ENCOUNTER | {"intent": _token("intent"), "requester": _reference("requester")}
)

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "AllergyIntolerance": _CODE
    | {"patient": _reference("patient"), "clinical-status": _token("clinicalStatus"), "date": _date("recordedDate")},
    "Appointment": _STATUS | {"patient": _reference("participant.actor"), "date": _date("start")},
    "CarePlan": _SUBJECT | _STATUS | _CATEGORY | {"date": _date("period")},
    "CareTeam": _SUBJECT
    | _STATUS
    | {"role": _token("participant.role"), "participant": _reference("participant.member")},
    "ClaimResponse": _STATUS
    | _IDENTIFIER
    | {"patient": _reference("patient"), "created": _date("created"), "use": _token("use")},
    "CommunicationRequest": _STATUS | _SUBJECT | {"authored": _date("authoredOn")},
    "Condition": _SUBJECT
    | _CODE
    | _CATEGORY
    | _ENCOUNTER
    | {
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "onset-date": _date("onsetDateTime", "onsetPeriod"),
        "asserted-date": _date(ASSERTED),
        "recorded-date": _date("recordedDate"),
        "abatement-date": _date("abatementDateTime", "abatementPeriod"),
    },
    "Coverage": _STATUS
    | _IDENTIFIER
    | {
        "patient": _reference("beneficiary"),
        "beneficiary": _reference("beneficiary"),
        "payor": _reference("payor"),
        "subscriber": _reference("subscriber"),
        "type": _token("type"),
    },
    "Device": _STATUS | {"patient": _reference("patient"), "type": _token("type")},
    "DeviceRequest": _ORDER
    | {
        "code": _token("codeCodeableConcept"),
        "performer": _reference("performer"),
        "authored-on": _date("authoredOn"),
        "insurance": _reference("insurance"),
    },
    "DiagnosticReport": _SUBJECT
    | _STATUS
    | _CODE
    | _CATEGORY
    | _ENCOUNTER
    | {"date": _date("effectiveDateTime", "effectivePeriod"), "result": _reference("result")},
    "DocumentReference": _SUBJECT
    | _STATUS
    | _CATEGORY
    | _IDENTIFIER
    | {
        "type": _token("type"),
        "date": _date("date"),
        "period": _date("context.period"),
        "author": _reference("author"),
        "encounter": _reference("context.encounter"),
    },
    "Encounter": _SUBJECT
    | _STATUS
    | _IDENTIFIER
    | {
        "class": _token("class"),
        "type": _token("type"),
        "date": _date("period"),
        "location": _reference("location.location"),
        "discharge-disposition": _token("hospitalization.dischargeDisposition"),
        "participant": _reference("participant.individual"),
        "service-provider": _reference("serviceProvider"),
    },
    "FamilyMemberHistory": _STATUS
    | {
        "patient": _reference("patient"),
        "code": _token("condition.code"),
        "relationship": _token("relationship"),
        "date": _date("date"),
    },
    "Goal": _SUBJECT
    | {
        "lifecycle-status": _token("lifecycleStatus"),
        "target-date": _date("target.dueDate"),
        "description": _token("description"),
    },
    "Immunization": _STATUS
    | {"patient": _reference("patient"), "date": _date("occurrenceDateTime"), "vaccine-code": _token("vaccineCode")},
    "Location": _NAME | _ADDRESS | _IDENTIFIER,
    "Medication": _CODE,
    "MedicationAdministration": _SUBJECT
    | _STATUS
    | {
        "code": _token("medicationCodeableConcept"),
        "medication": _reference("medicationReference"),
        "effective-time": _date("effectiveDateTime", "effectivePeriod"),
    },
    "MedicationDispense": _SUBJECT
    | _STATUS
    | {
        "type": _token("type"),
        "code": _token("medicationCodeableConcept"),
        "medication": _reference("medicationReference"),
    },
    "MedicationRequest": _ORDER
    | {
        "authoredon": _date("authoredOn"),
        "code": _token("medicationCodeableConcept"),
        "medication": _reference("medicationReference"),
    },
    "MedicationStatement": _SUBJECT
    | _STATUS
    | {"code": _token("medicationCodeableConcept"), "effective": _date("effectiveDateTime", "effectivePeriod")},
    "NutritionOrder": _STATUS
    | _IDENTIFIER
    | {"patient": _reference("patient"), "provider": _reference("orderer"), "datetime": _date("dateTime")},
    "Observation": _SUBJECT
    | _STATUS
    | _CODE
    | _CATEGORY
    | _ENCOUNTER
    | {
        "date": _date("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        "performer": _reference("performer"),
        "value-concept": _token("valueCodeableConcept"),
        "combo-code": _token("code", "component.code"),
    },
    "Organization": _NAME | _ADDRESS | _IDENTIFIER | {"type": _token("type"), "active": _token("active")},
    "Patient": _PERSON
    | _IDENTIFIER
    | {
        "birthdate": _date("birthDate"),
        "death-date": _date("deceasedDateTime"),
        "gender": _token("gender"),
        "general-practitioner": _reference("generalPractitioner"),
    },
    "Practitioner": _PERSON | _IDENTIFIER | {"active": _token("active")},
    "PractitionerRole": _IDENTIFIER
    | {
        "specialty": _token("specialty"),
        "practitioner": _reference("practitioner"),
        "organization": _reference("organization"),
        "endpoint": _reference("endpoint"),
    },
    "Procedure": _SUBJECT
    | _STATUS
    | _CODE
    | _CATEGORY
    | _ENCOUNTER
    | {"date": _date("performedDateTime", "performedPeriod"), "performer": _reference("performer.actor")},
    "Provenance": {
        "target": _reference("target"),
        "patient": _reference("target"),
        "recorded": _date("recorded"),
        "agent": _reference("agent.who"),
    },
    "Questionnaire": _STATUS
    | _IDENTIFIER
    | {"url": Parameter("uri", ("url",)), "version": _token("version"), "title": _string("title")},
    "QuestionnaireResponse": _SUBJECT
    | _STATUS
    | _IDENTIFIER
    | _ENCOUNTER
    | {
        "authored": _date("authored"),
        "author": _reference("author"),
        "questionnaire": _reference("questionnaire"),
        "based-on": _reference("basedOn"),
        "context": _reference(QR_CONTEXT),
    },
    "RelatedPerson": _PERSON | {"patient": _reference("patient")},
    "ServiceRequest": _ORDER
    | _CODE
    | _CATEGORY
    | {
        "authored": _date("authoredOn"),
        "occurrence": _date("occurrenceDateTime", "occurrencePeriod"),
        "performer": _reference("performer"),
    },
    "Specimen": _SUBJECT | {"type": _token("type")},
    "Task": _STATUS
    | _CODE
    | _IDENTIFIER
    | {
        "patient": _reference("for"),
        "focus": _reference("focus"),
        "owner": _reference("owner"),
        "based-on": _reference("basedOn"),
    },
    "VisionPrescription": _STATUS
    | _IDENTIFIER
    | {"patient": _reference("patient"), "prescriber": _reference("prescriber"), "datewritten": _date("dateWritten")},
}
"""By resource type, in the order of the alphabet; every type has those of COMMON besides."""

WRITABLE = frozenset({"QuestionnaireResponse", "Task"})
"""What an app may create and update (DTR 2.2.0, CapabilityStatement light-dtr-ehr)."""


def parameter(resource_type: str, name: str) -> Parameter | None:
    return PARAMETERS.get(resource_type, {}).get(name) or COMMON.get(name)
