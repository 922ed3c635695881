"""A client's decided cases in the order of their change, for its feed."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        op.f("ix_authorizations_client_id_open_changed_at"), "authorizations", ["client_id", "open", "changed_at"]
    )
