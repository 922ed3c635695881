"""Which canonical URLs and code systems do we speak of? Named as the guides name them."""

CRD = "http://hl7.org/fhir/us/davinci-crd"
DTR = "http://hl7.org/fhir/us/davinci-dtr"
PAS = "http://hl7.org/fhir/us/davinci-pas"
CDEX = "http://hl7.org/fhir/us/davinci-cdex"
SDC = "http://hl7.org/fhir/uv/sdc"
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"

COVERAGE_INFORMATION = f"{CRD}/StructureDefinition/ext-coverage-information"
CRD_TEMP = f"{CRD}/CodeSystem/temp"
CRD_CARD_TYPE = "http://terminology.hl7.org/CodeSystem/cdshooks-card-type"  # CRD 2.2
COVERAGE_INFORMATION_CODES = f"{CRD}/CodeSystem/coverage-information-codes"  # CRD 2.2
CRD_COVERAGE_DETAIL = "http://terminology.hl7.org/CodeSystem/crd-coverage-detail"  # CRD 2.2
OVERRIDE_REASONS = "https://forms.priorauth.example.org/CodeSystem/override-reasons"
SDC_TEMP = f"{SDC}/CodeSystem/temp"

PAS_TEMP = f"{PAS}/CodeSystem/PASTempCodes"
TRANSMISSION_IDENTIFIERS = f"{PAS}/StructureDefinition/extension-TransmissionIdentifiers"  # PAS 2.2
REVIEW_ACTION = f"{PAS}/StructureDefinition/extension-reviewAction"
REVIEW_ACTION_CODE = f"{PAS}/StructureDefinition/extension-reviewActionCode"
ITEM_TRACE_NUMBER = f"{PAS}/StructureDefinition/extension-itemTraceNumber"
ITEM_PREAUTH_ISSUE_DATE = f"{PAS}/StructureDefinition/extension-itemPreAuthIssueDate"
ITEM_PREAUTH_PERIOD = f"{PAS}/StructureDefinition/extension-itemPreAuthPeriod"
ADMINISTRATION_REFERENCE_NUMBER = f"{PAS}/StructureDefinition/extension-administrationReferenceNumber"
AUTHORIZATION_NUMBER = f"{PAS}/StructureDefinition/extension-authorizationNumber"
TRANSMISSION_IDENTIFIERS = f"{PAS}/StructureDefinition/extension-TransmissionIdentifiers"  # PAS 2.2
CERTIFICATION_TYPE = f"{PAS}/StructureDefinition/extension-certificationType"
LEVEL_OF_SERVICE = f"{PAS}/StructureDefinition/extension-levelOfServiceCode"
NUBC_REVENUE = "https://www.nubc.org/CodeSystem/RevenueCodes"
NUBC_REVENUE_2_0 = "https://www.nubc.org/revenue-code"  # as PAS 2.0.1 calls it
PLACE_OF_SERVICE = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
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
X12_REPORT_TYPE = "https://codesystem.x12.org/005010/755"
X12_UNIT = "https://codesystem.x12.org/005010/673"
X12_ENTITY = "https://codesystem.x12.org/005010/98"
X12_DECISION_REASON = "https://codesystem.x12.org/external/886"
X12_CERTIFICATION_TYPE = "https://codesystem.x12.org/005010/1322"
X12_LEVEL_OF_SERVICE = "https://codesystem.x12.org/005010/1338"

INFORMATION_ORIGIN = f"{DTR}/StructureDefinition/information-origin"
QR_CONTEXT = f"{DTR}/StructureDefinition/qr-context"
QR_COVERAGE = f"{DTR}/StructureDefinition/qr-coverage"  # DTR 2.2
INTENDED_USE = f"{DTR}/StructureDefinition/intendedUse"

