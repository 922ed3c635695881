"""Tries to log in are counted over all web processes."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    says = "under which somebody tried to log in; nobody need have it"
    op.create_table(
        "staff_tries",
        sa.Column("name", sa.String(64), nullable=False, comment=says),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_staff_tries")),
    )


def downgrade() -> None:
    op.drop_table("staff_tries")
