"""Which payers does the app ask for forms? Told to every EHR, without a token, in the words of each generation.

The identifiers are those by which a Coverage names its payer, and by which HRex finds a payer's endpoints.

Source: DTR 2.0.1 @103 to @112 (a JSON object of its own); DTR 2.2.0 spec-101 to spec-106, profile dtr-supported-Payers.
"""

from collections.abc import Callable, Iterable, Mapping

from app.dtr.registered import RegisteredPayer
from fhir_r4.generations import Generation
from fhir_r4.systems import DTR

PROFILE = f"{DTR}/StructureDefinition/dtr-supported-Payers"


def _as_object(payers: Iterable[RegisteredPayer]) -> dict:
    """Return ``{"payers": [{"id": "00099", "name": "Acme Health"}]}``, with the identifier's system if any."""
    return {
        "payers": [
            {"id": one.value, "name": payer.name} | ({"system": one.system} if one.system else {})
            for payer in payers
            for one in _sorted(payer)
        ]
    }


def _as_list(payers: Iterable[RegisteredPayer]) -> dict:
    organizations = [
        {
            "resourceType": "Organization",
            "id": f"payer-{number}",
            "identifier": [one.to_fhir() for one in _sorted(payer)],
            "active": True,
            "name": payer.name,
        }
        for number, payer in enumerate(payers, start=1)
    ]
    return {
        "resourceType": "List",
        "id": "supported-payers",
        "meta": {"profile": [PROFILE]},
        "contained": organizations,
        "status": "current",
        "mode": "snapshot",
        "title": "Payers whose forms this app fills",
        "entry": [{"item": {"reference": f"#{one['id']}"}} for one in organizations],
    }


SUPPORTED: Mapping[Generation, Callable[[Iterable[RegisteredPayer]], dict]] = {
    Generation.V2_0: _as_object,
    Generation.V2_2: _as_list,
}


def _sorted(payer: RegisteredPayer) -> list:
    return sorted(payer.identifiers, key=str)
