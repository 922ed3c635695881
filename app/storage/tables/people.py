"""Who of the payer's own people may work here?"""

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Integer, String, Table, Text

from app.storage.database import Moment
from app.storage.tables.schema import metadata

staff = Table(
    "staff",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("licence", String(64), comment="STATE/NUMBER of a clinician"),
    Column("npi", String(10)),
    Column("specialty", Text),
    Column("password", Text, comment="argon2id; None until the one-time link was used"),
    Column("link", String(64), unique=True, comment="SHA-256 of the one-time link's secret"),
    Column("link_until", Moment),
    Column("active", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("role IN ('reviewer', 'auditor', 'admin')", name="role_known"),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the cookie's secret"),
    Column("name", ForeignKey("staff.name"), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

staff_tries = Table(
    "staff_tries",
    metadata,
    Column("name", String(64), primary_key=True, comment="under which somebody tried to log in; nobody need have it"),
    Column("tries", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
)
