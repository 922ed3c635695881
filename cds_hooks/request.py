"""What did the EHR ask? The JSON of one hook call becomes a HookRequest.

Unknown elements are ignored everywhere (CRD 2.2.1 found-33). A ``hookInstance`` that is not a UUID is taken as it
is: public test clients send such.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cds_hooks.services import OPTIONS, Service
from fhir_r4.generations import Generation
from fhir_r4.problems import InvalidRequest, Issue, Unprocessable
from fhir_r4.resource import Coding, as_dict, as_list, codings, dicts, kind, local_reference, reference, text_of

_CODE = {  # where each kind of order carries its code
    "DeviceRequest": "codeCodeableConcept",
    "ServiceRequest": "code",
    "MedicationRequest": "medicationCodeableConcept",
    "NutritionOrder": None,
    "CommunicationRequest": None,
    "VisionPrescription": None,
}

_OVER = frozenset({"revoked", "entered-in-error", "completed", "cancelled", "stopped"})
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Order:
    """One draft order.

    Attributes:
        resource: the very JSON received.
        reference: ``Type/id``.
        codes: its codings, in the order's own sequence.
        day: the service date, else the day it was written; None where the order says neither.
        performer: reference to who shall do it, if named.
    """

    resource: dict
    reference: str
    codes: tuple[Coding, ...]
    day: date | None
    performer: str | None


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of one hook; the token is the EHR's and lives for this request only."""

    hook: str
    instance: str
    generation: Generation
    user: str
    patient_id: str
    orders: tuple[Order, ...]
    prefetch: Mapping[str, Any]
    configuration: Mapping[str, bool | int]
    fhir_server: str | None = None
    access_token: str | None = field(default=None, repr=False)


def read_request(body: dict, service: Service, default: Generation) -> HookRequest:
    """Read a hook call for ``service``.

    Args:
        default: the generation spoken to a client that does not say which it wants.

    Raises:
        InvalidRequest: a required field is missing or of the wrong kind, or the hook is not the service's; every
            fault at once.
        Unprocessable: ``davinci-crd.requestedVersion`` is none that we speak.
    """
    context = as_dict(body.get("context"))
    issues = [*_faults(body, service), *(_context_faults(context) if isinstance(body.get("context"), dict) else ())]
    if issues:
        raise InvalidRequest(*issues)
    extension = as_dict(body.get("extension"))
    authorization = as_dict(body.get("fhirAuthorization"))
    return HookRequest(
        hook=service.hook,
        instance=body["hookInstance"],
        generation=_generation(extension, default),
        user=context["userId"],
        patient_id=context["patientId"],
        orders=tuple(_orders(context["draftOrders"])),
        prefetch=as_dict(body.get("prefetch")),
        configuration=_configuration(as_dict(extension.get("davinci-crd.configuration"))),
        fhir_server=text_of(body.get("fhirServer")),
        access_token=text_of(authorization.get("access_token")),
    )


def without_token(body: dict) -> dict:
    """Return the call as it may be kept: the EHR's bearer token is removed (CRD 2.2.1 sec-5, sec-6)."""
    authorization = body.get("fhirAuthorization")
    if not isinstance(authorization, dict):
        return body
    return body | {"fhirAuthorization": {k: v for k, v in authorization.items() if k != "access_token"}}


def _faults(body: dict, service: Service) -> Iterator[Issue]:
    if not text_of(body.get("hook")):
        yield Issue("required", "the hook that was triggered", "hook")
    elif body["hook"] != service.hook:
        yield Issue("invalid", f"this service is called by the hook {service.hook}", "hook")
    if not text_of(body.get("hookInstance")):
        yield Issue("required", "a UUID for this hook call", "hookInstance")
    if not isinstance(body.get("context"), dict):
        yield Issue("required", "the context of the hook, an object", "context")
    if "prefetch" in body and not isinstance(body["prefetch"], dict):
        yield Issue("structure", "prefetch is an object", "prefetch")
    if as_dict(body.get("fhirAuthorization")) and not text_of(body.get("fhirServer")):
        yield Issue("required", "fhirAuthorization comes with the server it is for", "fhirServer")


def _context_faults(context: dict) -> Iterator[Issue]:
    if not text_of(context.get("userId")):
        yield Issue("required", "order-sign has a userId", "context.userId")
    if not _ID.fullmatch(text_of(context.get("patientId")) or ""):
        yield Issue("value", "order-sign has a patientId, a FHIR id", "context.patientId")
    drafts = context.get("draftOrders")
    if kind(drafts) != "Bundle":
        yield Issue("required", "a Bundle of draft orders", "context.draftOrders")
        return
    seen: set[str] = set()
    for index, entry in enumerate(as_list(as_dict(drafts).get("entry"))):
        resource = as_dict(as_dict(entry).get("resource"))
        where = f"context.draftOrders.entry[{index}].resource"
        if not kind(resource):
            yield Issue("required", "an order with its resourceType", where)
        elif kind(resource) in _CODE:
            yield from _order_faults(resource, where, seen)


def _order_faults(resource: dict, where: str, seen: set[str]) -> Iterator[Issue]:
    if not text_of(resource.get("id")):
        yield Issue("required", "the order's id; the answer refers to it", f"{where}.id")
    elif (reference := local_reference(resource)) in seen:
        yield Issue("duplicate", "each order stands once", f"{where}.id")
    else:
        seen.add(reference)
    extension = resource.get("extension", [])
    if not isinstance(extension, list) or len(dicts(extension)) != len(extension):
        yield Issue("structure", "an array of extensions", f"{where}.extension")


def _generation(extension: dict, default: Generation) -> Generation:
    wanted = extension.get("davinci-crd.requestedVersion")
    if wanted is None:
        return default
    try:
        return Generation(".".join(wanted.split(".")[:2]) if isinstance(wanted, str) else wanted)
    except ValueError:
        where = 'extension."davinci-crd.requestedVersion"'
        raise Unprocessable(Issue("not-supported", "this service speaks CRD 2.0 and 2.2", where)) from None


def _configuration(sent: dict) -> dict[str, bool | int]:
    """Obey the options we offer; ignore unknown ones and unusable values (CRD 2.2.1 dev-14, dev-17)."""
    chosen: dict[str, bool | int] = {}
    for option in OPTIONS:
        value = sent.get(option.code)
        chosen[option.code] = value if type(value) is type(option.default) else option.default
    return chosen


def _orders(drafts: dict) -> Iterator[Order]:
    for entry in as_list(drafts.get("entry")):
        resource = as_dict(as_dict(entry).get("resource"))
        if kind(resource) in _CODE and _is_wanted(resource):  # what is no order of ours is ignored
            element = _CODE[kind(resource)]
            yield Order(
                resource,
                local_reference(resource),
                codings(resource.get(element)) if element else (),
                _day(resource),
                _performer(resource),
            )


def _is_wanted(resource: dict) -> bool:
    """Leave out what is an order no more, or says not to do it."""
    return resource.get("status") not in _OVER and resource.get("doNotPerform") is not True


def _day(resource: dict) -> date | None:
    period = as_dict(resource.get("occurrencePeriod"))
    for value in (resource.get("occurrenceDateTime"), period.get("start"), resource.get("authoredOn")):
        try:
            return date.fromisoformat((text_of(value) or "")[:10])
        except ValueError:
            continue
    return None


def _performer(resource: dict) -> str | None:
    performer = resource.get("performer")
    return reference(performer[0] if isinstance(performer, list) and performer else performer)
