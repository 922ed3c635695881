"""Whether a client gives different requests one identifier, as public conformance kits do."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    says = "its requests are told apart by what they hold, not by Bundle.identifier"
    said: sa.Column[bool] = sa.Column(
        "repeats_identifiers", sa.Boolean(), nullable=False, server_default=sa.false(), comment=says
    )
    op.add_column("clients", said)


def downgrade() -> None:
    op.drop_column("clients", "repeats_identifiers")
