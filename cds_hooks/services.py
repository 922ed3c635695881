"""Which hooks do we serve, and how is each found?

Primary hooks always answer with coverage information for what is ordered or booked; at the others it may be left
out, and asks for no documentation (CRD 2.0.1 #164, #167; 2.2.1 hook-16, hook-19).
"""

from dataclasses import dataclass

from cds_hooks.options import (
    ADVICE,
    CLAIM,
    COVERAGE_INFO,
    INSURANCE,
    MAX_CARDS,
    NETWORK,
    OPTIONAL_ALTERNATIVES,
    REQUIRED_ALTERNATIVES,
    UNSOLICITED,
    Option,
)
from cds_hooks.prefetch import Needs, templates

VERSIONS = ("2.0", "2.2")
USAGE = (
    "Works from prefetch alone. Without prefetch and without access to the FHIR server there is no Coverage to speak "
    "about: HTTP 412. With access, needs patient/Patient.rs and patient/Coverage.rs (who is insured), "
    "user/Organization.rs, user/Practitioner.rs and user/PractitionerRole.rs (payer and performer), what is ordered "
    "(patient/DeviceRequest.rs, patient/MedicationRequest.rs, patient/ServiceRequest.rs, patient/Device.rs, "
    "user/Medication.rs, patient/Encounter.rs), and patient/Questionnaire.rs (whether a form is there)."
)
FACTS = " For what single policies ask about, read when such an order comes: {}."
DEGRADED = " Where these are not given, the answer names what is missing."


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service: a hook of ours and how it is found.

    Attributes:
        primary: coverage information is always answered, documentation needs included.
        ordering: the hook is about orders that are still being written; alternatives can be proposed.
    """

    id: str
    hook: str
    title: str
    description: str
    options: tuple[Option, ...]
    primary: bool = False
    ordering: bool = False

    def to_json(self, prefetch: str = "portable", needs: Needs = Needs()) -> dict:  # noqa: B008 frozen
        return {
            "hook": self.hook,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "usageRequirements": USAGE + (FACTS.format(", ".join(needs.scopes)) if needs.scopes else "") + DEGRADED,
            "prefetch": templates(self.hook, prefetch, needs),
            "extension": {
                "davinci-crd.version": list(VERSIONS),
                "davinci-crd.configuration-options": [option.to_json() for option in self.options],
            },
        }


_COVERAGE = (COVERAGE_INFO, UNSOLICITED)
_ORDERING = (*_COVERAGE, *ADVICE, OPTIONAL_ALTERNATIVES, REQUIRED_ALTERNATIVES, NETWORK, CLAIM, MAX_CARDS)
SERVICES = {
    service.id: service
    for service in (
        Service(
            "appointment-book-crd",
            "appointment-book",
            "Coverage requirements at booking",
            "Says for each appointment, or the order behind it, whether it is covered and what it needs",
            (*_COVERAGE, *ADVICE, NETWORK, INSURANCE, CLAIM, MAX_CARDS),
            primary=True,
        ),
        Service(
            "encounter-start-crd",
            "encounter-start",
            "Coverage at admission",
            "Says whether an encounter that names a service is covered, and what has changed in the coverage",
            (*_COVERAGE, *ADVICE, INSURANCE, MAX_CARDS),
        ),
        Service(
            "encounter-discharge-crd",
            "encounter-discharge",
            "Coverage at discharge",
            "Says whether an encounter that names a service is covered",
            (*_COVERAGE, *ADVICE, MAX_CARDS),
        ),
        Service(
            "order-dispatch-crd",
            "order-dispatch",
            "Coverage requirements at dispatch",
            "Says for each dispatched order what the plan requires, now that the performer is known",
            (*_COVERAGE, *ADVICE, NETWORK, CLAIM, MAX_CARDS),
            primary=True,
        ),
        Service(
            "order-select-crd",
            "order-select",
            "Coverage while ordering",
            "Says early whether what was selected is covered and needs prior authorization, and proposes alternatives",
            _ORDERING,
            ordering=True,
        ),
        Service(
            "order-sign-crd",
            "order-sign",
            "Coverage requirements at signing",
            "Says for each order whether it is covered, needs prior authorization and what documentation",
            _ORDERING,
            primary=True,
            ordering=True,
        ),
    )
}


def discovery(prefetch: str = "portable", needs: Needs = Needs()) -> dict:  # noqa: B008 frozen
    """Return the discovery document (CDS Hooks 2.0, "Discovery")."""
    return {"services": [service.to_json(prefetch, needs) for service in SERVICES.values()]}
