"""SANDBOX. What does a token let its bearer see and do? One patient's record, and of it what the scopes name.

Source: SMART App Launch 2.2, "Scopes for requesting FHIR Resources"; FHIR R4, patient compartment.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fhir_r4.resource import as_dict, dicts, kind, reference, text_of

_SCOPE = re.compile(r"patient/(?P<type>\*|[A-Z][A-Za-z]*)\.(?P<rights>read|write|(?=.)c?r?u?d?s?)(\?.*)?")
_FIRST_VERSION = {"read": "rs", "write": "cud"}
_OWNERS = ("patient", "subject", "beneficiary", "for")
IDENTITY = frozenset({"openid", "fhirUser", "launch", "launch/patient"})


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted; without a patient it is the EHR's own staff, who see all.

    Attributes:
        patient: bare id.
        rights: ``(type or "*", letters of cruds)``.
    """

    patient: str | None = None
    rights: tuple[tuple[str, str], ...] = (("*", "cruds"),)

    def may(self, interaction: str, resource_type: str) -> bool:
        """Tell whether an interaction, one letter of ``cruds``, is granted for a type."""
        return any(type_ in {"*", resource_type} and interaction in letters for type_, letters in self.rights)

    def sees(self, resource: dict) -> bool:
        """Tell whether a resource is the patient's, or nobody's: people, organizations and places are nobody's."""
        owners = set(_owners(resource))
        return self.patient is None or not owners or self.patient in owners

    def takes(self, resource: dict) -> bool:
        """Tell whether a resource may be written: it is the patient's, and nobody else's."""
        return self.patient is None or set(_owners(resource)) == {self.patient}


EVERYTHING = Grant()
NOTHING = Grant("", ())


def granted(scopes: str) -> str:
    """Return the scopes that an app gets of those that it asks for: who launched, and a patient's record.

    >>> granted("openid patient/*.rs system/*.cruds user/*.read")
    'openid patient/*.rs'
    """
    return " ".join(one for one in scopes.split() if one in IDENTITY or _SCOPE.fullmatch(one))


def grant_of(patient: str, scopes: str) -> Grant:
    """Return what these scopes mean for a launch with this patient.

    >>> grant_of("p", "patient/Observation.read patient/QuestionnaireResponse.cu").rights
    (('Observation', 'rs'), ('QuestionnaireResponse', 'cu'))
    """
    read = (_SCOPE.fullmatch(one) for one in scopes.split())
    rights = [(one["type"], _FIRST_VERSION.get(one["rights"], one["rights"])) for one in read if one]
    return Grant(patient, tuple(rights))


def _owners(resource: dict) -> Iterable[str]:
    """Yield the ids of the patients whose a resource is."""
    if kind(resource) == "Patient":
        yield text_of(resource.get("id")) or ""
    held = [resource.get(name) for name in _OWNERS]
    held += [as_dict(one).get("actor") for one in dicts(resource.get("participant"))]
    for target in filter(None, map(reference, held)):
        type_, _, identity = target.rpartition("/")
        if type_.rpartition("/")[2] == "Patient":
            yield identity