INITIAL_EXPRESSION = f"{SDC}/StructureDefinition/sdc-questionnaire-initialExpression"
LAUNCH_CONTEXT = f"{SDC}/StructureDefinition/sdc-questionnaire-launchContext"
CALCULATED_EXPRESSION = f"{SDC}/StructureDefinition/sdc-questionnaire-calculatedExpression"
CANDIDATE_EXPRESSION = f"{SDC}/StructureDefinition/sdc-questionnaire-candidateExpression"
CONTEXT_EXPRESSION = f"{SDC}/StructureDefinition/sdc-questionnaire-contextExpression"
ITEM_POPULATION_CONTEXT = f"{SDC}/StructureDefinition/sdc-questionnaire-itemPopulationContext"
HIDDEN = "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden"
ENABLE_WHEN_EXPRESSION = f"{SDC}/StructureDefinition/sdc-questionnaire-enableWhenExpression"
ALTERNATIVE_EXPRESSION = f"{DTR}/StructureDefinition/alternativeExpression"  # DTR 2.2
CQF_LIBRARY = "http://hl7.org/fhir/StructureDefinition/cqf-library"
UNIT_OPTION = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption"
UNIT_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitValueSet"
TERMINOLOGY_SERVER = "http://hl7.org/fhir/StructureDefinition/preferredTerminologyServer"
SDC_TERMINOLOGY_SERVER = f"{SDC}/StructureDefinition/sdc-questionnaire-preferredTerminologyServer"
ADAPTIVE = f"{SDC}/StructureDefinition/sdc-questionnaire-questionnaireAdaptive"
US_PH_ALTERNATIVE_EXPRESSION = (  # DTR 2.0.1
    "http://hl7.org/fhir/us/ph-library/StructureDefinition/us-ph-alternative-expression-extension"
)
UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable"
_CORE_EXTENSION = "http://hl7.org/fhir/StructureDefinition"
RENDERING_XHTML = f"{_CORE_EXTENSION}/rendering-xhtml"
ITEM_CONTROL = f"{_CORE_EXTENSION}/questionnaire-itemControl"
OPTION_EXCLUSIVE = f"{_CORE_EXTENSION}/questionnaire-optionExclusive"
SUPPORT_LINK = f"{_CORE_EXTENSION}/questionnaire-supportLink"
SUPPORT_HYPERLINK = f"{_CORE_EXTENSION}/questionnaire-supportHyperlink"  # DTR 2.2
SIGNATURE_REQUIRED = f"{_CORE_EXTENSION}/questionnaire-signatureRequired"
SIGNATURE = f"{_CORE_EXTENSION}/questionnaireresponse-signature"
MIN_VALUE, MAX_VALUE = f"{_CORE_EXTENSION}/minValue", f"{_CORE_EXTENSION}/maxValue"
MIN_QUANTITY = f"{SDC}/StructureDefinition/sdc-questionnaire-minQuantity"
MAX_QUANTITY = f"{SDC}/StructureDefinition/sdc-questionnaire-maxQuantity"
MIN_LENGTH, MAX_DECIMAL_PLACES = f"{_CORE_EXTENSION}/minLength", f"{_CORE_EXTENSION}/maxDecimalPlaces"
MIN_OCCURS, MAX_OCCURS = f"{_CORE_EXTENSION}/questionnaire-minOccurs", f"{_CORE_EXTENSION}/questionnaire-maxOccurs"
MIME_TYPE, MAX_SIZE = f"{_CORE_EXTENSION}/mimeType", f"{_CORE_EXTENSION}/maxSize"

NPI = "http://hl7.org/fhir/sid/us-npi"
NUCC_TAXONOMY = "http://nucc.org/provider-taxonomy"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CODE_END = f"{PAS}/StructureDefinition/extension-productOrServiceCodeEnd"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
MEMBER_NUMBER = "MB"
ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
PROCESS_PRIORITY = "http://terminology.hl7.org/CodeSystem/processpriority"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
DATA_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ORIGINAL_URN = "urn:ietf:rfc:3986"

HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CPT = "http://www.ama-assn.org/go/cpt"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10_PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
NDC = "http://hl7.org/fhir/sid/ndc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"

