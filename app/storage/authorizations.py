"""How is an authorization kept, found again, and kept from being made twice?

What changes together commits together: the authorization, its items and decisions, the event and the outbox row
are written on the caller's one connection.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, false, func, insert, or_, select, update

from app.storage import information, outbox
from app.storage.authorization_rows import authorization_of, decision_row, item_row
from app.storage.prepared import Prepared
from app.storage.tables import authorizations, decisions, items, submissions
from fhir_r4.problems import Conflict, Issue, Unknown
from fhir_r4.resource import Identifier
from fhir_r4.wire import read_own
from prior_auth.authorization import Authorization
from rules.ports import Standing

CHANGED = "authorization.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A submission as it came and what was answered to it first.

    Attributes:
        transaction: Bundle.identifier.
        digest: ``digest_of`` generation and body.
        authorization_id: None where the answer was a business error.
        bundle_id: of the answer, by which it is read again.
        noted: in what the request departs from its profile, and was let pass.
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
    bundle_id: str | None = None
    noted: tuple[Issue, ...] = ()


def digest_of(generation: str, body: bytes) -> str:
    """Return by what the same request is recognised: a SHA-256 of generation and body, byte for byte."""
    return hashlib.sha256(generation.encode() + body).hexdigest()


def received_before(connection: Connection, client_id: str, transaction: Identifier) -> Received | None:
    """Return the submission that the client sent under this identifier, if any."""
    asked = {"client": client_id, "system": transaction.system, "value": transaction.value}
    found = _RECEIVED.rows(connection, asked)
    return _received(found[0]) if found else None


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
        "bundle_id": received.bundle_id,
        "noted": [[one.severity, one.code, one.expression, one.diagnostics] for one in received.noted] or None,
    }
    _KEEP_SUBMISSION.run(connection, row)


def add(connection: Connection, authorization: Authorization) -> None:
    """Keep a new authorization with its decisions. No job follows: the answer to its submission tells of it."""
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
        "emergency": authorization.emergency,
        "retrospective": authorization.retrospective,
        "received_at": authorization.received_at,
        "due_at": authorization.due_at,
        "version": authorization.version,
        "open": authorization.pended,
        "changed_at": authorization.received_at,
    }
    _ADD.run(connection, row)
    _ADD_ITEMS.run_each(connection, [item_row(authorization.id, item) for item in authorization.items])
    _ADD_DECISIONS.run_each(connection, [decision_row(authorization.id, item, 1) for item in authorization.items])
    information.keep(connection, authorization.id, (), authorization.asks, authorization.received_at)


def save(connection: Connection, before: Authorization, after: Authorization, now: datetime) -> list[int]:
    """Keep what changed between two versions; return the ids of the outbox rows that tell of it, none if nothing did.

    Raises:
        Conflict: somebody else was first; nothing is kept.
    """
    changed = connection.execute(
        update(authorizations)
        .where(authorizations.c.id == before.id, authorizations.c.version == before.version)
        .values(
            version=after.version,
            number=after.number,
            plan=after.plan,
            member_id=after.member_id,
            claim_identifiers=[str(one) for one in after.claim_identifiers],
            npis=sorted(after.npis),
            requestors=sorted(after.requestors),
            urgent=after.urgent,
            due_at=after.due_at,
            open=after.pended,
            changed_at=now,
        )
    )
    if changed.rowcount != 1:
        raise Conflict(Issue("conflict", "somebody else has decided meanwhile; look at the case again"))
    information.keep(connection, after.id, before.asks, after.asks, now)
    if after.version == before.version:
        return []
    _save_items(connection, before, after)
    news = [
        item for item in after.items if (old := before.item(item.sequence)) is None or old.decision != item.decision
    ]
    _ADD_DECISIONS.run_each(connection, [decision_row(after.id, item, after.version) for item in news])
    return [outbox.put(connection, CHANGED, after.id, now)]


def _save_items(connection: Connection, before: Authorization, after: Authorization) -> None:
    """Add the items that are new, and write what is asked for with the others where it has changed."""
    added = [item for item in after.items if before.item(item.sequence) is None]
    if added:
        _ADD_ITEMS.run_each(connection, [item_row(after.id, item) for item in added])
    for item in after.items:
        old = before.item(item.sequence)
        if old and (old.codes, old.starts, old.ends, old.asked) != (item.codes, item.starts, item.ends, item.asked):
            row = item_row(after.id, item)
            keys = {name: row.pop(name) for name in ("authorization_id", "sequence")}
            connection.execute(update(items).filter_by(**keys).values(row))


def find(connection: Connection, authorization_id: str) -> Authorization | None:
    found = information.with_asks(connection, _authorizations(_BY_ID.rows(connection, {"id": authorization_id})))
    return found[0] if found else None


def get(connection: Connection, authorization_id: str) -> Authorization:
    """Return the authorization; Unknown where there is none."""
    found = find(connection, authorization_id)
    if found is None:
        raise Unknown("there is no such case")
    return found


def called(connection: Connection, ids: Sequence[str]) -> list[Authorization]:
    """Return the authorizations of these ids, in that order."""
    found = {one.id: one for one in _authorizations(connection.execute(_BY_IDS, {"ids": ids}))} if ids else {}
    return [found[one] for one in ids]


def of_member(connection: Connection, payer: str, member_ids: Iterable[str]) -> list[Authorization]:
    """Return the member's authorizations, newest first for each of the member's numbers."""
    asked = [{"payer": payer, "member": number} for number in sorted(member_ids)]
    found = [one for each in asked for one in _authorizations(_OF_MEMBER.rows(connection, each))]
    return information.with_asks(connection, found)


def standing(connection: Connection, payer: str, member_id: str) -> tuple[Standing, ...]:
    """Return the member's certified items."""
    found = of_member(connection, payer, [member_id])
    return tuple(one for authorization in found for one in authorization.standing())


