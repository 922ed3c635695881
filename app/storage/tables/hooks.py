"""What was asked at a hook, what was answered, and what may be relied on?"""

from sqlalchemy import JSON, Column, Date, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from app.storage.database import Moment
from app.storage.tables.schema import metadata, of_rows

hook_invocations = Table(
    "hook_invocations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("service", String(64), nullable=False),
    Column("hook_instance", Text, nullable=False),
    Column("generation", String(8), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("answered_at", Moment, nullable=False),
    Column("request", LargeBinary, nullable=False, comment="as received, without the EHR's token"),
    Column("response", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False, comment="HTTP; a call that was refused is kept as well"),
    Column("payer", String(64)),
    Column("member_id", String(64)),
    Column("reads", JSON(none_as_null=True), comment="what became of the token, and how many resources were read"),
    Column("measured_at", Moment, comment="when its measures were taken, off the request's path"),
    Index("ix_hook_invocations_unmeasured", "received_at", **of_rows("measured_at IS NULL")),
    *(  # written with the measures, off the call's path
        Index(None, name, **of_rows("measured_at IS NOT NULL"))
        for name in ("received_at", "hook_instance", "member_id")
    ),
)

MEASURED_OR_NOT = (hook_invocations.c.measured_at.is_not(None), hook_invocations.c.measured_at.is_(None))
"""Calls by whether their measures are taken: each has indexes of its own, for statements that say which they mean."""

hook_orders = Table(
    "hook_orders",
    metadata,
    Column("invocation_id", ForeignKey("hook_invocations.id", ondelete="CASCADE"), primary_key=True),
    Column("order", Text, primary_key=True, index=True, comment="Type/id, of what a call was about"),
)

hook_feedback = Table(
    "hook_feedback",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("service", String(64), nullable=False),
    Column("card", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("suggestions", JSON, nullable=False, comment="uuids of those that were taken"),
    Column("reason", JSON(none_as_null=True), comment="code and words of an override"),
    Column("outcome_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Index(None, "client_id", "card"),
)

crd_metrics = Table(
    "crd_metrics",
    metadata,
    Column("invocation_id", String(36), primary_key=True, comment="outlives the invocation: it holds no patient data"),
    Column("client_id", String(64), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("data", JSON, nullable=False, comment="CRDMetricData, and the uuids of the cards"),
)

coverage_assertions = Table(
    "coverage_assertions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("invocation_id", ForeignKey("hook_invocations.id"), nullable=False, index=True),
    Column("payer", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("member_id", String(64), nullable=False),
    Column("coverage", Text, nullable=False),
    Column("order", Text, nullable=False),
    Column("code_system", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("policy", String(64)),
    Column("policy_version", String(32)),
    Column("performer", Text),
    Column("expires_on", Date, nullable=False),
    sqlite_with_rowid=False,
)
