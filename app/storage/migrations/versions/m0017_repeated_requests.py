"""Of a case's requests those are read on which something depends still, and not all that there ever were."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLE, _BEFORE = "submissions", "ix_submissions_authorization_id"
_SEARCHED = ["authorization_id", "repeated", "received_at"]


def upgrade() -> None:
    said: sa.Column[bool] = sa.Column(
        "repeated", sa.Boolean(), nullable=False, server_default=sa.false(), comment="later ones say all of it again"
    )
    op.add_column(_TABLE, said)
    op.create_index(op.f(f"ix_{_TABLE}_{'_'.join(_SEARCHED)}"), _TABLE, _SEARCHED)
    op.drop_index(op.f(_BEFORE), _TABLE)


def downgrade() -> None:
    op.create_index(op.f(_BEFORE), _TABLE, ["authorization_id"])
    op.drop_index(op.f(f"ix_{_TABLE}_{'_'.join(_SEARCHED)}"), _TABLE)
    op.drop_column(_TABLE, "repeated")
