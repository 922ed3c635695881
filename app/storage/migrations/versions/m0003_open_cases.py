"""Which cases are open, and when a case last changed: what the worklist looks for."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FILL = """
UPDATE authorizations SET
  changed_at = (SELECT MAX(decided_at) FROM decisions WHERE decisions.authorization_id = authorizations.id),
  open = EXISTS (
    SELECT 1 FROM decisions AS present
    WHERE present.authorization_id = authorizations.id AND present.action = 'A4' AND NOT EXISTS (
      SELECT 1 FROM decisions AS later
      WHERE later.authorization_id = present.authorization_id
        AND later.sequence = present.sequence AND later.ordinal > present.ordinal))
WHERE EXISTS (SELECT 1 FROM decisions WHERE decisions.authorization_id = authorizations.id)
"""


def upgrade() -> None:
    waits = "an item of it waits for a person"
    op.add_column(
        "authorizations", sa.Column("open", sa.Boolean(), nullable=False, server_default=sa.false(), comment=waits)
    )
    beginning: sa.Column[Any] = sa.Column("changed_at", Moment(), nullable=False, server_default="1970-01-01 00:00:00")
    op.add_column("authorizations", beginning)
    op.execute(_FILL)
    op.create_index(op.f("ix_authorizations_open_due_at"), "authorizations", ["open", "due_at"])
    op.create_index(op.f("ix_authorizations_open_changed_at"), "authorizations", ["open", "changed_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_authorizations_open_changed_at"), "authorizations")
    op.drop_index(op.f("ix_authorizations_open_due_at"), "authorizations")
    op.drop_column("authorizations", "changed_at")
    op.drop_column("authorizations", "open")
