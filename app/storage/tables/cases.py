"""What was requested, what has been decided, and what is still wanted for it?"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from app.storage.database import Moment
from app.storage.tables.schema import metadata

authorizations = Table(
    "authorizations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("reference", String(32), nullable=False, unique=True, comment="administration reference number"),
    Column("number", String(32), unique=True, comment="authorization number, once something is certified"),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("payer", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("member_id", String(64), nullable=False),
    Column("claim_identifiers", JSON, nullable=False),
    Column("npis", JSON, nullable=False),
    Column("requestors", JSON, nullable=False, comment="identifiers of who asked; subscribers watch these"),
    Column("urgent", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False, server_default=false()),
    Column("retrospective", Boolean, nullable=False, server_default=false(), comment="asked for after the fact"),
    Column("received_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Column("open", Boolean, nullable=False, comment="an item of it waits for a person"),
    Column("changed_at", Moment, nullable=False),
    Index(None, "payer", "member_id"),
    Index(None, "open", "due_at"),
    Index(None, "open", "changed_at"),
    Index(None, "client_id", "open", "changed_at"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("transaction_system", Text, nullable=False),
    Column("transaction_value", Text, nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of generation and body, keys in order"),
    Column("generation", String(8), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("authorization_id", ForeignKey("authorizations.id")),
    Column("request", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False, comment="what was answered first; a replay gets these bytes"),
    Column("bundle_id", String(36), index=True, comment="of the response"),
    Column("noted", JSON(none_as_null=True), comment="what departs from the profile and was let pass; no values"),
    Column("repeated", Boolean, nullable=False, server_default=false(), comment="later ones say all of it again"),
    UniqueConstraint("client_id", "transaction_system", "transaction_value"),
    Index(None, "authorization_id", "repeated", "received_at"),
)

items = Table(
    "items",
    metadata,
    Column("authorization_id", ForeignKey("authorizations.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("codes", JSON, nullable=False),
    Column("starts", Date),
    Column("ends", Date),
    Column("asked", JSON, nullable=False, server_default="{}", comment="Claim.item as the submitter last wrote it"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("authorization_id", String(36), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("ordinal", Integer, primary_key=True, comment="1 is the first; the highest is the present one"),
    Column("action", String(2), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("licence", Text),
    Column("reason", Text),
    Column("reason_codes", JSON(none_as_null=True), comment="X12 886, from the payer's own table"),
    Column("reviewer_npi", String(10)),
    Column("reviewer_specialty", Text),
    Column("decided_at", Moment, nullable=False),
    Column("starts", Date),
    Column("ends", Date),
    Column("number", String(32)),
    Column("granted", JSON(none_as_null=True), comment="what a modified item grants: codes, quantity, unit"),
    Column("trace", JSON, nullable=False),
    ForeignKeyConstraint(["authorization_id", "sequence"], ["items.authorization_id", "items.sequence"]),
    CheckConstraint("action IN ('A1', 'A2', 'A3', 'A4', 'A6', 'C', 'NA')", name="action_known"),
    CheckConstraint("basis IN ('policy', 'plan', 'clinician', 'provider')", name="basis_known"),
    CheckConstraint(
        "action NOT IN ('A2', 'A3', 'A6')"
        " OR (basis = 'plan' AND action = 'A3' AND reason IS NOT NULL AND TRIM(reason) <> '')"
        " OR (basis = 'clinician' AND reason IS NOT NULL AND TRIM(reason) <> ''"
        " AND licence IS NOT NULL AND TRIM(licence) <> '' AND TRIM(decided_by) <> '')",
        name="care_is_refused_by_clinicians",
    ),
    CheckConstraint(
        "action NOT IN ('A1', 'A2', 'A6') OR (number IS NOT NULL AND starts IS NOT NULL AND ends IS NOT NULL)",
        name="certified_has_number_and_period",
    ),
)

information_requests = Table(
    "information_requests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("authorization_id", ForeignKey("authorizations.id"), nullable=False, index=True),
    Column("sequence", Integer, nullable=False, comment="of the item"),
    Column("tracking", String(64), nullable=False, unique=True, comment="the number under which it is to be answered"),
    Column("kind", String(16), nullable=False),
    Column("documents", JSON, nullable=False, comment="LOINC attachment codes with their report types"),
    Column("questionnaire", Text),
    Column("note", Text),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("answered_at", Moment),
    Column("lapsed_at", Moment, comment="when it was given up: a person decides on what is there"),
    CheckConstraint("kind IN ('documents', 'questionnaire')", name="kind_known"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the body, keys in order"),
    Column("tracking_system", Text, nullable=False),
    Column("tracking_value", Text, nullable=False, index=True),
    Column("member_id", String(64), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("authorization_id", ForeignKey("authorizations.id"), index=True, comment="None: it waits in the inbox"),
    Column("matched_at", Moment),
    Column("matched_by", Text),
    Column("documents", JSON, nullable=False, comment="of each: code, media type, bytes, items; nothing of a patient"),
    Column("request", LargeBinary, nullable=False, comment="as received"),
    UniqueConstraint("client_id", "digest"),
)