def decided(
    connection: Connection, client_id: str | None, after: tuple[datetime, str] | None, until: datetime, limit: int
) -> list[tuple[datetime, Authorization]]:
    """Return decided cases, of one client or of all, in the order of their last change, with its moment."""
    held = authorizations.c
    query = select(held.id, held.changed_at).where(held.open.is_(False), held.changed_at <= until)
    if client_id is not None:
        query = query.where(held.client_id == client_id)
    if after:
        at, identity = after
        query = query.where(or_(held.changed_at > at, and_(held.changed_at == at, held.id > identity)))
    rows = connection.execute(query.order_by(held.changed_at, held.id).limit(limit)).all()
    moments = {row.id: row.changed_at for row in rows}
    return [(moments[one.id], one) for one in called(connection, list(moments))]


def numbers_of(connection: Connection, ids: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """Return for each of these authorizations every number that a decision of it ever had."""
    found: dict[str, set[str]] = {}
    for row in connection.execute(_NUMBERS_OF, {"ids": ids}) if ids else ():
        found.setdefault(row.authorization_id, set()).add(row.number)
    return {one: frozenset(numbers) for one, numbers in found.items()}


def weighed(connection: Connection, authorization_id: str) -> Mapping[int, dict[str, Any]]:
    """Return for each item, by its sequence, the trace of its last weighing by a policy; a later verdict has none."""
    rows = connection.execute(_WEIGHED, {"authorization": authorization_id})
    return {row.sequence: row.trace for row in rows if row.trace}


def response_called(connection: Connection, client_id: str, bundle_id: str) -> bytes | None:
    """Return the answer to a submission of this client's, by the id of its Bundle."""
    asked = {"client": client_id, "bundle": bundle_id}
    found: bytes | None = connection.execute(_RESPONSE_CALLED, asked).scalar_one_or_none()
    return found


def requests_of(connection: Connection, authorization_id: str) -> dict[str, dict]:
    """Return by their ids the request Bundles that have the last word on anything, in the order of their arrival."""
    rows = _REQUESTS_OF.rows(connection, {"authorization": authorization_id})
    return {row.id: read_own(row.request) for row in rows}


def repeated(connection: Connection, ids: Sequence[str]) -> None:
    """Note that later requests have said again all that these say."""
    if ids:
        connection.execute(update(submissions).where(submissions.c.id.in_(ids)).values(repeated=True))


def noted_of(connection: Connection, authorization_id: str) -> list[Issue]:
    """Return in what the requests for an authorization depart from their profiles; the last request's first."""
    rows = connection.execute(_NOTED_OF, {"authorization": authorization_id}).scalars()
    return [Issue(code, said, where, severity) for noted in rows if noted for severity, code, where, said in noted]


def request_of(connection: Connection, authorization_id: str) -> dict:
    """Return the request Bundle by which the authorization was last asked for."""
    (row,) = _REQUEST_OF.rows(connection, {"authorization": authorization_id})
    found: dict = read_own(row.request)
    return found


_ADD, _ADD_ITEMS, _ADD_DECISIONS = map(Prepared, (insert(authorizations), insert(items), insert(decisions)))
_KEEP_SUBMISSION = Prepared(insert(submissions))
_RECEIVED = Prepared(
    select(submissions).where(
        submissions.c.client_id == bindparam("client"),
        submissions.c.transaction_system == bindparam("system"),
        submissions.c.transaction_value == bindparam("value"),
    )
)
_NUMBERS_OF = select(decisions.c.authorization_id, decisions.c.number).where(
    decisions.c.authorization_id.in_(bindparam("ids", expanding=True)), decisions.c.number.is_not(None)
)
_WEIGHED = (
    select(decisions.c.sequence, decisions.c.trace)
    .where(decisions.c.authorization_id == bindparam("authorization"))
    .order_by(decisions.c.ordinal)
)
_RESPONSE_CALLED = select(submissions.c.response).where(
    submissions.c.client_id == bindparam("client"), submissions.c.bundle_id == bindparam("bundle")
)
_NOTED_OF = (
    select(submissions.c.noted)
    .where(submissions.c.authorization_id == bindparam("authorization"))
    .order_by(submissions.c.received_at.desc())
)
_LAST_WORDS = select(submissions.c.id, submissions.c.request).where(
    submissions.c.authorization_id == bindparam("authorization"), submissions.c.repeated == false()
)
_REQUEST_OF = Prepared(_LAST_WORDS.order_by(submissions.c.received_at.desc(), submissions.c.id.desc()).limit(1))
_REQUESTS_OF = Prepared(_LAST_WORDS.order_by(submissions.c.received_at, submissions.c.id))
_EARLIER = decisions.alias("earlier")
_LAST = (
    select(func.max(_EARLIER.c.ordinal))
    .where(_EARLIER.c.authorization_id == items.c.authorization_id, _EARLIER.c.sequence == items.c.sequence)
    .correlate(items)
    .scalar_subquery()
)
_WHOLE = (  # a row for each item, with its present decision
    select(
        authorizations,
        *(column for column in decisions.c if column.name not in {"authorization_id", "number"}),
        decisions.c.number.label("item_number"),
        items.c.codes,
        items.c.asked,
        items.c.starts.label("item_starts"),
        items.c.ends.label("item_ends"),
    )
    .join(items, items.c.authorization_id == authorizations.c.id)
    .join(
        decisions,
        (decisions.c.authorization_id == items.c.authorization_id)
        & (decisions.c.sequence == items.c.sequence)
        & (decisions.c.ordinal == _LAST),
    )
)
_IN_ORDER = (authorizations.c.id, decisions.c.sequence)
_BY_ID = Prepared(_WHOLE.where(authorizations.c.id == bindparam("id")).order_by(*_IN_ORDER))
_BY_IDS = _WHOLE.where(authorizations.c.id.in_(bindparam("ids", expanding=True))).order_by(*_IN_ORDER)
_OF_MEMBER = Prepared(
    _WHOLE.where(
        authorizations.c.payer == bindparam("payer"), authorizations.c.member_id == bindparam("member")
    ).order_by(authorizations.c.received_at.desc(), *_IN_ORDER)
)


def _authorizations(rows: Iterable[Row[Any]]) -> list[Authorization]:
    """Return the authorizations of these rows, in their order."""
    return [authorization_of(list(items_of_one)) for _, items_of_one in groupby(rows, key=lambda row: row.id)]


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
