"""The first schema: clients, members, hooks, promises, authorizations, events and the outbox."""

import sqlalchemy as sa
from alembic import op

from app.storage.database import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("decisions", "events")


def upgrade() -> None:
    _tables()
    for table in APPEND_ONLY:
        refuse_changes(table)


def refuse_changes(table: str) -> None:
    """Let rows be added and nothing else; both databases say so themselves."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
            )
    else:
        op.execute(
            f"CREATE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{table} only grows'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_only_grows()"
        )


def _tables() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.String(length=64), nullable=False, comment="the client_id, chosen by the operator"),
        sa.Column("scopes", sa.Text(), nullable=False, comment="what it may be granted, SMART v2, blank-separated"),
        sa.Column(
            "jwks",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="its public keys, where they were given as a file",
        ),
        sa.Column("jwks_url", sa.Text(), nullable=True),
        sa.Column("hook_issuer", sa.Text(), nullable=True, comment="iss of its CDS Hooks JWT"),
        sa.Column("hook_jwks", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("hook_jwks_url", sa.Text(), nullable=True, comment="the only jku that is ever fetched"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sa.UniqueConstraint("hook_issuer", name=op.f("uq_clients_hook_issuer")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="a client, a person, or the service itself"),
        sa.Column("authorization_id", sa.String(length=36), nullable=True),
        sa.Column("request_id", sa.String(length=36), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False, comment="our own identifiers and codes, never patient data"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_authorization_id"), "events", ["authorization_id"], unique=False)
    op.create_table(
        "members",
        sa.Column("payer", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("covered_from", sa.Date(), nullable=False),
        sa.Column("covered_to", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("payer", "member_id", name=op.f("pk_members")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False, comment="id of what the job is about"),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("not_before", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="fences: only the last taker may end a job"),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("done_at", Moment(), nullable=True),
        sa.Column("dead_at", Moment(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True, comment="why the last attempt failed; never patient data"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        op.f("ix_outbox_done_at_dead_at_not_before"), "outbox", ["done_at", "dead_at", "not_before"], unique=False
    )
    op.create_table(
        "providers",
        sa.Column("npi", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("npi", name=op.f("pk_providers")),
    )
    op.create_table(
        "spent_assertions",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column(
            "jti", sa.String(length=128), nullable=False, comment="of a JWT that was accepted; it is accepted once"
        ),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jti", name=op.f("pk_spent_assertions")),
    )
    op.create_index(op.f("ix_spent_assertions_expires_at"), "spent_assertions", ["expires_at"], unique=False)
    op.create_table(
        "staff",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("licence", sa.String(length=64), nullable=True, comment="STATE/NUMBER of a clinician"),
        sa.Column("password", sa.Text(), nullable=True, comment="argon2id; None until the one-time link was used"),
        sa.Column("link", sa.String(length=64), nullable=True, comment="SHA-256 of the one-time link's secret"),
        sa.Column("link_until", Moment(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.CheckConstraint("role IN ('reviewer', 'auditor', 'admin')", name=op.f("ck_staff_role_known")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_staff")),
        sa.UniqueConstraint("link", name=op.f("uq_staff_link")),
    )
    op.create_table(
        "access_tokens",
        sa.Column(
            "digest", sa.String(length=64), nullable=False, comment="SHA-256 of the token; the token itself is not kept"
        ),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_access_tokens_client_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_access_tokens")),
    )
    op.create_index(op.f("ix_access_tokens_expires_at"), "access_tokens", ["expires_at"], unique=False)
    op.create_table(
        "authorizations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=False, comment="administration reference number"),
        sa.Column(
            "number", sa.String(length=32), nullable=True, comment="authorization number, once something is certified"
        ),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("payer", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("claim_identifiers", sa.JSON(), nullable=False),
        sa.Column("npis", sa.JSON(), nullable=False),
        sa.Column("requestors", sa.JSON(), nullable=False, comment="identifiers of who asked; subscribers watch these"),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_authorizations_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorizations")),
        sa.UniqueConstraint("number", name=op.f("uq_authorizations_number")),
        sa.UniqueConstraint("reference", name=op.f("uq_authorizations_reference")),
    )
    op.create_index(op.f("ix_authorizations_payer_member_id"), "authorizations", ["payer", "member_id"], unique=False)
    op.create_table(
        "client_ehrs",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column(
            "base_url", sa.Text(), nullable=False, comment="a FHIR server that we may read with the hook's token"
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_client_ehrs_client_id")),
        sa.PrimaryKeyConstraint("client_id", "base_url", name=op.f("pk_client_ehrs")),
    )
    op.create_table(
        "client_organizations",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_client_organizations_client_id")),
        sa.PrimaryKeyConstraint("client_id", "system", "value", name=op.f("pk_client_organizations")),
    )
    op.create_table(
        "hook_invocations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("hook_instance", sa.Text(), nullable=False),
        sa.Column("generation", sa.String(length=8), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("answered_at", Moment(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False, comment="as received, without the EHR's token"),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_hook_invocations_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_invocations")),
    )
    op.create_index(op.f("ix_hook_invocations_hook_instance"), "hook_invocations", ["hook_instance"], unique=False)
    op.create_table(
        "staff_sessions",
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of the cookie's secret"),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["name"], ["staff.name"], name=op.f("fk_staff_sessions_name")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_staff_sessions")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("mime_type", sa.String(length=64), nullable=False),
        sa.Column("organizations", sa.JSON(), nullable=False),
        sa.Column("resource", sa.LargeBinary(), nullable=False, comment="as received, its headers masked"),
        sa.Column("told", sa.Integer(), nullable=False, comment="events since the start, without a gap"),
        sa.Column(
            "delivering_until",
            Moment(),
            nullable=True,
            comment="one deliverer at a time, so that events arrive in order",
        ),
        sa.Column("created_at", Moment(), nullable=False),
        sa.CheckConstraint(
            "status IN ('requested', 'active', 'error', 'off')", name=op.f("ck_subscriptions_status_known")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_subscriptions_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_table(
        "coverage_assertions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("invocation_id", sa.String(length=36), nullable=False),
        sa.Column("payer", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("member_id", sa.String(length=64), nullable=False),
        sa.Column("coverage", sa.Text(), nullable=False),
        sa.Column("order", sa.Text(), nullable=False),
        sa.Column("code_system", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=True),
        sa.Column("policy_version", sa.String(length=32), nullable=True),
        sa.Column("performer", sa.Text(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["invocation_id"], ["hook_invocations.id"], name=op.f("fk_coverage_assertions_invocation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coverage_assertions")),
    )
    op.create_index(
        op.f("ix_coverage_assertions_invocation_id"), "coverage_assertions", ["invocation_id"], unique=False
    )
    op.create_table(
        "items",
        sa.Column("authorization_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("codes", sa.JSON(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["authorization_id"], ["authorizations.id"], name=op.f("fk_items_authorization_id")),
        sa.PrimaryKeyConstraint("authorization_id", "sequence", name=op.f("pk_items")),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("transaction_system", sa.Text(), nullable=False),
        sa.Column("transaction_value", sa.Text(), nullable=False),
        sa.Column(
            "digest", sa.String(length=64), nullable=False, comment="SHA-256 of generation and body, keys in order"
        ),
        sa.Column("generation", sa.String(length=8), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("authorization_id", sa.String(length=36), nullable=True),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column(
            "response", sa.LargeBinary(), nullable=False, comment="what was answered first; a replay gets these bytes"
        ),
        sa.ForeignKeyConstraint(
            ["authorization_id"], ["authorizations.id"], name=op.f("fk_submissions_authorization_id")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_submissions_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
        sa.UniqueConstraint(
            "client_id",
            "transaction_system",
            "transaction_value",
            name=op.f("uq_submissions_client_id_transaction_system_transaction_value"),
        ),
    )
    op.create_index(op.f("ix_submissions_authorization_id"), "submissions", ["authorization_id"], unique=False)
    op.create_table(
        "subscription_events",
        sa.Column("subscription_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("authorization_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="of the authorization that is told of"),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("delivered_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"], ["authorizations.id"], name=op.f("fk_subscription_events_authorization_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_subscription_events_subscription_id")
        ),
        sa.PrimaryKeyConstraint("subscription_id", "number", name=op.f("pk_subscription_events")),
        sa.UniqueConstraint(
            "subscription_id",
            "authorization_id",
            "version",
            name=op.f("uq_subscription_events_subscription_id_authorization_id_version"),
        ),
    )
    op.create_table(
        "decisions",
        sa.Column("authorization_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="1 is the first; the highest is the present one"),
        sa.Column("action", sa.String(length=2), nullable=False),
        sa.Column("basis", sa.String(length=16), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decided_at", Moment(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("number", sa.String(length=32), nullable=True),
        sa.Column("trace", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "action <> 'A1' OR (number IS NOT NULL AND starts IS NOT NULL AND ends IS NOT NULL)",
            name=op.f("ck_decisions_certified_has_number_and_period"),
        ),
        sa.CheckConstraint("action IN ('A1', 'A2', 'A3', 'A4', 'A6', 'C')", name=op.f("ck_decisions_action_known")),
        sa.CheckConstraint(
            "action NOT IN ('A2', 'A3', 'A6')"
            " OR (basis = 'plan' AND action = 'A3' AND reason IS NOT NULL AND TRIM(reason) <> '')"
            " OR (basis = 'clinician' AND reason IS NOT NULL AND TRIM(reason) <> ''"
            " AND licence IS NOT NULL AND TRIM(licence) <> '' AND TRIM(decided_by) <> '')",
            name=op.f("ck_decisions_care_is_refused_by_clinicians"),
        ),
        sa.CheckConstraint(
            "basis IN ('policy', 'plan', 'clinician', 'provider')", name=op.f("ck_decisions_basis_known")
        ),
        sa.ForeignKeyConstraint(
            ["authorization_id", "sequence"],
            ["items.authorization_id", "items.sequence"],
            name=op.f("fk_decisions_authorization_id_sequence"),
        ),
        sa.PrimaryKeyConstraint("authorization_id", "sequence", "ordinal", name=op.f("pk_decisions")),
    )
