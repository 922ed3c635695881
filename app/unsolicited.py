"""How does a hook issue an authorization? As a request would get one: weighed by ``prior_auth``, kept with the answer.

Whatever a person would have to look at (the same service on file already, something that no policy weighs, a provider
nobody knows) is not issued: the hook then says that authorization has to be asked for. One order gets one
authorization by itself, ever: whoever cancels it is asked nothing behind their back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection

from app.jobs.back_end import follow_up
from app.logging import get_logger
from app.on_file import held
from app.storage import authorizations, events, outbox
from app.storage.authorizations import CHANGED, Received
from app.storage.clients import Client
from app.wiring import Service, knowledge_of, new_id
from cds_hooks.determination import Wanted
from cds_hooks.request import HookRequest
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import Identifier, local_reference
from fhir_r4.systems import NPI, ORIGINAL_URN
from fhir_r4.wire import read_object, write_json
from prior_auth.answer import Writer
from prior_auth.authorization import Authorization
from prior_auth.case import Case
from prior_auth.decision import ReviewAction
from prior_auth.parties import BusinessError, dated, parties
from prior_auth.submission import Submission, read_submission
from prior_auth.submit import submit
from prior_auth.unsolicited import Unsolicited, request_bundle
from rules.directory import Payer
from rules.ports import BackEndAway

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Made:
    """An authorization that is issued, and what stands behind it."""

    authorization: Authorization
    received: Received


@dataclass(slots=True)
class Issuer:
    """What one hook call issues.

    Attributes:
        find: gives what is known of the EHR by reference.
        made: what is to be kept with the answer.
    """

    service: Service
    client: Client
    hook: HookRequest
    find: Callable[[str], dict | None]
    now: datetime
    made: list[_Made] = field(default_factory=list)

    def issue(self, wanted: Wanted) -> str | None:
        """Return the number of a new authorization; None where it has to be asked for."""
        try:
            made = self._made(wanted)
        except (InvalidRequest, BackEndAway) as error:
            log.warning("hook.not-issued", issue=[one.expression or one.code for one in error.issues])
            return None
        if made is None or made.authorization.header is not ReviewAction.CERTIFIED:
            return None
        self.made.append(made)
        return made.authorization.number

    def keep(self, connection: Connection, invocation: str) -> list[int]:
        """Keep what is issued and return the jobs that tell of it.

        Raises:
            IntegrityError: another call has issued for the same order meanwhile.
        """
        jobs: list[int] = []
        for one in self.made:
            authorizations.add(connection, one.authorization)
            authorizations.keep_submission(connection, one.received)
            jobs.append(outbox.put(connection, CHANGED, one.authorization.id, self.now))
            jobs += follow_up(self.service, connection, one.authorization)
            events.record(
                connection,
                "authorization.issued-by-hook",
                actor=self.client.id,
                at=self.now,
                authorization_id=one.authorization.id,
                submission=one.received.id,
                invocation=invocation,
                version=one.authorization.version,
            )
        return jobs

    def _made(self, wanted: Wanted) -> _Made | None:
        payer, transaction = wanted.insured.payer, self._transaction(wanted)
        asked = self._request(wanted, transaction)
        if payer is None or asked is None:
            return None
        body = write_json(request_bundle(asked, self.now))
        submission = dated(read_submission(read_object(body)), self.service.directory)
        with self.service.database.reading() as connection:
            if authorizations.received_before(connection, self.client.id, transaction):
                return None
            found = self._weighed(submission, connection)
        return self._kept(found, submission, payer, body) if found else None

    def _weighed(self, submission: Submission, connection: Connection) -> Authorization | None:
        known = parties(submission, self.service.directory, self.now)
        if isinstance(known, BusinessError):
            return None
        on_file = held(self.service, connection, submission, known)
        before = (*on_file.authorizations, *(one.authorization for one in self.made))
        on_file = replace(on_file, authorizations=before)
        return submit(submission, known, on_file, knowledge_of(self.service.edition), self.client.id, self.now)

    def _kept(self, authorization: Authorization, submission: Submission, payer: Payer, body: bytes) -> _Made:
        generation = self.hook.generation
        writer = Writer(generation, self.service.fhir_base(generation), self.now)
        answer = writer.response_bundle(Case(authorization, submission, payer.time_zone))
        received = Received(
            id=new_id(),
            client_id=self.client.id,
            transaction=submission.identifier,
            digest=authorizations.digest_of(generation, body),
            generation=generation,
            received_at=self.now,
            authorization_id=authorization.id,
            request=body,
            response=write_json(answer),
            bundle_id=answer["id"],
        )
        return _Made(authorization, received)

    def _request(self, wanted: Wanted, transaction: Identifier) -> Unsolicited | None:
        payer, member = wanted.insured.payer, wanted.insured.member
        asker = next((one for one in self.client.organizations if one.system == NPI), None)
        provider = self.service.directory.provider(asker.value) if asker else None
        if payer is None or member is None or asker is None or provider is None:
            return None
        own = self.service.fhir_base(self.hook.generation)
        return Unsolicited(
            evidence=wanted.evidence,
            payer=payer,
            member=member,
            patient_id=self.hook.patient_id,
            asker=asker,
            asker_name=provider.name,
            find=self.find,
            ehr=(self.hook.fhir_server or f"{own}/sent-along").rstrip("/"),
            own=own,
            transaction=transaction,
            identity=new_id(),
        )

    def _transaction(self, wanted: Wanted) -> Identifier:
        """Return by what a second authorization for the same order is recognised."""
        order, coverage, code = wanted.order.reference, local_reference(wanted.insured.coverage), wanted.code
        named = "#".join([self.client.id, self.hook.fhir_server or "", order, coverage, code.system, code.code])
        return Identifier(ORIGINAL_URN, f"urn:uuid:{uuid5(NAMESPACE_URL, named)}")
