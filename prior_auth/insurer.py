"""Which payer is asked? An Organization of the Bundle, or one that the Claim names by its identifier alone."""

from dataclasses import dataclass

from fhir_r4.bundle import Entries, Entry
from fhir_r4.problems import InvalidRequest, Issue
from fhir_r4.resource import Identifier, as_dict, identifier, identifiers, reference


@dataclass(frozen=True, slots=True)
class Insurer:
    """Who is asked, as the request names them.

    Attributes:
        path: FHIRPath of the identifiers.
        reference: how an answer refers to them.
        entry: where the Bundle holds them.
    """

    identifiers: tuple[Identifier, ...]
    path: str
    reference: dict
    entry: Entry | None = None


def read_insurer(entries: Entries) -> Insurer:
    """Read ``Claim.insurer``; raise InvalidRequest where it leads to no Organization of the Bundle."""
    claim = entries[0]
    asked, where = as_dict(claim.resource.get("insurer")), f"{claim.path}.insurer"
    if not reference(asked) and (named := identifier(asked.get("identifier"))):
        return Insurer((named,), f"{where}.identifier", {"identifier": asked["identifier"]})
    found = entries.resolve(reference(asked), claim)
    if found is None or found.kind != "Organization":
        raise InvalidRequest(Issue("not-found", "this must refer to an Organization in the Bundle", where))
    return Insurer(identifiers(found.resource), f"{found.path}.identifier", {"reference": found.full_url}, found)
