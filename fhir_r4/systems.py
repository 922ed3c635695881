"""Which canonical URLs and code systems do we speak of? Named as the guides name them."""

CRD = "http://hl7.org/fhir/us/davinci-crd"
DTR = "http://hl7.org/fhir/us/davinci-dtr"
PAS = "http://hl7.org/fhir/us/davinci-pas"
SDC = "http://hl7.org/fhir/uv/sdc"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"

COVERAGE_INFORMATION = f"{CRD}/StructureDefinition/ext-coverage-information"
CRD_TEMP = f"{CRD}/CodeSystem/temp"
CRD_CARD_TYPE = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"  # CRD 2.2
COVERAGE_INFORMATION_CODES = f"{CRD}/CodeSystem/coverage-information-codes"  # CRD 2.2

PAS_TEMP = f"{PAS}/CodeSystem/PASTempCodes"
REVIEW_ACTION = f"{PAS}/StructureDefinition/extension-reviewAction"
REVIEW_ACTION_CODE = f"{PAS}/StructureDefinition/extension-reviewActionCode"
ITEM_TRACE_NUMBER = f"{PAS}/StructureDefinition/extension-itemTraceNumber"
ITEM_PREAUTH_ISSUE_DATE = f"{PAS}/StructureDefinition/extension-itemPreAuthIssueDate"
ITEM_PREAUTH_PERIOD = f"{PAS}/StructureDefinition/extension-itemPreAuthPeriod"
ADMINISTRATION_REFERENCE_NUMBER = f"{PAS}/StructureDefinition/extension-administrationReferenceNumber"
AUTHORIZATION_NUMBER = f"{PAS}/StructureDefinition/extension-authorizationNumber"
CERTIFICATION_TYPE = f"{PAS}/StructureDefinition/extension-certificationType"
LEVEL_OF_SERVICE = f"{PAS}/StructureDefinition/extension-levelOfServiceCode"
REQUESTED_SERVICE = f"{PAS}/StructureDefinition/extension-requestedService"
CLAIM_RESPONSE_REVIEWER = f"{PAS}/StructureDefinition/extension-claimResponseReviewer"  # PAS 2.2
INFO_CHANGED = f"{PAS}/StructureDefinition/extension-infoChanged"
INFO_CANCELLED = f"{PAS}/StructureDefinition/modifierextension-infoCancelled"
ERROR_ELEMENT = f"{PAS}/StructureDefinition/extension-errorElement"
ERROR_PATH = f"{PAS}/StructureDefinition/extension-errorPath"
ERROR_FOLLOWUP_ACTION = f"{PAS}/StructureDefinition/extension-errorFollowupAction"

X12_REVIEW_ACTION = "https://codesystem.x12.org/005010/306"
X12_REJECT_REASON = "https://codesystem.x12.org/005010/901"
X12_FOLLOWUP_ACTION = "https://codesystem.x12.org/005010/889"
X12_CERTIFICATION_TYPE = "https://codesystem.x12.org/005010/1322"
X12_LEVEL_OF_SERVICE = "https://codesystem.x12.org/005010/1338"

INFORMATION_ORIGIN = f"{DTR}/StructureDefinition/information-origin"
QR_CONTEXT = f"{DTR}/StructureDefinition/qr-context"
QR_COVERAGE = f"{DTR}/StructureDefinition/qr-coverage"  # DTR 2.2
INTENDED_USE = f"{DTR}/StructureDefinition/intendedUse"

INITIAL_EXPRESSION = f"{SDC}/StructureDefinition/sdc-questionnaire-initialExpression"
LAUNCH_CONTEXT = f"{SDC}/StructureDefinition/sdc-questionnaire-launchContext"
VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable"

NPI = "http://hl7.org/fhir/sid/us-npi"
UCUM = "http://unitsofmeasure.org"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
MEMBER_NUMBER = "MB"
ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
PROCESS_PRIORITY = "http://terminology.hl7.org/CodeSystem/processpriority"
DATA_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ORIGINAL_URN = "urn:ietf:rfc:3986"

HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CPT = "http://www.ama-assn.org/go/cpt"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"

ALIASES = {  # one system, as it is spelt in the wild; the first column is what we compare with
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": HCPCS,
    "urn:oid:2.16.840.1.113883.6.285": HCPCS,
    "urn:oid:2.16.840.1.113883.6.14": HCPCS,
    "http://terminology.hl7.org/CodeSystem/HCPCS": HCPCS,
    "https://bluebutton.cms.gov/resources/codesystem/hcpcs": HCPCS,
    "https://www.ama-assn.org/go/cpt": CPT,
    "urn:oid:2.16.840.1.113883.6.12": CPT,
}


def canonical_system(system: str) -> str:
    """Return the one spelling under which a code system is compared.

    >>> canonical_system("urn:oid:2.16.840.1.113883.6.285") == HCPCS
    True
    """
    bare = system.partition("|")[0].rstrip("/")
    return ALIASES.get(bare, bare)


BILLING = frozenset({HCPCS, CPT})
"""The systems in which a service is asked for; a code of another says nothing about coverage."""


def code_key(system: str, code: str) -> tuple[str, str]:
    """Return under what a code is compared: billing codes know no lower case.

    >>> code_key("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "e0424") == (HCPCS, "E0424")
    True
    """
    known = canonical_system(system)
    return known, code.upper() if known in BILLING else code
