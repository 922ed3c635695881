"""Which hooks do we serve, and what do we ask the EHR to send along?

Prefetch is the portable kind: tokens are root-level primitive fields of the context, as CDS Hooks 2.0 allows.
Only what is always needed is asked for (CRD 2.2.1 found-27); the rest is read when a case needs it.
"""

from dataclasses import dataclass

VERSIONS = ("2.0", "2.2")
COVERAGE_QUERY = "Coverage?patient={{context.patientId}}&status=active"


@dataclass(frozen=True, slots=True)
class Option:
    """A switch that a client may send in ``davinci-crd.configuration``."""

    code: str
    type: str
    name: str
    description: str
    default: bool | int

    def to_json(self) -> dict:
        return {
            "code": self.code,
            "type": self.type,
            "name": self.name,
            "description": self.description,
            "default": self.default,
        }


OPTIONS = (
    Option("coverage-info", "boolean", "Coverage information", "Annotate orders with what the plan requires", True),
    Option("guideline", "boolean", "Guidelines", "Show cards that lead to the policy", True),
    Option("max-cards", "integer", "Number of cards", "How many cards to return at most", 10),
)


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service: a hook of ours and how it is found."""

    id: str
    hook: str
    title: str
    description: str

    def to_json(self) -> dict:
        return {
            "hook": self.hook,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "usageRequirements": "Without prefetch or FHIR access there is no Coverage to speak about: HTTP 412.",
            "prefetch": {"patient": "Patient/{{context.patientId}}", "coverage": COVERAGE_QUERY},
            "extension": {
                "davinci-crd.version": list(VERSIONS),
                "davinci-crd.configuration-options": [option.to_json() for option in OPTIONS],
            },
        }


SERVICES = {
    service.id: service
    for service in (
        Service(
            "order-sign-crd",
            "order-sign",
            "Coverage requirements at signing",
            "Says for each order whether it is covered, needs prior authorization and what documentation",
        ),
    )
}


def discovery() -> dict:
    """Return the discovery document (CDS Hooks 2.0, "Discovery")."""
    return {"services": [service.to_json() for service in SERVICES.values()]}
