"""Policy books by content, and which one is active since when."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_files",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the content"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="a policy, a table beside it, or a form"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_policy_files")),
    )
    op.create_table(
        "policy_books",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of paths and contents"),
        sa.Column("files", sa.JSON(), nullable=False, comment="digest of each file by its path"),
        sa.Column("first_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_policy_books")),
    )
    op.create_table(
        "policy_activations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="the last row's book is the active one"),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["policy_books.digest"], name=op.f("fk_policy_activations_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_activations")),
    )


def downgrade() -> None:
    op.drop_table("policy_activations")
    op.drop_table("policy_books")
    op.drop_table("policy_files")
