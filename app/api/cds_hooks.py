"""CRD's door: discovery, and the hooks. Feedback on their cards comes in by ``app.api.cds_feedback``."""

import time
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, g, request
from sqlalchemy.exc import IntegrityError

from app import metrics
from app.api import cors
from app.api.door import plain, read_body
from app.api.errors import outcome_of
from app.clients.ehr import HttpEhr
from app.clients.hook_ehr import HookEhr
from app.current import the_service
from app.logging import get_logger
from app.security import cds_client
from app.security.cds_client import HookCaller
from app.storage import authorizations, clients, hooks
from app.storage.hooks import Invocation
from app.unsolicited import Issuer
from app.wiring import Service as House
from app.wiring import new_id
from cds_hooks.circumstances import Circumstances
from cds_hooks.gather import gather
from cds_hooks.insured import Insured
from cds_hooks.knowledge import Knowledge
from cds_hooks.prefetch import needs_of
from cds_hooks.request import HookRequest, read_request, without_token
from cds_hooks.respond import respond
from cds_hooks.services import SERVICES, Service, discovery
from cds_hooks.weigh import Scene
from fhir_r4.generations import Generation
from fhir_r4.problems import NotAuthenticated, Problem, Unknown
from fhir_r4.resource import text_of
from fhir_r4.wire import write_json
from rules.assertion import CoverageAssertion
from rules.directory import Member
from rules.ports import BackEndAway, Standing

door = Blueprint("cds_hooks", __name__, url_prefix="/cds-services")
cors.opened_to_browsers(door)
log = get_logger()

SPARE_SECONDS = 0.3
"""What deciding and keeping may take of the budget, at most; reads from the EHR end that much earlier."""


@door.get("")
def discover() -> Response:
    house = the_service()
    needs = needs_of(house.book, house.now().date(), house.config.crd_prefetch_facts)
    return plain(discovery(house.config.crd_prefetch, needs))


@door.post("/<service_id>")
def call_service(service_id: str) -> Response:
    """Answer one hook; what is answered is kept, with what it promises, before it is sent."""
    house, started = the_service(), time.monotonic()
    called = called_service(service_id)
    caller = cds_client.authenticate(house, request.headers.get("Authorization"), url_of(house, service_id))
    g.client_id, g.hook_caller = caller.client.id, caller
    body = read_body(house.config.hook_limit_bytes)
    call = _Call(house, called, caller, body, house.now(), started)
    try:
        answered = call.answered()
    except Problem as refused:
        call.keep(_Answered(call.refused(refused)))
        raise
    kept = call.keep(answered)
    return Response(kept.response, content_type="application/json", headers={"Cache-Control": "no-store"})


def called_service(service_id: str) -> Service:
    called = SERVICES.get(service_id)
    if called is None:
        raise Unknown("no such service; see the discovery document")
    return called


def url_of(house: House, path: str) -> str:
    """Return the address as clients know it, and sign their tokens for."""
    return f"{house.config.base_url}/cds-services/{path}"


