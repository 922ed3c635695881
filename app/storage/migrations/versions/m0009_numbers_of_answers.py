"""The id of each answer's Bundle, by which its submitter reads it again."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("submissions", sa.Column("bundle_id", sa.String(length=36), nullable=True, comment="of the response"))
    op.create_index(op.f("ix_submissions_bundle_id"), "submissions", ["bundle_id"])
