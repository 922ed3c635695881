"""What clients say went wrong with a form, for its authors."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "form_errors",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("questionnaire", sa.Text(), nullable=False, comment="canonical as the client gave it"),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("words", sa.Text(), nullable=False, comment="of the client, nothing of a patient"),
        sa.Column("place", sa.Text(), nullable=False, comment="expression or location in the form"),
    )
    op.create_index(op.f("ix_form_errors_received_at"), "form_errors", ["received_at"])
