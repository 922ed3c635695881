"""What was asked by hook, what was answered, and what was promised by it?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from app.storage.prepared import Prepared
from app.storage.tables import coverage_assertions, hook_invocations
from fhir_r4.resource import Coding
from rules.assertion import CoverageAssertion

_KEEP_CALL, _KEEP_PROMISES = Prepared(insert(hook_invocations)), Prepared(insert(coverage_assertions))
_PROMISE = Prepared(select(coverage_assertions).where(coverage_assertions.c.id == bindparam("id")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One hook call with its answer, kept for disputes (CRD 2.2.1 found-37).

    Attributes:
        status: HTTP; a call that was refused is kept as well.
        payer, member_id: whose coverage the answer is about, where that was found.
        reads: what became of the EHR's token, and how many resources of each type were read.
    """

    id: str
    client_id: str
    service: str
    hook_instance: str
    generation: str
    received_at: datetime
    answered_at: datetime
    request: bytes
    response: bytes
    status: int = 200
    payer: str | None = None
    member_id: str | None = None
    reads: dict | None = None


def keep(connection: Connection, invocation: Invocation, assertions: Iterable[CoverageAssertion]) -> None:
    """Keep the call, the answer and the promises."""
    _KEEP_CALL.run(connection, {name: getattr(invocation, name) for name in Invocation.__slots__})
    rows = [
        {
            "id": one.id,
            "invocation_id": invocation.id,
            "payer": one.payer,
            "plan": one.plan,
            "member_id": one.member_id,
            "coverage": one.coverage,
            "order": one.order,
            "code_system": one.code.system,
            "code": one.code.code,
            "policy": one.policy,
            "policy_version": one.version,
            "performer": " ".join(sorted(one.performers)) or None,
            "expires_on": one.expires_on,
        }
        for one in assertions
    ]
    _KEEP_PROMISES.run_each(connection, rows)


def assertions_called(connection: Connection, ids: Iterable[str]) -> tuple[CoverageAssertion, ...]:
    """Return the promises of these ids; unknown ones are left out."""
    rows = (row for one in sorted(set(ids)) for row in _PROMISE.rows(connection, {"id": one}))
    return tuple(
        CoverageAssertion(
            id=row.id,
            payer=row.payer,
            plan=row.plan,
            member_id=row.member_id,
            coverage=row.coverage,
            order=row.order,
            code=Coding(row.code_system, row.code),
            policy=row.policy,
            version=row.policy_version,
            performers=frozenset((row.performer or "").split()),
            expires_on=row.expires_on,
        )
        for row in rows
    )
