"""How is an authorization kept, found again, and kept from being made twice?

What changes together commits together: the authorization, its items and decisions, the event and the outbox row
are written on the caller's one connection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from app.storage import outbox
from app.storage.tables import authorizations, decisions, items, submissions
from fhir_r4.problems import Conflict, Issue
from fhir_r4.resource import Coding, Identifier
from fhir_r4.wire import read_object
from prior_auth.authorization import Authorization, Basis, Decision, Item, ReviewAction
from rules.ports import Standing

CHANGED = "authorization.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A submission as it came and what was answered to it first.

    Attributes:
        transaction: Bundle.identifier.
        digest: of generation and body; another body under the same transaction is a conflict.
        authorization_id: None where the answer was a business error.
    """

    id: str
    client_id: str
    transaction: Identifier
    digest: str
    generation: str
    received_at: datetime
    authorization_id: str | None
    request: bytes
    response: bytes


def received_before(connection: Connection, client_id: str, transaction: Identifier) -> Received | None:
    """Return the submission that the client sent under this identifier, if any."""
    asked = {"client": client_id, "system": transaction.system, "value": transaction.value}
    row = connection.execute(_RECEIVED, asked).one_or_none()
    return _received(row) if row else None


def keep_submission(connection: Connection, received: Received) -> None:
    """Keep what came and what was answered. IntegrityError where the transaction is known already."""
    row = {
        "id": received.id,
        "client_id": received.client_id,
        "transaction_system": received.transaction.system,
        "transaction_value": received.transaction.value,
        "digest": received.digest,
        "generation": received.generation,
        "received_at": received.received_at,
        "authorization_id": received.authorization_id,
        "request": received.request,
        "response": received.response,
    }
    connection.execute(_KEEP_SUBMISSION, row)


def add(connection: Connection, authorization: Authorization) -> int:
    """Keep a new authorization with its decisions; return the id of the outbox row that tells of it."""
    row = {
        "id": authorization.id,
        "reference": authorization.reference,
        "number": authorization.number,
        "client_id": authorization.client,
        "payer": authorization.payer,
        "plan": authorization.plan,
        "member_id": authorization.member_id,
        "claim_identifiers": [str(one) for one in authorization.claim_identifiers],
        "npis": sorted(authorization.npis),
        "requestors": sorted(authorization.requestors),
        "urgent": authorization.urgent,
        "received_at": authorization.received_at,
        "due_at": authorization.due_at,
        "version": authorization.version,
        "open": authorization.pended,
        "changed_at": authorization.received_at,
    }
    connection.execute(_ADD, row)
    connection.execute(_ADD_ITEMS, [_item_row(authorization.id, item) for item in authorization.items])
    connection.execute(_ADD_DECISIONS, [_decision_row(authorization.id, item, 1) for item in authorization.items])
    return outbox.put(connection, CHANGED, authorization.id, authorization.received_at)


def save(connection: Connection, before: Authorization, after: Authorization, now: datetime) -> int:
    """Keep what changed between two versions; return the id of the outbox row that tells of it.

    Raises:
        Conflict: somebody else was first; nothing is kept.
    """
    changed = connection.execute(
        update(authorizations)
        .where(authorizations.c.id == before.id, authorizations.c.version == before.version)
        .values(version=after.version, number=after.number, open=after.pended, changed_at=now)
    )
    if changed.rowcount != 1:
        raise Conflict(Issue("conflict", "somebody else has decided meanwhile; look at the case again"))
    news = [new for old, new in zip(before.items, after.items, strict=True) if new.decision != old.decision]
    connection.execute(_ADD_DECISIONS, [_decision_row(after.id, item, after.version) for item in news])
    return outbox.put(connection, CHANGED, after.id, now)


def find(connection: Connection, authorization_id: str) -> Authorization | None:
    rows = connection.execute(select(authorizations).where(authorizations.c.id == authorization_id)).all()
    found = of_rows(connection, rows)
    return found[0] if found else None


def of_member(connection: Connection, payer: str, member_ids: Iterable[str]) -> list[Authorization]:
    """Return the member's authorizations, newest first."""
    wanted = sorted(member_ids)
    rows = connection.execute(_OF_MEMBER, {"payer": payer, "members": wanted}).all() if wanted else []
    return of_rows(connection, rows)


