"""How do a form's CQL and its compiled ELM become the Library resource that a package carries?

The Library says nothing by itself: name, version, what it depends on and what data it needs are read from the ELM, so
that they cannot drift apart. Its url holds the version: both a bare reference to it and one with ``|version`` name one
version, as clients of either generation compare them. What it depends on are Libraries alone, which is how DTR's
clients read ``depends-on``; its value sets are named by the data that it needs, and by its logic.

Source: DTR 2.0.1 and 2.2.0, "CQL": content.data with text/cql and application/elm+json; FHIR R4, Library.
"""

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cql import CqlError, Libraries
from cql.package import ELM_JSON, elm_of
from fhir_r4.resource import as_dict, dicts, text_of

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
    needed = [{"type": _NEEDS, "resource": one} for one in _included(library)]
    sets = dict(one.split("|") for one in _value_sets(library) if "|" in one)
    requirements = [_versioned(one.to_fhir(), sets) for one in compiled.requirements(name)]
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
        **({"relatedArtifact": needed} if needed else {}),
        "dataRequirement": requirements,
        "content": [_content("text/cql", cql.encode()), _content(ELM_JSON, _compact(elm))],
    }


def canonical(name: str, version: str) -> str:
    return f"{BASE}{name}-{version}"


def needed_by(resource: dict) -> list[str]:
    """Return the canonicals of what a Library depends on, and those of the value sets that its logic names."""
    named = [
        text_of(one.get("resource")) for one in dicts(resource.get("relatedArtifact")) if one.get("type") == _NEEDS
    ]
    held = (text_of(one.get("data")) for one in dicts(resource.get("content")) if one.get("contentType") == ELM_JSON)
    return [*filter(None, named), *(one for data in held if data for one in _named_in(data))]


_NEEDS = "depends-on"


@lru_cache(maxsize=256)
def _named_in(data: str) -> tuple[str, ...]:
    try:
        elm = elm_of({"content": [{"contentType": ELM_JSON, "data": data}]})
    except CqlError:
        return ()
    return tuple(_value_sets(as_dict(as_dict(elm).get("library"))))


def _included(library: dict) -> list[str]:
    """Return the versioned canonicals of the libraries that a library includes."""
    includes = dicts(as_dict(library.get("includes")).get("def"))
    return [f"{canonical(one['path'], one['version'])}|{one['version']}" for one in includes]


def _value_sets(library: dict) -> list[str]:
    named = dicts(as_dict(library.get("valueSets")).get("def"))
    return [f"{one['id']}|{one['version']}" if "version" in one else one["id"] for one in named]


def _versioned(requirement: dict[str, Any], sets: Mapping[str, str]) -> dict[str, Any]:
    """Return a DataRequirement whose value sets name their version."""
    filters = [
        one | ({"valueSet": f"{found}|{sets[found]}"} if (found := one.get("valueSet")) in sets else {})
        for one in requirement.get("codeFilter", [])
    ]
    return requirement | ({"codeFilter": filters} if filters else {})


def _content(kind: str, data: bytes) -> dict:
    return {"contentType": kind, "data": base64.b64encode(data).decode()}


def _compact(elm: dict) -> bytes:
    return json.dumps(elm, separators=(",", ":")).encode()