@dataclass(frozen=True, slots=True)
class _Answered:
    """What is kept of a call: itself with its answer, what that promises, and what it issues."""

    invocation: Invocation
    promises: tuple[CoverageAssertion, ...] = ()
    issuer: Issuer | None = None

    @property
    def issues(self) -> bool:
        return self.issuer is not None and bool(self.issuer.made)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of one hook, from its body to what is kept of it."""

    house: House
    service: Service
    caller: HookCaller
    body: dict
    received_at: datetime
    started: float

    def answered(self) -> _Answered:
        """Gather, decide, answer; raises Problem for what cannot be answered."""
        house, client = self.house, self.caller.client
        hook = read_request(
            self.body,
            self.service,
            Generation(house.config.crd_version),
            has_dtr=client.has_dtr,
            speakers=frozenset(one.value for one in client.organizations),
        )
        if hook.unusable:
            log.warning("hook.configuration", client=client.id, hook=hook.hook, issue=list(hook.unusable))
        edition = house.edition
        knowledge = Knowledge(edition.book, edition.catalog, new_id, house.payers)
        ehr = self._ehr(hook)
        try:
            known = gather(hook, ehr, house.directory, knowledge, house.now())
        finally:
            self._count(ehr)
        issuer = Issuer(house, client, hook, known.known.find, house.now())
        answer = respond(Scene(hook, known, _on_file(house, known), knowledge, house.now(), issuer.issue))
        reads: dict = {"token": ehr.token_use, "resources": known.known.counts()}
        reads |= {"crowded": ehr.crowded, "resting": ehr.resting, "asked": known.known.asked_of_ehr()}
        kept = self._invocation(200, write_json(answer.to_json()), answer.insured, reads)
        return _Answered(kept, answer.assertions, issuer)

    def _count(self, ehr: HookEhr) -> None:
        client = self.caller.client.id
        for event in ("crowded", "resting", "tripped"):
            if getattr(ehr, event):
                metrics.ehr(client, event)
        if ehr.tripped:
            log.warning("ehr.resting", client=client)

    def refused(self, problem: Problem) -> Invocation:
        """Return what is kept of a call that was refused: disputes are about these as well."""
        return self._invocation(problem.status, write_json(outcome_of(problem.issues)), None, None)

    def keep(self, answered: _Answered, *, again: bool = True) -> Invocation:
        """Spend the JWT and keep call, answer, promises and authorizations, all or nothing; return what was kept.

        Where another call has issued for the same order meanwhile, the answer is found once more.
        """
        token, invocation, jobs = self.caller.token, answered.invocation, list[int]()
        try:
            with self.house.database.writing() as connection:
                clients.spend(connection, token.issuer, token.jti, token.remember_until)
                hooks.keep(connection, invocation, answered.promises)
                if answered.issuer:
                    jobs = answered.issuer.keep(connection, invocation.id)
        except IntegrityError:
            if answered.issues and again:
                return self.keep(self.answered(), again=False)
            raise NotAuthenticated("a JWT that was not used before", headers={"WWW-Authenticate": "Bearer"}) from None
        self.house.runner.wake(jobs)
        return invocation

    def _ehr(self, hook: HookRequest) -> HookEhr:
        budget = self.house.config.hook_budget_seconds
        server = HttpEhr(
            self.house.door,
            hook.fhir_server,
            hook.access_token,
            allowed=self.caller.client.ehrs,
            deadline=self.started + budget - min(SPARE_SECONDS, budget / 4),
        )
        return HookEhr(server, self.house.lines, token=hook.access_token is not None)

    def _invocation(self, status: int, response: bytes, insured: Insured | None, reads: dict | None) -> Invocation:
        extension = self.body.get("extension")
        wanted = extension.get("davinci-crd.requestedVersion") if isinstance(extension, dict) else None
        member = insured.member if insured else None
        return Invocation(
            id=new_id(),
            client_id=self.caller.client.id,
            service=self.service.id,
            hook_instance=(text_of(self.body.get("hookInstance")) or "")[:200],
            generation=(text_of(wanted) or self.house.config.crd_version)[:8],
            received_at=self.received_at,
            answered_at=self.house.now(),
            request=write_json(without_token(self.body)),
            response=response,
            status=status,
            payer=insured.payer.id if insured and insured.payer else None,
            member_id=member.member_id if member else None,
            reads=reads,
        )


def _on_file(house: House, known: Circumstances) -> dict[Member, tuple[Standing, ...]]:
    members = [one.member for one in known.insured if one.member]
    if not members:
        return {}
    with house.database.reading() as connection:
        ours = {one: authorizations.standing(connection, one.payer, one.member_id) for one in members}
    return {one: (*held, *_elsewhere(house, one)) for one, held in ours.items()}


def _elsewhere(house: House, member: Member) -> tuple[Standing, ...]:
    """Return what the payer's own systems have on file; where they do not answer, the hook says what we know."""
    payer = house.directory.payer_called(member.payer)
    try:
        return house.back_end.standing(payer, member.member_id) if payer else ()
    except BackEndAway:
        return ()
