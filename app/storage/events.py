"""What happened? The append-only record; written in the transaction of what it records."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from app.storage.prepared import Prepared
from app.storage.tables import events

_RECORD = Prepared(insert(events))


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
