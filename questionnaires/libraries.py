"""How do a form's CQL and its compiled ELM become the Library resource that a package carries?

The Library says nothing by itself: name, version, what it depends on and what data it needs are read from the ELM, so
that they cannot drift apart. Its url holds the version: both a bare reference to it and one with ``|version`` name one
version, as clients of either generation compare them.

Source: DTR 2.0.1 and 2.2.0, "CQL": content.data with text/cql and application/elm+json; FHIR R4, Library.
"""

import base64
import json

from cql import Libraries
from cql.package import ELM_JSON
from fhir_r4.resource import as_dict, dicts

BASE = "https://forms.priorauth.example.org/Library/"
LOGIC_LIBRARY = {"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}


def library_resource(cql: str, elm: dict, day: str) -> dict:
    """Return the Library of one CQL text.

    Args:
        elm: compiled from the text, with an identifier that has a version.
        day: ISO day of the form that it belongs to.

    Raises:
        KeyError: the ELM has no identifier with a version.
        CqlError: it is no ELM.
    """
    library = elm["library"]
    name, version = library["identifier"]["id"], library["identifier"]["version"]
    compiled = Libraries([elm])
    requirements = [one.to_fhir() for one in compiled.requirements(name)]
    return {
        "resourceType": "Library",
        "id": f"{name}-{version}",
        "url": canonical(name, version),
        "version": version,
        "name": name,
        "title": name,
        "status": "active",
        "type": {"coding": [LOGIC_LIBRARY]},
        "date": day,
        "publisher": "priorauth",
        "relatedArtifact": [{"type": "depends-on", "resource": one} for one in _needed(library)],
        "dataRequirement": requirements,
        "content": [_content("text/cql", cql.encode()), _content(ELM_JSON, _compact(elm))],
    }


def canonical(name: str, version: str) -> str:
    return f"{BASE}{name}-{version}"


def _needed(library: dict) -> list[str]:
    """Return the versioned canonicals of what the library includes and of its value sets."""
    includes = dicts(as_dict(library.get("includes")).get("def"))
    libraries = [f"{canonical(one['path'], one['version'])}|{one['version']}" for one in includes]
    sets = [f"{one['id']}|{one['version']}" for one in dicts(as_dict(library.get("valueSets")).get("def"))]
    return [*libraries, *sets]


def _content(kind: str, data: bytes) -> dict:
    return {"contentType": kind, "data": base64.b64encode(data).decode()}


def _compact(elm: dict) -> bytes:
    return json.dumps(elm, separators=(",", ":")).encode()
