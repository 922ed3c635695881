"""What arrived by ``$submit-attachment``, for which case, and what waits in the inbox for a case to go with?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from app.storage.prepared import Prepared
from app.storage.tables import attachments
from fhir_r4.resource import Identifier
from fhir_r4.wire import read_own

ARRIVED = "information.arrived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One call as kept; ``documents`` says of each file its code, type, size and lines."""

    id: str
    client_id: str
    digest: str
    tracking: Identifier
    member_id: str
    received_at: datetime
    final: bool
    authorization_id: str | None
    documents: Sequence[dict[str, Any]]


def keep(connection: Connection, attachment: Attachment, request: bytes, by: str | None) -> None:
    """Keep a call. IntegrityError where the client has sent the same before."""
    connection.execute(
        _KEEP,
        {
            "id": attachment.id,
            "client_id": attachment.client_id,
            "digest": attachment.digest,
            "tracking_system": attachment.tracking.system,
            "tracking_value": attachment.tracking.value,
            "member_id": attachment.member_id,
            "received_at": attachment.received_at,
            "final": attachment.final,
            "authorization_id": attachment.authorization_id,
            "matched_at": attachment.received_at if attachment.authorization_id else None,
            "matched_by": by if attachment.authorization_id else None,
            "documents": list(attachment.documents),
            "request": request,
        },
    )


def sent_before(connection: Connection, client_id: str, digest: str) -> Attachment | None:
    row = connection.execute(_SENT_BEFORE, {"client": client_id, "digest": digest}).one_or_none()
    return _attachment(row) if row else None


def match(connection: Connection, attachment_id: str, authorization_id: str, by: str, now: datetime) -> bool:
    """Give what waits in the inbox to a case; False where somebody else has done so."""
    values = {"one": attachment_id, "authorization": authorization_id, "by": by, "at": now}
    return connection.execute(_MATCH, values).rowcount == 1


def inbox(connection: Connection, limit: int) -> list[Attachment]:
    """Return what waits for a case, the oldest first."""
    return [_attachment(row) for row in connection.execute(_INBOX.limit(limit))]


def waiting_for(connection: Connection, member_id: str) -> list[Attachment]:
    """Return what waits for a case of this member."""
    return [_attachment(row) for row in _WAITING.rows(connection, {"member": member_id})]


def of_case(connection: Connection, authorization_id: str) -> list[Attachment]:
    """Return what arrived for a case, the oldest first."""
    return [_attachment(row) for row in connection.execute(_OF_CASE, {"authorization": authorization_id})]


def request_of(connection: Connection, attachment_id: str) -> dict:
    """Return the Parameters as they came; NoResultFound where there are none."""
    body: bytes = connection.execute(_REQUEST, {"one": attachment_id}).scalar_one()
    found: dict = read_own(body)
    return found


_COLUMNS = [column for column in attachments.c if column.name != "request"]
_KEEP = insert(attachments)
_SENT_BEFORE = select(*_COLUMNS).where(
    attachments.c.client_id == bindparam("client"), attachments.c.digest == bindparam("digest")
)
_MATCH = (
    update(attachments)
    .where(attachments.c.id == bindparam("one"), attachments.c.authorization_id.is_(None))
    .values(authorization_id=bindparam("authorization"), matched_at=bindparam("at"), matched_by=bindparam("by"))
)
_UNMATCHED = select(*_COLUMNS).where(attachments.c.authorization_id.is_(None))
_INBOX = _UNMATCHED.order_by(attachments.c.received_at, attachments.c.id)
_WAITING = Prepared(
    _UNMATCHED.where(attachments.c.member_id == bindparam("member")).order_by(attachments.c.received_at)
)
_OF_CASE = (
    select(*_COLUMNS)
    .where(attachments.c.authorization_id == bindparam("authorization"))
    .order_by(attachments.c.received_at, attachments.c.id)
)
_REQUEST = select(attachments.c.request).where(attachments.c.id == bindparam("one"))


def _attachment(row: Row[Any]) -> Attachment:
    return Attachment(
        id=row.id,
        client_id=row.client_id,
        digest=row.digest,
        tracking=Identifier(row.tracking_system, row.tracking_value),
        member_id=row.member_id,
        received_at=row.received_at,
        final=row.final,
        authorization_id=row.authorization_id,
        documents=row.documents,
    )
