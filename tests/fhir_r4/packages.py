"""The published packages, where they stand beside the project; tests that need them skip where they do not."""

from functools import cache
from pathlib import Path

import pytest

from app.profiles import claims, examples
from fhir_r4.resource import as_dict, kind
from fhir_r4.wire import read_json

SHARED = Path(__file__).parents[3] / "shared"
FOLDER = SHARED / "ig"
GUIDES = {  # guide -> (archive, generation)
    "pas-2.0.1": ("hl7.fhir.us.davinci-pas-2.0.1.tgz", "2.0"),
    "pas-2.2.1": ("hl7.fhir.us.davinci-pas-2.2.1.tgz", "2.2"),
    "crd-2.0.1": ("hl7.fhir.us.davinci-crd-2.0.1.tgz", "2.0"),
    "crd-2.2.1": ("hl7.fhir.us.davinci-crd-2.2.1.tgz", "2.2"),
    "dtr-2.0.1": ("hl7.fhir.us.davinci-dtr-2.0.1.tgz", "2.0"),
    "dtr-2.2.0": ("hl7.fhir.us.davinci-dtr-2.2.0.tgz", "2.2"),
}
needs_packages = pytest.mark.skipif(not FOLDER.is_dir(), reason="the published packages are not beside the project")
needs_verdicts = pytest.mark.skipif(
    not (SHARED / "verdicts").is_dir(), reason="the HL7 validator's verdicts are not beside the project"
)


@cache
def guide_examples(guide: str) -> dict[str, dict]:
    """Return the examples of a guide by file name; those that are no resources are left out."""
    archive = (FOLDER / GUIDES[guide][0]).read_bytes()
    read = {name: read_json(body) for name, body in examples(archive)}
    return {name: body for name, body in read.items() if kind(body)}


@cache
def published_for(guide: str) -> dict[str, str]:
    return claims((FOLDER / GUIDES[guide][0]).read_bytes())


def profile_of(guide: str, body: dict) -> str | None:
    """Return the profile that the guide publishes an example for, else the first that the example claims."""
    stated = published_for(guide).get(f"{kind(body)}/{body.get('id')}")
    claimed = as_dict(body.get("meta")).get("profile") or [None]
    return stated or claimed[0]
