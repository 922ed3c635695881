"""What has been purged, and what must not be?"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from app.storage.database import Moment
from app.storage.tables.schema import metadata

purges = Table(
    "purges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("before", Moment, nullable=False, comment="everything that went is older"),
    Column("count", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

purged_cases = Table(
    "purged_cases",
    metadata,
    Column("authorization_id", String(36), primary_key=True, comment="opaque; nothing else is left"),
    Column("purge_id", ForeignKey("purges.id"), nullable=False),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("reach", String(16), nullable=False),
    Column("authorization_id", String(36), index=True),
    Column("payer", String(64)),
    Column("member_id", String(64)),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", Moment),
    CheckConstraint("reach IN ('everything', 'member', 'case')", name="reach_known"),
    Index(None, "payer", "member_id"),
)
