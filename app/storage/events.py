"""What happened? The append-only record; written in the transaction of what it records."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from app.storage.prepared import Prepared
from app.storage.tables import events

_RECORD = Prepared(insert(events))
_HISTORY = select(events).where(events.c.authorization_id == bindparam("authorization")).order_by(events.c.id)


@dataclass(frozen=True, slots=True)
class Happened:
    """One step in the life of a case: what, when (aware), by whom, to which item, and what the item was then.

    Attributes:
        action: of X12 306; none where the step decided nothing.
    """

    what: str
    at: datetime
    actor: str
    item: int | None
    action: str | None


def history(connection: Connection, authorization_id: str) -> list[Happened]:
    """Return what happened to a case: submitted, updated, decided, corrected, reopened, cancelled, asked, received."""
    rows = connection.execute(_HISTORY, {"authorization": authorization_id})
    return [
        Happened(
            row.kind.partition(".")[2].replace("-", " "),
            row.at,
            row.actor,
            row.detail.get("item"),
            row.detail.get("action"),
        )
        for row in rows
        if row.kind.startswith("authorization.")
    ]


def record(
    connection: Connection,
    kind: str,
    *,
    actor: str,
    at: datetime,
    authorization_id: str | None = None,
    request_id: str | None = None,
    **detail: Any,
) -> None:
    """Add one event. ``detail`` holds our own identifiers and codes, never patient data."""
    row = {
        "at": at,
        "kind": kind,
        "actor": actor,
        "authorization_id": authorization_id,
        "request_id": request_id,
        "detail": detail,
    }
    _RECORD.run(connection, row)
