"""What do we say of ourselves? A CapabilityStatement and a SMART configuration for each base."""

from flask import Blueprint, Response

from app.api.door import fhir, plain
from app.current import the_service
from app.security.jwt import ALGORITHMS
from app.security.scopes import SUPPORTED
from app.wiring import Service
from fhir_r4.generations import Generation
from fhir_r4.systems import BACKPORT, DTR, PAS
from prior_auth.subscription import TOPIC

door = Blueprint("metadata", __name__, url_prefix="/fhir/<generation:generation>")

SINCE = "2026-11-23"
_GUIDES = {
    Generation.V2_0: {"davinci-crd": "2.0.1", "davinci-dtr": "2.0.1", "davinci-pas": "2.0.1"},
    Generation.V2_2: {"davinci-crd": "2.2.1", "davinci-dtr": "2.2.0", "davinci-pas": "2.2.1"},
}


@door.get("/metadata")
def capability_statement(generation: Generation) -> Response:
    return fhir(capabilities(the_service(), generation))


@door.get("/.well-known/smart-configuration")
def smart_configuration(generation: Generation) -> Response:  # noqa: ARG001 the same on each base
    service = the_service()
    return plain(
        {
            "token_endpoint": f"{service.config.base_url}/oauth/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "grant_types_supported": ["client_credentials"],
            "scopes_supported": list(SUPPORTED),
            "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
        }
    )


def capabilities(service: Service, generation: Generation) -> dict:
    """Return the CapabilityStatement of one base: what it does, and nothing that it does not do yet."""
    guides = _GUIDES[generation]
    pas, dtr = guides["davinci-pas"], guides["davinci-dtr"]
    coding = {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": SINCE,
        "kind": "instance",
        "software": {"name": "priorauth"},
        "implementation": {"description": "Prior authorization", "url": service.fhir_base(generation)},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "implementationGuide": [
            f"http://hl7.org/fhir/us/{name}/ImplementationGuide/{name}|{version}" for name, version in guides.items()
        ],
        "rest": [
            {
                "mode": "server",
                "security": {"service": [{"coding": [coding]}]},
                "resource": [
                    {
                        "type": "Claim",
                        "operation": [
                            {"name": "submit", "definition": f"{PAS}/OperationDefinition/Claim-submit|{pas}"},
                            {"name": "inquire", "definition": f"{PAS}/OperationDefinition/Claim-inquiry|{pas}"},
                        ],
                    },
                    {
                        "type": "Subscription",
                        "extension": [
                            {"url": f"{BACKPORT}/capabilitystatement-subscriptiontopic-canonical", "valueUri": TOPIC}
                        ],
                        "supportedProfile": [f"{BACKPORT}/backport-subscription"],
                        "interaction": [{"code": "create"}, {"code": "read"}],
                    },
                    {
                        "type": "Questionnaire",
                        "operation": [
                            {
                                "name": "questionnaire-package",
                                "definition": f"{DTR}/OperationDefinition/questionnaire-package|{dtr}",
                            }
                        ],
                    },
                ],
            }
        ],
    }
