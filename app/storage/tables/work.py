"""What has been done, and what is to be done after an answer?"""

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from app.storage.database import Moment
from app.storage.tables.schema import metadata

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False, index=True),
    Column("kind", String(64), nullable=False),
    Column("actor", Text, nullable=False, comment="a client, a person, or the service itself"),
    Column("authorization_id", String(36), index=True),
    Column("request_id", String(36)),
    Column("detail", JSON, nullable=False, comment="our own identifiers and codes, never patient data"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(64), nullable=False),
    Column("subject", String(64), nullable=False, comment="id of what the job is about"),
    Column(
        "contract",
        Integer,
        nullable=False,
        server_default="1",
        comment="what the kind asks for; raised when it asks for something else",
    ),
    Column("created_at", Moment, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, comment="fences: only the last taker may end a job"),
    Column("lease_until", Moment),
    Column("done_at", Moment),
    Column("dead_at", Moment),
    Column("fault", Text, comment="why the last attempt failed; never patient data"),
    Index(None, "done_at", "dead_at", "not_before"),
)
