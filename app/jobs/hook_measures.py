"""What is measured of hooks? Taken off the request's path, by a standing job that comes again each minute."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from app.storage import clients, hook_records, outbox
from app.storage.outbox import Job
from app.wiring import Service
from cds_hooks.metrics import Recorded, metric, orders_of
from cds_hooks.services import SERVICES
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import Identifier
from fhir_r4.wire import read_object

MEASURE = "hooks.measure"
PAUSE = timedelta(seconds=60)
BATCH = 200


def measure(service: Service, job: Job) -> list[int]:
    """Take the measures of the calls that came in, and come again."""
    while _batch(service) == BATCH:
        pass
    now = service.now()
    with service.database.writing() as connection:
        outbox.forget_done(connection, MEASURE)
        outbox.put_once(connection, MEASURE, job.subject, now, now + PAUSE)
    return []


def _batch(service: Service) -> int:
    with service.database.reading() as connection:
        calls = hook_records.unmeasured(connection, BATCH)
        groups = {name: _groups(connection, name) for name in {call.client_id for call in calls}}
        promised = {call.id: hook_records.promised_in(connection, call.id) for call in calls}
    if not calls:
        return 0
    measured = [(call, *_measures(service, call, groups[call.client_id], promised[call.id])) for call in calls]
    now = service.now()
    with service.database.writing() as connection:
        for call, data, orders in measured:
            hook_records.keep_measures(connection, call, data, orders, now)
    return len(calls)


def _groups(connection: Any, name: str) -> tuple[Identifier, ...]:
    client = clients.find(connection, name)
    return client.organizations if client else ()


def _measures(
    service: Service, call: Any, groups: tuple[Identifier, ...], promised: Collection[str]
) -> tuple[dict, list[str]]:
    request, response = _read(call.request), _read(call.response)
    payer = service.directory.payer_called(call.payer) if call.payer else None
    called = SERVICES.get(call.service)
    data = metric(
        Recorded(
            hook=called.hook if called else call.service,
            hook_instance=call.hook_instance,
            received_at=call.received_at,
            answered_at=call.answered_at,
            status=call.status,
            request=request,
            response=response,
            groups=groups,
            payer=payer.identifiers[0] if payer else None,
            promised=promised,
            reads=call.reads or {},
        )
    )
    return data | {"generation": call.generation[:3]}, list(orders_of(request))


def _read(kept: bytes) -> dict:
    try:
        return read_object(kept)
    except InvalidRequest:  # kept by an earlier version, otherwise
        return {}
