"""SANDBOX. What does the EHR say that it can do? Its CapabilityStatement, made from what it searches by."""

from datetime import datetime

from app.sandbox.parameters import COMMON, PARAMETERS, QR_CONTEXT_PARAMETER, R4, US_CORE, WRITABLE

_US_CORE_OWN = frozenset(
    {("Condition", "asserted-date"), ("Encounter", "discharge-disposition"), ("Goal", "description")}
)
"""Parameters that US Core defines and FHIR does not."""


def statement(base: str, made: datetime) -> dict:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": made.isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": "priorauth sandbox EHR"},
        "implementation": {"description": "Sandbox EHR with synthetic patients", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "instantiates": ["http://hl7.org/fhir/us/core/CapabilityStatement/us-core-server"],
        "rest": [
            {
                "mode": "server",
                "security": {"service": [{"coding": [_SMART]}]},
                "resource": [_resource(one) for one in PARAMETERS],
                "interaction": [{"code": "batch"}],
            }
        ],
    }


_SMART = {
    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
    "code": "SMART-on-FHIR",
}


def _resource(resource_type: str) -> dict:
    own = PARAMETERS[resource_type]
    writes = ("create", "update") if resource_type in WRITABLE else ()
    included = [f"{resource_type}:{name}" for name, one in own.items() if one.type == "reference"]
    return {
        "type": resource_type,
        "interaction": [{"code": code} for code in ("read", "search-type", *writes)],
        "versioning": "versioned-update" if writes else "versioned",
        "updateCreate": False,
        **({"searchInclude": included} if included else {}),
        "searchRevInclude": ["Provenance:target"],
        "searchParam": [
            {"name": name, "definition": _definition(resource_type, name), "type": one.type}
            for name, one in {**COMMON, **own}.items()
        ],
    }


def _definition(resource_type: str, name: str) -> str:
    if name == "context":
        return QR_CONTEXT_PARAMETER
    if (resource_type, name) in _US_CORE_OWN:
        return f"{US_CORE}{resource_type.lower()}-{name}"
    return f"{R4}{'Resource' if name in COMMON else resource_type}-{name.removeprefix('_')}"
