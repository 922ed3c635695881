"""Does a request change an earlier one, which, and how? Updates, renewals and cancellations in both spellings.

2.0.1 flags what differs (infoChanged, infoCancelled) and may leave the rest out; 2.2 names the prior Claim in
``related``, sends it along, and lists every item that there ever was. Either is read alike (pas.md §3.3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from fhir_r4.bundle import Entries
from fhir_r4.resource import (
    Identifier,
    as_dict,
    codings,
    dicts,
    extension,
    extensions,
    identifier,
    identifiers,
    reference,
    text_of,
)
from fhir_r4.systems import (
    ADMINISTRATION_REFERENCE_NUMBER,
    AUTHORIZATION_NUMBER,
    CERTIFICATION_TYPE,
    INFO_CANCELLED,
    INFO_CHANGED,
    X12_CERTIFICATION_TYPE,
)


class Wish(StrEnum):
    """What the submitter says of an item, beside what it was before (pas.md §3.3)."""

    NEW = "new"
    CHANGED = "changed"
    RENEWED = "renewed"
    CANCELLED = "cancelled"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """Which earlier request is changed, and whether all of it is cancelled.

    Attributes:
        identifiers: of the prior Claim, as the new one names or includes it.
        targets: references to the prior Claim, to the letter.
        numbers: authorization and administration reference numbers.
        path: where the prior is named.
    """

    identifiers: frozenset[Identifier]
    targets: frozenset[str]
    numbers: frozenset[str]
    cancels_all: bool
    path: str


def changes_another(claim: dict) -> bool:
    """Tell whether the request changes an earlier one (pas.md §3.3), in any generation's way of saying so."""
    elements = [claim, *dicts(claim.get("item")), *dicts(claim.get("supportingInfo"))]
    saying = [one for one in elements if "extension" in one or "modifierExtension" in one]
    flagged = any(extensions(one, INFO_CHANGED) or _is_cancelled(one) for one in saying)
    again = any(certification_types(one) - {"I"} for one in saying)
    return bool(dicts(claim.get("related"))) or flagged or again


def read_change(entries: Entries) -> Change:
    """Read which request is changed: by reference, by identifier, by the numbers that we gave (pas.md §3.3)."""
    claim = entries[0]
    related = dicts(claim.resource.get("related"))
    before = [one for held in related if (one := entries.resolve(reference(held.get("claim")), claim))]
    named = [found for held in related if (found := identifier(as_dict(held.get("claim")).get("identifier")))]
    filed = [found for held in related if (found := identifier(held.get("reference")))]
    elements = [claim.resource, *dicts(claim.resource.get("item")), *(one.resource for one in before)]
    given = (value for one in elements for url in _NUMBERS for held in extensions(one, url)
             if (value := text_of(held.get("valueString"))))  # fmt: skip
    return Change(
        identifiers=frozenset([*named, *(one for entry in before for one in identifiers(entry.resource)), *filed]),
        targets=frozenset(target for held in related if (target := reference(held.get("claim")))),
        numbers=frozenset([*given, *(one.value for one in filed)]),
        cancels_all="3" in certification_types(claim.resource),
        path=f"{claim.path}.related" if related else claim.path,
    )


_NUMBERS = (AUTHORIZATION_NUMBER, ADMINISTRATION_REFERENCE_NUMBER)


def wish_of(item: dict) -> Wish:
    """Read what is to become of an item; what says nothing of itself is as it was."""
    said, certification = extension(item, INFO_CHANGED).get("valueCode"), certification_types(item)
    if _is_cancelled(item) or "3" in certification:
        return Wish.CANCELLED
    if certification & _RENEWALS:
        return Wish.RENEWED
    return _WISHES.get(text_of(said) or "", Wish.UNCHANGED)


_WISHES = {"added": Wish.NEW, "changed": Wish.CHANGED}
_RENEWALS = frozenset({"4", "R"})  # extension, renewal


def certification_types(element: dict) -> set[str]:
    """Return the certification type of a Claim or item: I initial, 3 cancel, 4 extension, R renewal, S revised."""
    return {
        one.code
        for held in extensions(element, CERTIFICATION_TYPE)
        for one in codings(held.get("valueCodeableConcept"))
        if one.system == X12_CERTIFICATION_TYPE
    }


def _is_cancelled(element: dict) -> bool:
    flags = dicts(element.get("modifierExtension")) if "modifierExtension" in element else ()
    return any(one.get("url") == INFO_CANCELLED and one.get("valueBoolean") is not False for one in flags)


def withdrawn(claim: dict) -> Iterator[int]:
    yield from (one["sequence"] for one in dicts(claim.get("supportingInfo")) if _is_cancelled(one))