def standing(connection: Connection, payer: str, member_id: str) -> tuple[Standing, ...]:
    """Return the member's certified items."""
    found = of_member(connection, payer, [member_id])
    return tuple(one for authorization in found for one in authorization.standing())


def request_of(connection: Connection, authorization_id: str) -> dict:
    """Return the request Bundle by which the authorization was asked for."""
    body: bytes = connection.execute(_REQUEST_OF, {"authorization": authorization_id}).scalar_one()
    return read_object(body)


_ADD, _ADD_ITEMS, _ADD_DECISIONS = insert(authorizations), insert(items), insert(decisions)
_KEEP_SUBMISSION = insert(submissions)
_RECEIVED = select(submissions).where(
    submissions.c.client_id == bindparam("client"),
    submissions.c.transaction_system == bindparam("system"),
    submissions.c.transaction_value == bindparam("value"),
)
_REQUEST_OF = (
    select(submissions.c.request)
    .where(submissions.c.authorization_id == bindparam("authorization"))
    .order_by(submissions.c.received_at.desc())
    .limit(1)
)
_OF_MEMBER = (
    select(authorizations)
    .where(
        authorizations.c.payer == bindparam("payer"),
        authorizations.c.member_id.in_(bindparam("members", expanding=True)),
    )
    .order_by(authorizations.c.received_at.desc())
)
_DECIDED = (
    select(decisions, items.c.codes, items.c.starts.label("item_starts"), items.c.ends.label("item_ends"))
    .join(
        items, (items.c.authorization_id == decisions.c.authorization_id) & (items.c.sequence == decisions.c.sequence)
    )
    .where(decisions.c.authorization_id.in_(bindparam("ids", expanding=True)))
    .order_by(decisions.c.sequence, decisions.c.ordinal)
)


def of_rows(connection: Connection, rows: Sequence[Row[Any]]) -> list[Authorization]:
    """Return the authorizations of these rows; each item's present decision is its last."""
    present: dict[str, dict[int, Row[Any]]] = {row.id: {} for row in rows}
    if present:
        for decided in connection.execute(_DECIDED, {"ids": list(present)}):
            present[decided.authorization_id][decided.sequence] = decided
    return [_authorization(row, [_item(decided) for decided in present[row.id].values()]) for row in rows]


def _authorization(row: Row[Any], held: list[Item]) -> Authorization:
    return Authorization(
        id=row.id,
        reference=row.reference,
        client=row.client_id,
        payer=row.payer,
        plan=row.plan,
        member_id=row.member_id,
        claim_identifiers=tuple(map(Identifier.parse, row.claim_identifiers)),
        npis=frozenset(row.npis),
        requestors=frozenset(row.requestors),
        received_at=row.received_at,
        due_at=row.due_at,
        urgent=row.urgent,
        items=tuple(held),
        version=row.version,
    )


def _item(row: Row[Any]) -> Item:
    decision = Decision(
        action=ReviewAction(row.action),
        basis=Basis(row.basis),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
        licence=row.licence,
        starts=row.starts,
        ends=row.ends,
        number=row.number,
        trace=row.trace,
    )
    codes = tuple(Coding(**code) for code in row.codes)
    return Item(row.sequence, codes, row.item_starts, row.item_ends, decision)


def _item_row(authorization_id: str, item: Item) -> dict:
    return {
        "authorization_id": authorization_id,
        "sequence": item.sequence,
        "codes": [{"system": code.system, "code": code.code, "display": code.display} for code in item.codes],
        "starts": item.starts,
        "ends": item.ends,
    }


def _decision_row(authorization_id: str, item: Item, ordinal: int) -> dict:
    decided = item.decision
    return {
        "authorization_id": authorization_id,
        "sequence": item.sequence,
        "ordinal": ordinal,
        "action": decided.action,
        "basis": decided.basis,
        "decided_by": decided.decided_by,
        "licence": decided.licence,
        "reason": decided.reason,
        "decided_at": decided.decided_at,
        "starts": decided.starts,
        "ends": decided.ends,
        "number": decided.number,
        "trace": decided.trace,
    }


def _received(row: Row[Any]) -> Received:
    return Received(
        id=row.id,
        client_id=row.client_id,
        transaction=Identifier(row.transaction_system, row.transaction_value),
        digest=row.digest,
        generation=row.generation,
        received_at=row.received_at,
        authorization_id=row.authorization_id,
        request=row.request,
        response=row.response,
    )
