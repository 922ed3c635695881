"""Retention: purges and the cases that they took, legal holds, and triggers that let go only what a purge names."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "purges",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("before", Moment(), nullable=False, comment="everything that went is older"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purges")),
    )
    op.create_table(
        "purged_cases",
        sa.Column("authorization_id", sa.String(length=36), nullable=False, comment="opaque; nothing else is left"),
        sa.Column("purge_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["purge_id"], ["purges.id"], name=op.f("fk_purged_cases_purge_id")),
        sa.PrimaryKeyConstraint("authorization_id", name=op.f("pk_purged_cases")),
    )
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("reach", sa.String(length=16), nullable=False),
        sa.Column("authorization_id", sa.String(length=36), nullable=True),
        sa.Column("payer", sa.String(length=64), nullable=True),
        sa.Column("member_id", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", Moment(), nullable=False),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", Moment(), nullable=True),
        sa.CheckConstraint("reach IN ('everything', 'member', 'case')", name=op.f("ck_legal_holds_reach_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    op.create_index(op.f("ix_legal_holds_authorization_id"), "legal_holds", ["authorization_id"])
    op.create_index(op.f("ix_legal_holds_payer_member_id"), "legal_holds", ["payer", "member_id"])
    op.create_index(op.f("ix_hook_invocations_received_at"), "hook_invocations", ["received_at"])
    op.create_index(op.f("ix_events_at"), "events", ["at"])
    for table, named in _NAMED.items():
        _let_go(table, named)


_NAMED = {
    "decisions": "EXISTS (SELECT 1 FROM purged_cases WHERE authorization_id = OLD.authorization_id)",
    "events": "EXISTS (SELECT 1 FROM purges WHERE kind = 'audit' AND before > OLD.at)",
}


def _let_go(table: str, named: str) -> None:
    """Let a row go that a purge has named; nothing is changed, as before."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER IF EXISTS {table}_no_delete")
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN NOT {named}"
            f" BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
        )
    else:
        op.execute(
            f"CREATE OR REPLACE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF TG_OP = 'DELETE' AND {named} THEN RETURN OLD; END IF;"
            f" RAISE EXCEPTION '{table} only grows'; END $$"
        )
