"""Subscriptions whole: headers sealed, what a channel asks for, when it was last spoken to, and its end."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("subscriptions") as table:
        table.drop_column("headers")  # kept in the clear until now; no release had any
        table.add_column(
            sa.Column("headers", sa.LargeBinary(), nullable=True, comment="sealed: other people's secrets")
        )
        table.add_column(sa.Column("heartbeat_seconds", sa.Integer(), nullable=True))
        table.add_column(sa.Column("timeout_seconds", sa.Integer(), nullable=True))
        table.add_column(sa.Column("most_events", sa.Integer(), nullable=False, server_default="1"))
        table.add_column(sa.Column("ends_at", Moment(), nullable=True))
        table.add_column(sa.Column("spoken_at", Moment(), nullable=True, comment="when it last took something"))
    op.create_index(op.f("ix_subscriptions_client_id"), "subscriptions", ["client_id"])
