"""What of a request may an answer tell again? What its profile has no room for is left out."""

from collections.abc import Collection
from typing import Any

from fhir_r4.bundle import Entries
from fhir_r4.resource import as_dict, dicts, reference, text_of
from fhir_r4.systems import DATA_ABSENT_REASON, canonical_system

NOT_CODED = {"coding": [{"system": DATA_ABSENT_REASON, "code": "not-applicable"}]}
"""A service for which PAS has no code, where there has to be one (value set X12278RequestedServiceType)."""


def coded(concept: Any, systems: Collection[str]) -> dict | None:
    """Return a concept with its code systems under the names that PAS has of them.

    None where it has no code of any of ``systems``, one of which the answer needs.
    """
    told = [_named(one) for one in dicts(as_dict(concept).get("coding"))]
    known = any(one.get("system") in systems and text_of(one.get("code")) for one in told)
    return as_dict(concept) | {"coding": told} if known else None


def _named(coding: dict) -> dict:
    system = text_of(coding.get("system"))
    return coding | {"system": canonical_system(system)} if system else coding


def named(said: dict, entries: Entries) -> dict:
    """Return an identifier as an answer tells it again.

    It has the first of each extension, which is what both generations have room for, and refers to its assigner by
    fullUrl, as the answer stands elsewhere.
    """
    first: dict[str | None, dict] = {}
    for one in dicts(said.get("extension")):
        first.setdefault(text_of(one.get("url")), one)
    return anchored(said, "assigner", entries) | ({"extension": [*first.values()]} if first else {})


def anchored(held: dict, name: str, entries: Entries) -> dict:
    """Return an element of the Claim with its reference ``name`` as the fullUrl of the entry that it means."""
    found = entries.resolve(reference(held.get(name)), entries[0])
    return held | {name: held[name] | {"reference": found.full_url}} if found else held


def whole(said: dict) -> bool:
    """Tell whether an identifier has the system and the value that 2.2.1 wants of each."""
    return bool(text_of(said.get("system")) and text_of(said.get("value")))


def in_full(timing: Any) -> bool:
    """Tell whether a day, or what a Period says of its days, is a full date (2.2.1, FullDateRule)."""
    days = [timing.get("start"), timing.get("end")] if isinstance(timing, dict) else [timing]
    said = [one for one in days if one is not None]
    return bool(said) and all(isinstance(one, str) and len(one) == len("2026-03-01") for one in said)
