"""What do we ask the EHR to send along? Templates in three profiles; an operator chooses (PRIORAUTH_CRD_PREFETCH).

* ``portable``: root-level primitive fields of the context are the only tokens, as CDS Hooks 2.0 allows.
* ``crd-2.0``: the searches that CRD 2.0.1 shows. CDS Hooks 2.0 forbids their tokens (HL7-DaVinci/CRD#296).
* ``crd-2.2``: CRD 2.2.1's expressions, word for word (found-29), as its discovery document has them.

Asked for is what every call of the hook needs: who is insured, what is ordered, who performs (the plan's network is
asked about them); and of the record what ``cds_hooks.prefetch_facts`` finds. What only some orders need is read when
such an order comes (CRD 2.0.1 #42); where it is performed nobody wants to know.
"""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources

from cds_hooks.prefetch_facts import ALWAYS, searched, templates_of
from rules.book import PolicyBook

PROFILES = ("portable", "crd-2.0", "crd-2.2")
COVERAGE_QUERY = "Coverage?patient={{context.patientId}}&status=active"
PATIENT, ENCOUNTER = "Patient/{{context.patientId}}", "Encounter/{{context.encounterId}}"
ENCOUNTER_HOOKS = frozenset({"encounter-start", "encounter-discharge"})
_CONTEXT = {  # CRD 2.0.1 spells the tokens so, one search for each type of order
    "order-sign": "draftOrders",
    "order-select": "draftOrders",
    "order-dispatch": "dispatchedOrders",
    "appointment-book": "appointments",
}
_ROLE = "&_include:iterate=PractitionerRole:organization&_include:iterate=PractitionerRole:practitioner"
_ORDERS_2_0 = {  # what gives a code by reference, and who performs
    "DeviceRequest": ("device", "performer"),
    "MedicationRequest": ("medication", "intended-dispenser"),
    "ServiceRequest": ("performer",),
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What policies want to know of the record.

    Attributes:
        scopes: that the searches of all policies need.
        searches: what of the record orders are to come with.
        of_encounters: the same for hooks about an encounter.
    """

    scopes: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    of_encounters: tuple[str, ...] = ()


@lru_cache(maxsize=4)  # a book is as it is; one more while it is exchanged, and at midnight
def needs_of(book: PolicyBook, on: date, facts: str = ALWAYS) -> Needs:
    """Return what is wanted with every order, and the scopes that the searches of single policies need.

    No policy is opened for this.

    Args:
        on: the day whose policies count for prefetch.
        facts: which facts prefetch asks for, ``always`` or ``any``.
    """
    types = {search.partition("?")[0] for entry in book.entries for search in entry.searches}
    return Needs(
        scopes=tuple(sorted(f"patient/{name}.rs" for name in types)),
        searches=searched(book, on, facts),
        of_encounters=searched(book, on, facts, encounters=True),
    )


def templates(hook: str, profile: str, needs: Needs) -> dict[str, str]:
    """Return the prefetch templates of a hook by key."""
    facts = templates_of(needs.of_encounters if hook in ENCOUNTER_HOOKS else needs.searches)
    match profile:
        case "crd-2.0":
            return _always(hook) | _crd_2_0(hook) | facts
        case "crd-2.2":
            return _crd_2_2(hook) | facts
        case _:
            return _always(hook) | facts


def _always(hook: str) -> dict[str, str]:
    asked = {"patient": PATIENT, "coverage": COVERAGE_QUERY}
    if hook in ENCOUNTER_HOOKS:
        asked["encounter"] = ENCOUNTER
    if hook == "order-dispatch":
        asked["performer"] = "{{context.performer}}"
    return asked


def _crd_2_0(hook: str) -> dict[str, str]:
    if hook not in _CONTEXT:
        return {}
    field = _CONTEXT[hook]
    if hook == "appointment-book":
        return {"appointments": f"Appointment?_id={{{{context.{field}.Appointment.id}}}}&_include=Appointment:based-on"}
    asked = {}
    for kind, included in _ORDERS_2_0.items():
        includes = "".join(f"&_include={kind}:{name}" for name in included)
        asked[f"{kind[0].lower()}{kind[1:]}s"] = f"{kind}?_id={{{{context.{field}.{kind}.id}}}}{includes}{_ROLE}"
    return asked


def _crd_2_2(hook: str) -> dict[str, str]:
    return {key: template for key, template in _guide()[hook].items() if key != "locations"}


@cache
def _guide() -> dict[str, dict[str, str]]:
    text = resources.files("cds_hooks").joinpath("prefetch-crd-2.2.json").read_text("utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found
