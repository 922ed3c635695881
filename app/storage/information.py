"""What was asked for about which case, and is it answered? Written in the transaction of the change that asks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from app.storage import outbox
from app.storage.prepared import Prepared
from app.storage.tables import information_requests
from prior_auth.authorization import Authorization
from prior_auth.information import InformationRequest, Kind
from rules.directory import Document

LAPSES = "information.lapses"


def with_asks(connection: Connection, found: Sequence[Authorization]) -> list[Authorization]:
    """Return the authorizations with what was asked for about those that are pended."""
    return [replace(one, asks=_asks_about(connection, one.id)) if one.pended else one for one in found]


def _asks_about(connection: Connection, authorization_id: str) -> tuple[InformationRequest, ...]:
    return tuple(map(_request, _OF_CASE.rows(connection, {"authorization": authorization_id})))


def keep(
    connection: Connection, authorization_id: str, before: Iterable[InformationRequest],
    after: Iterable[InformationRequest], now: datetime,
) -> None:  # fmt: skip
    """Keep what is asked for anew, with the job that looks when it is due, and what has been answered or given up."""
    known = {one.id: one for one in before}
    for one in after:
        if one.id not in known:
            _KEEP.run(connection, _row(authorization_id, one))
            outbox.schedule(connection, LAPSES, authorization_id, now, one.due_at)
        elif known[one.id] != one:
            connection.execute(_END, {"ask": one.id, "answered": one.answered_at, "lapsed": one.lapsed_at})


def tracked(connection: Connection, tracking: str) -> tuple[str, InformationRequest] | None:
    """Return the case about which something was asked under this number, and the request."""
    row = connection.execute(_TRACKED, {"tracking": tracking}).one_or_none()
    return (row.authorization_id, _request(row)) if row else None


_KEEP = Prepared(insert(information_requests))
_END = (
    update(information_requests)
    .where(information_requests.c.id == bindparam("ask"))
    .values(answered_at=bindparam("answered"), lapsed_at=bindparam("lapsed"))
)
_TRACKED = select(information_requests).where(information_requests.c.tracking == bindparam("tracking"))
_OF_CASE = Prepared(
    select(information_requests)
    .where(information_requests.c.authorization_id == bindparam("authorization"))
    .order_by(information_requests.c.asked_at, information_requests.c.id)
)


def _request(row: Row[Any]) -> InformationRequest:
    return InformationRequest(
        id=row.id,
        sequence=row.sequence,
        tracking=row.tracking,
        kind=Kind(row.kind),
        documents=tuple(Document(**one) for one in row.documents),
        questionnaire=row.questionnaire,
        note=row.note,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        due_at=row.due_at,
        answered_at=row.answered_at,
        lapsed_at=row.lapsed_at,
    )


def _row(authorization_id: str, asked: InformationRequest) -> dict[str, Any]:
    documents = [
        {"loinc": one.loinc, "text": one.text, "report_type": one.report_type, "modifier": one.modifier}
        for one in asked.documents
    ]
    return {
        "id": asked.id,
        "authorization_id": authorization_id,
        "sequence": asked.sequence,
        "tracking": asked.tracking,
        "kind": asked.kind,
        "documents": documents,
        "questionnaire": asked.questionnaire,
        "note": asked.note,
        "asked_by": asked.asked_by,
        "asked_at": asked.asked_at,
        "due_at": asked.due_at,
        "answered_at": asked.answered_at,
        "lapsed_at": asked.lapsed_at,
    }
