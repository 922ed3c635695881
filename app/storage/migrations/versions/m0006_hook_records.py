"""Hooks: what a call was about, what users made of its cards, and its measures."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clients", sa.Column("has_dtr", sa.Boolean, nullable=False, server_default=sa.true()))
    for column in (
        sa.Column("status", sa.Integer, nullable=False, server_default="200"),
        sa.Column("payer", sa.String(64)),
        sa.Column("member_id", sa.String(64)),
        sa.Column("reads", sa.JSON),
        sa.Column("measured_at", Moment),
    ):
        op.add_column("hook_invocations", column)
    op.create_index("ix_hook_invocations_measured_at_received_at", "hook_invocations", ["measured_at", "received_at"])
    op.create_index("ix_hook_invocations_member_id", "hook_invocations", ["member_id"])
    op.create_table(
        "hook_orders",
        sa.Column(
            "invocation_id", sa.String(36), sa.ForeignKey("hook_invocations.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("order", sa.Text, primary_key=True),
    )
    op.create_index("ix_hook_orders_order", "hook_orders", ["order"])
    op.create_table(
        "hook_feedback",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("client_id", sa.String(64), sa.ForeignKey("clients.id"), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("card", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("reason", sa.JSON),
        sa.Column("outcome_at", Moment, nullable=False),
        sa.Column("received_at", Moment, nullable=False),
    )
    op.create_index("ix_hook_feedback_client_id_card", "hook_feedback", ["client_id", "card"])
    op.create_table(
        "crd_metrics",
        sa.Column("invocation_id", sa.String(36), primary_key=True),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_index("ix_crd_metrics_at", "crd_metrics", ["at"])


def downgrade() -> None:
    raise NotImplementedError("go back by restoring a backup")
