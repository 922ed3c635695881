"""The DTR app's sealed desks."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dtr_desks",
        sa.Column("name", sa.String(length=64), nullable=False, comment="digest of the key that the browser holds"),
        sa.Column(
            "sealed", sa.LargeBinary(), nullable=False, comment="AES-GCM; the key is in the browser's cookie only"
        ),
        sa.Column("until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_dtr_desks")),
    )
    op.create_index(op.f("ix_dtr_desks_until"), "dtr_desks", ["until"])


def downgrade() -> None:
    op.drop_table("dtr_desks")
