"""CRD's door: discovery, and the hooks."""

import time
from datetime import date

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import IntegrityError

from app.api.door import plain, read_body
from app.clients.ehr import HttpEhr
from app.current import the_service
from app.security import cds_client
from app.security.cds_client import HookCaller
from app.storage import authorizations, clients, hooks
from app.storage.hooks import Invocation
from app.wiring import Service, new_id
from cds_hooks.gather import Circumstances, gather
from cds_hooks.request import read_request, without_token
from cds_hooks.respond import Knowledge, respond
from cds_hooks.services import SERVICES, discovery
from fhir_r4.generations import Generation
from fhir_r4.problems import NotAuthenticated, Unknown
from fhir_r4.wire import write_json
from rules.assertion import CoverageAssertion
from rules.ports import Standing

door = Blueprint("cds_hooks", __name__, url_prefix="/cds-services")


@door.get("")
def discover() -> Response:
    return plain(discovery())


@door.post("/<service_id>")
def call_service(service_id: str) -> Response:
    """Answer one hook; what is answered is kept, with what it promises, before it is sent."""
    service, received_at, started = the_service(), the_service().now(), time.monotonic()
    called = SERVICES.get(service_id)
    if called is None:
        raise Unknown("no such service; see the discovery document")
    url = f"{service.config.base_url}/cds-services/{service_id}"
    caller = cds_client.authenticate(service, request.headers.get("Authorization"), url)
    g.client_id, g.hook_caller = caller.client.id, caller

    body = read_body(service.config.hook_limit_bytes)
    hook = read_request(body, called, Generation(service.config.crd_version))
    ehr = HttpEhr(
        service.door,
        hook.fhir_server,
        hook.access_token,
        allowed=caller.client.ehrs,
        deadline=started + service.config.hook_budget_seconds,
    )
    known = gather(hook, ehr, service.directory)
    today = _today(service, known)
    edition = service.edition
    knowledge = Knowledge(edition.book, edition.catalog, new_id)
    answer = respond(hook, known, _on_file(service, known), knowledge, today)

    response = write_json(answer.to_json())
    invocation = Invocation(
        id=new_id(),
        client_id=caller.client.id,
        service=service_id,
        hook_instance=hook.instance,
        generation=hook.generation,
        received_at=received_at,
        answered_at=service.now(),
        request=write_json(without_token(body)),
        response=response,
    )
    _keep(service, caller, invocation, answer.assertions)
    return Response(response, content_type="application/json", headers={"Cache-Control": "no-store"})


def _today(service: Service, known: Circumstances) -> date:
    payer = known.payer or service.payers[0]
    return payer.today(service.now())


def _on_file(service: Service, known: Circumstances) -> tuple[Standing, ...]:
    if known.member is None:
        return ()
    with service.database.reading() as connection:
        return authorizations.standing(connection, known.member.payer, known.member.member_id)


def _keep(
    service: Service, caller: HookCaller, invocation: Invocation, assertions: tuple[CoverageAssertion, ...]
) -> None:
    """Spend the JWT and keep call, answer and promises, all or nothing."""
    token = caller.token
    try:
        with service.database.writing() as connection:
            clients.spend(connection, token.issuer, token.jti, token.remember_until)
            hooks.keep(connection, invocation, assertions)
    except IntegrityError:
        raise NotAuthenticated("a JWT that was not used before", headers={"WWW-Authenticate": "Bearer"}) from None
