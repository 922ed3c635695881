"""What does FHIR ask of contained resources (dom-2 to dom-5)?"""

from collections.abc import Iterator
from typing import Any

from fhir_r4.profiles.findings import Findings
from fhir_r4.resource import as_dict, dicts


def check_contained(value: dict, path: str, findings: Findings) -> None:
    inside = dicts(value.get("contained"))
    named = set(_local_references(value)) if inside else set()
    for place, one in enumerate(inside):
        at, meta = f"{path}.contained[{place}]", as_dict(one.get("meta"))
        if one.get("contained"):
            findings.say("invariant", "dom-2: no contained resource inside a contained one", at)
        if "versionId" in meta or "lastUpdated" in meta:
            findings.say("invariant", "dom-4: no version of a contained resource", at)
        if "security" in meta:
            findings.say("invariant", "dom-5: no security label of a contained resource", at)
        if f"#{one.get('id')}" not in named and "#" not in _local_references(one):
            findings.say("invariant", "dom-3: a contained resource that is referred to", at)


def _local_references(value: Any) -> Iterator[str]:
    """Yield every reference, canonical and URI that starts with ``#``, at any depth."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
        elif isinstance(node, str) and node.startswith("#"):
            yield node
