"""Items that change and are decided in detail, what is asked for, and what arrives for it."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment
from app.storage.migrations.versions.m0001_first_schema import refuse_changes

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BEFORE = ("action IN ('A1', 'A2', 'A3', 'A4', 'A6', 'C')", "action <> 'A1'")
_NOW = ("action IN ('A1', 'A2', 'A3', 'A4', 'A6', 'C', 'NA')", "action NOT IN ('A1', 'A2', 'A6')")


def upgrade() -> None:
    with op.batch_alter_table("authorizations") as table:
        table.add_column(sa.Column("emergency", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(
            sa.Column(
                "retrospective",
                sa.Boolean(),
                nullable=False,
                server_default=sa.false(),
                comment="asked for after the fact",
            )
        )
    with op.batch_alter_table("items") as table:
        table.add_column(
            sa.Column(
                "asked",
                sa.JSON(),
                nullable=False,
                server_default="{}",
                comment="Claim.item as the submitter last wrote it",
            )
        )
    with op.batch_alter_table("staff") as table:
        table.add_column(sa.Column("npi", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("specialty", sa.Text(), nullable=True))
    _decisions()
    _information()


def _decisions() -> None:
    with op.batch_alter_table("decisions") as table:
        table.add_column(
            sa.Column(
                "reason_codes",
                sa.JSON(none_as_null=True),
                nullable=True,
                comment="X12 886, from the payer's own table",
            )
        )
        table.add_column(sa.Column("reviewer_npi", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("reviewer_specialty", sa.Text(), nullable=True))
        table.add_column(
            sa.Column(
                "granted",
                sa.JSON(none_as_null=True),
                nullable=True,
                comment="what a modified item grants: codes, quantity, unit",
            )
        )
        for name in ("action_known", "certified_has_number_and_period"):
            table.drop_constraint(op.f(f"ck_decisions_{name}"), type_="check")
        whole = f"{_NOW[1]} OR (number IS NOT NULL AND starts IS NOT NULL AND ends IS NOT NULL)"
        table.create_check_constraint(op.f("ck_decisions_action_known"), _NOW[0])
        table.create_check_constraint(op.f("ck_decisions_certified_has_number_and_period"), whole)
    if op.get_bind().dialect.name == "sqlite":
        refuse_changes("decisions")  # the table was made anew, without its triggers


def _information() -> None:
    op.create_table(
        "information_requests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("authorization_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="of the item"),
        sa.Column(
            "tracking", sa.String(length=64), nullable=False, comment="the number under which it is to be answered"
        ),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=False, comment="LOINC attachment codes with their report types"),
        sa.Column("questionnaire", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("answered_at", Moment(), nullable=True),
        sa.Column(
            "lapsed_at", Moment(), nullable=True, comment="when it was given up: a person decides on what is there"
        ),
        sa.CheckConstraint("kind IN ('documents', 'questionnaire')", name=op.f("ck_information_requests_kind_known")),
        sa.ForeignKeyConstraint(
            ["authorization_id"], ["authorizations.id"], name=op.f("fk_information_requests_authorization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_information_requests")),
        sa.UniqueConstraint("tracking", name=op.f("uq_information_requests_tracking")),
    )
    op.create_index(
        op.f("ix_information_requests_authorization_id"), "information_requests", ["authorization_id"], unique=False
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the body, keys in order"),
        sa.Column("tracking_system", sa.Text(), nullable=False),
        sa.Column("tracking_value", sa.Text(), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("authorization_id", sa.String(length=36), nullable=True, comment="None: it waits in the inbox"),
        sa.Column("matched_at", Moment(), nullable=True),
        sa.Column("matched_by", sa.Text(), nullable=True),
        sa.Column(
            "documents",
            sa.JSON(),
            nullable=False,
            comment="of each: code, media type, bytes, items; nothing of a patient",
        ),
        sa.Column("request", sa.LargeBinary(), nullable=False, comment="as received"),
        sa.ForeignKeyConstraint(
            ["authorization_id"], ["authorizations.id"], name=op.f("fk_attachments_authorization_id")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_attachments_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("client_id", "digest", name=op.f("uq_attachments_client_id_digest")),
    )
    for column in ("authorization_id", "tracking_value"):
        op.create_index(op.f(f"ix_attachments_{column}"), "attachments", [column], unique=False)


def downgrade() -> None:
    op.drop_table("attachments")
    op.drop_table("information_requests")
    with op.batch_alter_table("decisions") as table:
        for name in ("action_known", "certified_has_number_and_period"):
            table.drop_constraint(op.f(f"ck_decisions_{name}"), type_="check")
        whole = f"{_BEFORE[1]} OR (number IS NOT NULL AND starts IS NOT NULL AND ends IS NOT NULL)"
        table.create_check_constraint(op.f("ck_decisions_action_known"), _BEFORE[0])
        table.create_check_constraint(op.f("ck_decisions_certified_has_number_and_period"), whole)
        for name in ("reason_codes", "reviewer_npi", "reviewer_specialty", "granted"):
            table.drop_column(name)
    if op.get_bind().dialect.name == "sqlite":
        refuse_changes("decisions")
    for table_name, columns in (
        ("authorizations", ("emergency", "retrospective")),
        ("items", ("asked",)),
        ("staff", ("npi", "specialty")),
    ):
        with op.batch_alter_table(table_name) as table:
            for name in columns:
                table.drop_column(name)
