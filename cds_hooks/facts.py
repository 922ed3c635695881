"""What is known of one order, for the facts of its policy? The order, the EHR, the directory and our own file."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from cds_hooks.gather import Circumstances
from cds_hooks.insured import Insured
from cds_hooks.order import Order
from fhir_r4.resource import Coding, as_dict, codings, dicts, reference, text_of
from rules.evidence import Asked, Evidence
from rules.ports import Standing
from rules.search import CODED

_QUANTITIES = ("quantityQuantity", "dispenseRequest.quantity")


def evidence_of(
    order: Order, insured: Insured, code: Coding, known: Circumstances, standing: tuple[Standing, ...], today: date
) -> Evidence:
    """Return what the order's policy is weighed on.

    Args:
        standing: the member's certified items.
        today: in the payer's time zone.
    """
    resource = order.resource
    return Evidence(
        authored=_authored(resource) or today,
        received=today,
        service=order.day or today,
        code=code,
        records=tuple(_records(known)),
        order=resource,
        asked=Asked(_quantity(resource), _place_of_service(resource), tuple(_diagnoses(resource, known))),
        coverage=insured.coverage,
        patient=known.known.find(f"Patient/{known.patient_id}"),
        requester=known.providers.get(reference(resource.get("requester")) or ""),
        performer=known.providers.get(order.performer or ""),
        on_file=standing if insured.member else None,
        others=tuple(code for one in known.orders if one is not order for code in one.codes),
    )


def _records(known: Circumstances) -> Iterator[dict]:
    """Yield what the EHR has of this patient; what is only now being ordered is no record."""
    ordered = {one.reference for one in known.orders}
    for kind in CODED:
        for one in known.known.of_kind(kind):
            about = reference(one.get("subject")) or reference(one.get("patient")) or ""
            mine = known.known.local(about) == f"Patient/{known.patient_id}"
            if mine and f"{kind}/{one.get('id')}" not in ordered and one.get("status") != "draft":
                yield one


def _authored(resource: dict) -> date | None:
    for name in ("authoredOn", "dateWritten", "created"):
        try:
            return date.fromisoformat((text_of(resource.get(name)) or "")[:10])
        except ValueError:
            continue
    return None


def _quantity(resource: dict) -> Decimal | None:
    for path in _QUANTITIES:
        found = resource
        for step in path.split("."):
            found = as_dict(found.get(step))
        number = found.get("value")
        if isinstance(number, int | Decimal) and not isinstance(number, bool):
            return Decimal(number)
    return None


def _place_of_service(resource: dict) -> str | None:
    return next((code.code for one in dicts(resource.get("locationCode")) for code in codings(one)), None)


def _diagnoses(resource: dict, known: Circumstances) -> Iterator[Coding]:
    for concept in dicts(resource.get("reasonCode")):
        yield from codings(concept)
    for one in dicts(resource.get("reasonReference")):
        yield from codings(as_dict(known.known.find(reference(one) or "")).get("code"))
