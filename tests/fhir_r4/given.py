"""A small PAS request that keeps to every profile it claims; a test changes what matters to it."""

PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
BASE = "https://clinic.example.org/fhir"
REQUEST = f"{PAS}/profile-pas-request-bundle"


def coded(system: str, code: str) -> dict:
    return {"coding": [{"system": system, "code": code}]}


def a_claim() -> dict:
    return {
        "resourceType": "Claim",
        "id": "claim",
        "meta": {"profile": [f"{PAS}/profile-claim"]},
        "identifier": [{"system": "https://clinic.example.org/claims", "value": "1"}],
        "status": "active",
        "type": coded("http://terminology.hl7.org/CodeSystem/claim-type", "professional"),
        "use": "preauthorization",
        "patient": {"reference": "Patient/member"},
        "created": "2026-11-22T15:04:05Z",
        "insurer": {"reference": "Organization/payer"},
        "provider": {"reference": "Organization/clinic"},
        "priority": coded("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/plan"}}],
        "supportingInfo": [
            {
                "sequence": 1,
                "category": coded("http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASTempCodes", "patientEvent"),
                "timingDate": "2026-12-01",
            }
        ],
        "item": [
            {
                "extension": [
                    {
                        "url": f"{PAS}/extension-serviceItemRequestType",
                        "valueCodeableConcept": coded("https://codesystem.x12.org/005010/1525", "HS"),
                    }
                ],
                "sequence": 1,
                "category": coded("https://codesystem.x12.org/005010/1365", "42"),
                "productOrService": coded("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "G0154"),
            }
        ],
    }


def an_organization(name: str, profile: str, npi: str) -> dict:
    return {
        "resourceType": "Organization",
        "id": name,
        "meta": {"profile": [f"{PAS}/{profile}"]},
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": npi}],
        "active": True,
        "type": [coded("https://codesystem.x12.org/005010/98", "PR")],
        "name": name,
    }


def a_member() -> dict:
    return {
        "resourceType": "Patient",
        "id": "member",
        "meta": {"profile": [f"{PAS}/profile-beneficiary"]},
        "identifier": [{"system": "https://payer.example.org/members", "value": "1"}],
        "name": [{"family": "Lovelace", "given": ["Ada"]}],
        "gender": "female",
        "birthDate": "1990-12-10",
    }


def a_coverage() -> dict:
    return {
        "resourceType": "Coverage",
        "id": "plan",
        "meta": {"profile": [f"{PAS}/profile-coverage"]},
        "status": "active",
        "beneficiary": {"reference": "Patient/member"},
        "payor": [{"reference": "Organization/payer"}],
    }


def a_request() -> dict:
    resources = [
        a_claim(),
        an_organization("clinic", "profile-requestor", "1234567893"),
        an_organization("payer", "profile-insurer", "1093816724"),
        a_coverage(),
        a_member(),
    ]
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [REQUEST]},
        "identifier": {"system": "https://clinic.example.org/submissions", "value": "1"},
        "type": "collection",
        "timestamp": "2026-11-22T15:04:05Z",
        "entry": [{"fullUrl": f"{BASE}/{r['resourceType']}/{r['id']}", "resource": r} for r in resources],
    }
