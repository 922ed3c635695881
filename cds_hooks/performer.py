"""Who performs, and is that a provider of the plan's network? Asked of the payer's directory by NPI.

The performer is read from the EHR at order-dispatch alone, where it is what is new; at other hooks what was sent
has to do (minimum necessary).
"""

from collections.abc import Iterable, Iterator

from cds_hooks.known import Known
from cds_hooks.order import Order
from cds_hooks.request import HookRequest
from fhir_r4.resource import identifiers, kind, reference
from fhir_r4.systems import NPI
from rules.directory import Provider
from rules.ports import Directory

_INCLUDE = "&_include=PractitionerRole:practitioner&_include=PractitionerRole:organization"
_READ = frozenset({"Practitioner", "PractitionerRole", "Organization"})


def wanted_of(resource: dict, request: HookRequest, known: Known) -> Iterator[str]:  # noqa: ARG001 one for each order
    """Yield what tells who performs an order that was dispatched."""
    target = request.context.performer
    if target is None or not request.wants("network") or known.none("performer"):
        return
    kind_of, _, identity = target.partition("/")
    held = known.find(target)
    if held is None and kind_of in _READ:
        role = f"PractitionerRole?_id={identity}{_INCLUDE}"
        yield role if kind_of == "PractitionerRole" else target
    elif held is not None and not _npis(target, known):
        yield from (one for one in _behind(held) if known.find(one) is None)


def network_of(
    orders: Iterable[Order], others: Iterable[str], known: Known, directory: Directory
) -> dict[str, Provider]:
    """Return the performers, and ``others``, that the directory has, by the reference under which orders name them."""
    named = dict.fromkeys([*(order.performer for order in orders if order.performer), *others])
    found = {target: (directory.provider(npi) for npi in _npis(target, known)) for target in named}
    return {target: one for target, every in found.items() if (one := next(filter(None, every), None))}


def is_identified(performer: str, known: Known) -> bool:
    """Tell whether an NPI is known for the performer: without one the directory cannot say who is not in it."""
    return bool(_npis(performer, known))


def _npis(target: str, known: Known) -> list[str]:
    held = known.find(target) or {}
    every = [held, *(known.find(one) or {} for one in _behind(held))]
    return [one.value for resource in every for one in identifiers(resource) if one.system == NPI]


def _behind(resource: dict) -> list[str]:
    if kind(resource) != "PractitionerRole":
        return []
    return [target for name in ("practitioner", "organization") if (target := reference(resource.get(name)))]
