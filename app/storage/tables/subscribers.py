"""Who is told of changes, and how far along are they?"""

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from app.storage.database import Moment
from app.storage.tables.schema import metadata

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False, index=True),
    Column("generation", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("error", Text),
    Column("endpoint", Text, nullable=False),
    Column("headers", LargeBinary, comment="sealed: other people's secrets"),
    Column("mime_type", String(64), nullable=False),
    Column("heartbeat_seconds", Integer),
    Column("timeout_seconds", Integer),
    Column("most_events", Integer, nullable=False, server_default="1"),
    Column("ends_at", Moment),
    Column("spoken_at", Moment, comment="when it last took something"),
    Column("organizations", JSON, nullable=False),
    Column("resource", LargeBinary, nullable=False, comment="as received, its headers masked"),
    Column("told", Integer, nullable=False, comment="events since the start, without a gap"),
    Column("delivering_until", Moment, comment="one deliverer at a time, so that events arrive in order"),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("status IN ('requested', 'active', 'error', 'off')", name="status_known"),
)

subscription_events = Table(
    "subscription_events",
    metadata,
    Column("subscription_id", ForeignKey("subscriptions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("authorization_id", ForeignKey("authorizations.id"), nullable=False),
    Column("version", Integer, nullable=False, comment="of the authorization that is told of"),
    Column("at", Moment, nullable=False),
    Column("delivered_at", Moment),
    UniqueConstraint("subscription_id", "authorization_id", "version"),
)