ALIASES = {  # one system, as it is spelt in the wild; the first column is what we compare with
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": HCPCS,
    "urn:oid:2.16.840.1.113883.6.285": HCPCS,
    "urn:oid:2.16.840.1.113883.6.14": HCPCS,
    "http://terminology.hl7.org/CodeSystem/HCPCS": HCPCS,
    "https://bluebutton.cms.gov/resources/codesystem/hcpcs": HCPCS,
    "https://www.ama-assn.org/go/cpt": CPT,
    "urn:oid:2.16.840.1.113883.6.12": CPT,
    "http://terminology.hl7.org/CodeSystem/CPT": CPT,
    "urn:oid:2.16.840.1.113883.6.90": ICD_10_CM,
    "http://terminology.hl7.org/CodeSystem/icd10CM": ICD_10_CM,
    "https://hl7.org/fhir/sid/icd-10-cm": ICD_10_CM,
    "urn:oid:2.16.840.1.113883.6.4": ICD_10_PCS,
    "http://terminology.hl7.org/CodeSystem/icd10PCS": ICD_10_PCS,
    "https://www.cms.gov/Medicare/Coding/ICD10": ICD_10_PCS,
    "urn:oid:2.16.840.1.113883.6.69": NDC,
    "https://hl7.org/fhir/sid/ndc": NDC,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "https://www.nlm.nih.gov/research/umls/rxnorm": RXNORM,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "https://snomed.info/sct": SNOMED,
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "https://loinc.org": LOINC,
}


def canonical_system(system: str) -> str:
    """Return the one spelling under which a code system is compared.

    >>> canonical_system("urn:oid:2.16.840.1.113883.6.285") == HCPCS
    True
    """
    bare = system.partition("|")[0].rstrip("/")
    return ALIASES.get(bare, bare)


_CMS_PAYMENT = "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment"
DIAGNOSES = frozenset(
    {
        ICD_10_CM,
        "http://terminology.hl7.org/CodeSystem/icd9cm",
        f"{_CMS_PAYMENT}/AcuteInpatientPPS/MS-DRG-Classifications-and-Software",
        "http://uri.hddaccess.com/cs/apdrg",
        "http://uri.hddaccess.com/cs/aprdrg",
    }
)
"""The systems of PAS's value set X12278DiagnosisCodes, to the letter."""

SERVICES = frozenset(
    {
        *(HCPCS, CPT, ICD_10_PCS, NDC, DATA_ABSENT_REASON),
        "http://terminology.hl7.org/CodeSystem/icd9cm",
        "https://codesystem.x12.org/005010/1365",
    }
)
"""The systems of PAS's value set X12278RequestedServiceType, to the letter."""

BILLING = frozenset({HCPCS, CPT})
"""The systems in which a service is asked for; a code of another says nothing about coverage."""


_CLASSIFICATIONS = frozenset({ICD_10_CM, ICD_10_PCS})
_LABELER, _PRODUCT, _PACKAGE = 5, 4, 2  # the parts of an NDC as HIPAA spells it: 11 digits


def code_key(system: str, code: str) -> tuple[str, str]:
    """Return under what a code is compared.

    Billing codes and ICD know no lower case, and ICD no dot. Five characters that begin with a digit are CPT, also
    where they are called HCPCS: level I of it is CPT. An NDC is compared in its 11 digits.

    >>> code_key("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "e0424") == (HCPCS, "E0424")
    True
    >>> code_key(ICD_10_CM, "j44.9")[1], code_key(NDC, "0002-1433-80")[1]
    ('J449', '00002143380')
    """
    known = canonical_system(system)
    if known in BILLING:
        return (CPT if known == HCPCS and code[:1].isdigit() else known), code.upper()
    if known in _CLASSIFICATIONS:
        return known, code.replace(".", "").upper()
    return known, _eleven_digits(code) if known == NDC else code


def _eleven_digits(ndc: str) -> str:
    parts = ndc.split("-")
    if len(parts) != 3:
        return ndc
    return parts[0].zfill(_LABELER) + parts[1].zfill(_PRODUCT) + parts[2].zfill(_PACKAGE)
