"""Whether a client is held to the profiles, and what was noted of a request where it is not."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    says = "what breaks its profile is refused, not noted"
    op.add_column("clients", sa.Column("strict", sa.Boolean(), nullable=False, server_default=sa.false(), comment=says))
    says = "what departs from the profile and was let pass; no values"
    op.add_column("submissions", sa.Column("noted", sa.JSON(none_as_null=True), comment=says))


def downgrade() -> None:
    op.drop_column("submissions", "noted")
    op.drop_column("clients", "strict")
