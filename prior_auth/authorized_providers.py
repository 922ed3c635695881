"""Who is authorized to render what is certified? The care team of the request, each with its part.

Source: PAS 2.0.1 and 2.2.1, extension-itemAuthorizedProvider.
"""

from collections.abc import Iterator

from fhir_r4.bundle import Entry
from fhir_r4.generations import Generation
from fhir_r4.resource import as_list, codings, dicts, extension, reference
from fhir_r4.systems import PAS, X12_ENTITY
from prior_auth.authorization import Item
from prior_auth.case import Case
from prior_auth.decision import GRANTED

_EXTENSIONS = f"{PAS}/StructureDefinition/extension-"
_PROVIDER, _PROVIDER_TYPE = f"{_EXTENSIONS}itemAuthorizedProvider", f"{_EXTENSIONS}authorizedProviderType"
_OVERALL = f"{_EXTENSIONS}careTeamClaimScope"


def of_the_whole(case: Case) -> list[dict]:
    """Return who is authorized for the whole (2.2): the overall claim's care team, where something is certified.

    Without the type, which is told on items alone: the context of extension-authorizedProviderType is theirs.
    """
    if case.authorization.header not in GRANTED:
        return []
    team = [one for one in dicts(case.submission.claim.resource.get("careTeam")) if _is_overall(one)]
    return [_as_extension(found, None, one, Generation.V2_2) for one in team for found, _ in _who(one, case)]


def of_item(item: Item, case: Case, generation: Generation) -> list[dict]:
    """Return who is authorized for an item, as itemAuthorizedProvider."""
    return [_as_extension(entry, role, one, generation) for entry, role, one in _providers(item, case)]


def of_added_item(item: Item, case: Case) -> list[dict]:
    """Return who is authorized for what was granted instead, as ClaimResponse.addItem.provider (2.2)."""
    return [
        {"extension": [{"url": _PROVIDER_TYPE, "valueCodeableConcept": role}]} | {"reference": provider.full_url}
        if role
        else {"reference": provider.full_url}
        for provider, role, _ in _providers(item, case)
    ]


def _as_extension(provider: Entry, role: dict | None, member: dict, generation: Generation) -> dict:
    parts: list[dict] = [{"url": "provider", "valueReference": {"reference": provider.full_url}}]
    if role:
        parts.append({"url": _TYPE_URL[generation], "valueCodeableConcept": role})
    if generation is Generation.V2_2 and member.get("qualification"):
        parts.append({"url": "qualification", "valueCodeableConcept": member["qualification"]})
    return {"url": _PROVIDER, "extension": parts}


_TYPE_URL = {Generation.V2_0: "providerType", Generation.V2_2: _PROVIDER_TYPE}


def _providers(item: Item, case: Case) -> Iterator[tuple[Entry, dict | None, dict]]:
    """Yield who is authorized to render an item: its care team's members, as the request names them."""
    if not item.decision.grants:
        return
    wanted = set(as_list(item.asked.get("careTeamSequence")))
    for one in dicts(case.submission.claim.resource.get("careTeam")):
        if one.get("sequence") in wanted and not _is_overall(one):
            yield from ((entry, role, one) for entry, role in _who(one, case))


def _is_overall(member: dict) -> bool:
    return extension(member, _OVERALL).get("valueBoolean") is True


def _who(member: dict, case: Case) -> Iterator[tuple[Entry, dict | None]]:
    """Yield the Practitioner or Organization of a care team member, and their X12 entity type."""
    entries = case.submission.entries
    found = entries.resolve(reference(member.get("provider")), case.submission.claim)
    if found and found.kind == "PractitionerRole":
        found = entries.resolve(reference(found.resource.get("practitioner")), found)
    if found and found.kind in {"Practitioner", "Organization"}:
        role = [one.to_fhir() for one in codings(member.get("role")) if one.system == X12_ENTITY]
        yield found, ({"coding": role} if role else None)
