"""Which contract a job was written under: a worker of another version leaves what it does not know."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    says = "what the kind asks for; raised when it asks for something else"
    op.add_column("outbox", sa.Column("contract", sa.Integer(), nullable=False, server_default="1", comment=says))


def downgrade() -> None:
    op.drop_column("outbox", "contract")
