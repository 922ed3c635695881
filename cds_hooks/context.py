"""What does each hook's context hold? Its faults by name, and its values; unknown fields are ignored (hook-23).

order-dispatch is spelt in three ways in the wild: ``dispatchedOrders`` (the hook's table), ``dispatched-orders``
(its example) and ``order`` (its first draft, which public test clients send). References are ``Type/id``; absolute ones
to the hook's own server, and those with a version, are taken for it.

Source: the CDS Hooks library's six hooks, versions 1.0 and 1.1.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cds_hooks.order import is_spoken_about
from cds_hooks.prefetch import ENCOUNTER_HOOKS
from fhir_r4.bundle import local_to
from fhir_r4.problems import Issue
from fhir_r4.resource import as_dict, as_list, dicts, kind, local_reference, text_of

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_BUNDLE = {"order-sign": "draftOrders", "order-select": "draftOrders", "appointment-book": "appointments"}
_DISPATCHED = ("dispatchedOrders", "dispatched-orders", "order")


@dataclass(frozen=True, slots=True)
class Context:
    """What happened in the EHR.

    Attributes:
        bundle: what stands in the context itself: draft orders, proposed appointments.
        resources: the same, without their entries.
        named: what is named only: selections, dispatched orders, the encounter.
        performer: who an order was dispatched to.
    """

    user: str | None
    patient_id: str
    encounter_id: str | None
    bundle: dict
    resources: tuple[dict, ...]
    named: tuple[str, ...]
    performer: str | None


def read_context(hook: str, context: dict, server: str | None) -> Context:
    """Read the context of a hook that ``server`` has called; ``context_faults`` has found none."""
    encounter = text_of(context.get("encounterId"))
    if hook in ENCOUNTER_HOOKS:
        named: tuple[str, ...] = (f"Encounter/{encounter}",)
    else:
        named = tuple(dict.fromkeys(local_to(server, one) or one for one in _named(hook, context)))
    performer = text_of(context.get("performer")) if hook == "order-dispatch" else None
    bundle = as_dict(context.get(_BUNDLE.get(hook, "")))
    return Context(
        user=text_of(context.get("userId")),
        patient_id=context["patientId"],
        encounter_id=encounter,
        bundle=bundle,
        resources=tuple(as_dict(entry.get("resource")) for entry in dicts(bundle.get("entry"))),
        named=named,
        performer=performer and (local_to(server, performer) or performer),
    )


def context_faults(hook: str, context: dict, server: str | None) -> Iterator[Issue]:
    """Yield what is missing or of the wrong kind, all of it."""
    if hook != "order-dispatch" and not text_of(context.get("userId")):
        yield Issue("required", f"{hook} must have a userId", "context.userId")
    if not _ID.fullmatch(text_of(context.get("patientId")) or ""):
        yield Issue("value", f"{hook} must have a patientId, a FHIR id", "context.patientId")
    yield from _encounter_faults(hook, context)
    if hook in _BUNDLE:
        yield from _bundle_faults(context, _BUNDLE[hook])
    if hook == "order-select":
        yield from _references(context.get("selections"), "context.selections", server)
    if hook == "order-dispatch":
        field = _spelling(context)
        sent = context.get(field)
        yield from _references([sent] if field == "order" else sent, f"context.{field}", server)
        if not text_of(context.get("performer")):
            yield Issue("required", "order-dispatch must say who performs", "context.performer")


def _encounter_faults(hook: str, context: dict) -> Iterator[Issue]:
    sent = context.get("encounterId")
    if hook in ENCOUNTER_HOOKS and not text_of(sent):
        yield Issue("required", f"{hook} must have an encounterId", "context.encounterId")
    elif text_of(sent) and not _ID.fullmatch(str(sent)):
        yield Issue("value", "this must be a FHIR id", "context.encounterId")


def _named(hook: str, context: dict) -> Iterator[str]:
    if hook == "order-select":
        yield from (one for one in as_list(context.get("selections")) if isinstance(one, str))
    if hook == "order-dispatch":
        field = _spelling(context)
        yield from [context[field]] if field == "order" else as_list(context[field])


def _spelling(context: dict) -> str:
    """Return under which name the dispatched orders are told; a client may send the other names, empty."""
    return next((name for name in _DISPATCHED if context.get(name)), _DISPATCHED[0])


def _references(sent: object, where: str, server: str | None) -> Iterator[Issue]:
    listed = as_list(sent)
    if not listed:
        yield Issue("required", "there must be references to orders, Type/id", where)
    for index, one in enumerate(listed):
        if not isinstance(one, str) or local_to(server, one) is None:
            yield Issue("value", "this must be a reference Type/id", f"{where}[{index}]")


def _bundle_faults(context: dict, field: str) -> Iterator[Issue]:
    bundle = context.get(field)
    if kind(bundle) != "Bundle":
        yield Issue("required", "a Bundle of what is ordered or booked is missing", f"context.{field}")
        return
    seen: set[str] = set()
    for index, entry in enumerate(as_list(as_dict(bundle).get("entry"))):
        resource = as_dict(as_dict(entry).get("resource"))
        where = f"context.{field}.entry[{index}].resource"
        if not kind(resource):
            yield Issue("required", "this must be a resource with its resourceType", where)
        elif is_spoken_about(resource):
            yield from _resource_faults(resource, where, seen)


def _resource_faults(resource: dict, where: str, seen: set[str]) -> Iterator[Issue]:
    if not text_of(resource.get("id")):
        yield Issue("required", "the resource's id is missing; the answer refers to it", f"{where}.id")
    elif (reference := local_reference(resource)) in seen:
        yield Issue("duplicate", "each resource may stand once only", f"{where}.id")
    else:
        seen.add(reference)
    extension = resource.get("extension", [])
    if not isinstance(extension, list) or len(dicts(extension)) != len(extension):
        yield Issue("structure", "this must be an array of extensions", f"{where}.extension")
