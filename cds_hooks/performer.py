"""Who orders and who performs, and are they providers of the plan? Asked of the payer's directory by NPI.

They are read from the EHR where a matched policy asks about them, and the performer at order-dispatch, where it is
what is new; elsewhere what was sent has to do (minimum necessary).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from cds_hooks.known import Known
from cds_hooks.order import Order, by_number
from cds_hooks.request import HookRequest
from fhir_r4.resource import identifiers, kind, reference
from fhir_r4.systems import NPI
from rules.directory import Provider
from rules.ports import Directory

_INCLUDE = "&_include=PractitionerRole:practitioner&_include=PractitionerRole:organization"
_BY_NUMBER = by_number("")
MOST = 5
"""Of the performers of one order are looked up; where there are more nothing is said of them."""
_READ = frozenset({"Practitioner", "PractitionerRole", "Organization"})


def dispatched_to(request: HookRequest, known: Known) -> Iterator[str]:
    """Yield what tells who performs an order that was dispatched."""
    target = request.context.performer
    if target and request.wants("network") and not known.none("performer"):
        yield from role_searches(target, known)


def role_searches(target: str, known: Known) -> Iterator[str]:
    """Yield what is still to be read until an NPI is known of somebody, or nothing more can be."""
    kind_of, _, identity = target.partition("/")
    held = known.find(target)
    if held is None and kind_of in _READ:
        yield f"PractitionerRole?_id={identity}{_INCLUDE}" if kind_of == "PractitionerRole" else target
    elif held is not None and not _npis(target, known):
        yield from (one for one in _behind(held) if known.find(one) is None)


def pinned(performers: Iterable[str]) -> frozenset[str]:
    """Return by what a promise knows its performers: the EHR's references; a number alone pins nobody."""
    return frozenset(one for one in performers if not one.startswith(_BY_NUMBER))


def performers_of(orders: Iterable[Order], known: Known, directory: Directory) -> dict[str, Provider]:
    """Return who performs, as far as the directory has them, by the reference under which orders do."""
    named = (one for order in orders for one in order.performers[:MOST])
    return _providers(named, directory, lambda target: _npis(target, known))


def requesters_of(
    orders: Iterable[Order], known: Known, directory: Directory, speakers: frozenset[str] | None
) -> dict[str, Provider]:
    """Return who orders in the same way: of a role whom the client speaks for, and nobody else with gold cards.

    Args:
        speakers: the numbers that the client is registered for; None where every number is its own.
    """

    def own_first(target: str) -> list[str]:
        return sorted(_npis(target, known), key=lambda npi: speakers is not None and npi not in speakers)

    found = _providers((order.requester for order in orders), directory, own_first)
    return {target: one.asking_for(speakers) for target, one in found.items()}


def _providers(
    targets: Iterable[str | None], directory: Directory, npis: Callable[[str], list[str]]
) -> dict[str, Provider]:
    """Return the first of each whom the directory has."""
    named = dict.fromkeys(filter(None, targets))
    found = {target: (directory.provider(npi) for npi in npis(target)) for target in named}
    return {target: one for target, every in found.items() if (one := next(filter(None, every), None))}


def performing(order: Order, providers: Mapping[str, Provider], known: Known) -> tuple[Provider, ...]:
    """Return all who may do it; nobody where one of them is not in the directory, or is not known at all.

    Any of them may do it (FHIR R4, ServiceRequest.performer): nothing holds of one alone. Who has no number is none of
    the directory's, such as an appointment's device.
    """
    found = [providers.get(one) for one in order.performers if not _is_without_number(one, known)]
    return tuple(one for one in found if one) if None not in found else ()


def _is_without_number(target: str, known: Known) -> bool:
    """Tell whether somebody is known, with all whom a role stands for, and nobody of them has an NPI."""
    held = known.find(target)
    return held is not None and all(map(known.find, _behind(held))) and not _npis(target, known)


def is_identified(performer: str, known: Known) -> bool:
    """Tell whether an NPI is known for the performer: without one the directory cannot say who is not in it."""
    return bool(_npis(performer, known))


def _npis(target: str, known: Known) -> list[str]:
    if target.startswith(_BY_NUMBER):
        return [target.removeprefix(_BY_NUMBER)]
    held = known.find(target) or {}
    every = [held, *(known.find(one) or {} for one in _behind(held))]
    return [one.value for resource in every for one in identifiers(resource) if one.system == NPI]


def _behind(resource: dict) -> list[str]:
    if kind(resource) != "PractitionerRole":
        return []
    return [target for name in ("practitioner", "organization") if (target := reference(resource.get(name)))]
