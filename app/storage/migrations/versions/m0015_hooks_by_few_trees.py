"""A hook call is written into fewer trees while its caller waits: it can be searched for by its measures' time."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_CALLS = "hook_invocations"
_SEARCHED = ("received_at", "hook_instance", "member_id")
_CLUSTERED = ("spent_assertions", "coverage_assertions")


def upgrade() -> None:
    for name in (*_SEARCHED, "measured_at_received_at"):
        op.drop_index(op.f(f"ix_{_CALLS}_{name}"), _CALLS)
    for name in _SEARCHED:
        _index(op.f(f"ix_{_CALLS}_{name}"), name, "measured_at IS NOT NULL")
    _index("ix_hook_invocations_unmeasured", "received_at", "measured_at IS NULL")
    op.drop_index(op.f("ix_spent_assertions_expires_at"), "spent_assertions")
    _cluster(clustered=True)


def downgrade() -> None:
    _cluster(clustered=False)
    op.create_index(op.f("ix_spent_assertions_expires_at"), "spent_assertions", ["expires_at"])
    op.drop_index("ix_hook_invocations_unmeasured", _CALLS)
    for name in _SEARCHED:
        op.drop_index(op.f(f"ix_{_CALLS}_{name}"), _CALLS)
        op.create_index(op.f(f"ix_{_CALLS}_{name}"), _CALLS, [name])
    op.create_index(op.f(f"ix_{_CALLS}_measured_at_received_at"), _CALLS, ["measured_at", "received_at"])


def _index(name: str, column: str, where: str) -> None:
    op.create_index(name, _CALLS, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _cluster(*, clustered: bool) -> None:
    """Keep the rows in the tree of their key, which SQLite else has beside that of the rows."""
    if op.get_bind().dialect.name == "sqlite":
        for table in _CLUSTERED:
            with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_with_rowid": not clustered}):
                pass
