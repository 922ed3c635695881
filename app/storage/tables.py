"""What is kept, and in which columns? What is searched is extracted; payloads are bytes as received or answered.

``decisions`` and ``events`` only ever grow: triggers refuse UPDATE and DELETE. An item's present decision is its
last. A refusal or reduction of care without a clinician, a reason and a licence is no row of this schema.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from app.storage.database import Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _where(condition: str) -> dict[str, Any]:
    """Return how an index is said to be of some rows alone; a statement that uses it says the same."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


clients = Table(
    "clients",
    metadata,
    Column("id", String(64), primary_key=True, comment="the client_id, chosen by the operator"),
    Column("scopes", Text, nullable=False, comment="what it may be granted, SMART v2, blank-separated"),
    Column("jwks", JSON(none_as_null=True), comment="its public keys, where they were given as a file"),
    Column("jwks_url", Text),
    Column("hook_issuer", Text, unique=True, comment="iss of its CDS Hooks JWT"),
    Column("hook_jwks", JSON(none_as_null=True)),
    Column("hook_jwks_url", Text, comment="the only jku that is ever fetched"),
    Column("has_dtr", Boolean, nullable=False, comment="fetches and fills forms by itself"),
    Column("active", Boolean, nullable=False),
    Column("strict", Boolean, nullable=False, comment="what breaks its profile is refused, not noted"),
    Column(
        "repeats_identifiers",
        Boolean,
        nullable=False,
        comment="its requests are told apart by what they hold, not by Bundle.identifier",
    ),
    Column("created_at", Moment, nullable=False),
)

client_organizations = Table(
    "client_organizations",
    metadata,
    Column("client_id", ForeignKey("clients.id"), primary_key=True),
    Column("system", Text, primary_key=True),
    Column("value", Text, primary_key=True),
)

client_ehrs = Table(
    "client_ehrs",
    metadata,
    Column("client_id", ForeignKey("clients.id"), primary_key=True),
    Column("base_url", Text, primary_key=True, comment="a FHIR server that we may read with the hook's token"),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the token; the token itself is not kept"),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("scope", Text, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

spent_assertions = Table(
    "spent_assertions",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("jti", String(128), primary_key=True, comment="of a JWT that was accepted; it is accepted once"),
    Column("expires_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

members = Table(
    "members",
    metadata,
    Column("payer", String(64), primary_key=True),
    Column("member_id", String(64), primary_key=True),
    Column("plan", String(64), nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("covered_from", Date, nullable=False),
    Column("covered_to", Date),
)

providers = Table(
    "providers",
    metadata,
    Column("npi", String(10), primary_key=True),
    Column("name", Text, nullable=False),
    Column("network", String(32), nullable=False),
)

hook_invocations = Table(
    "hook_invocations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("service", String(64), nullable=False),
    Column("hook_instance", Text, nullable=False),
    Column("generation", String(8), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("answered_at", Moment, nullable=False),
    Column("request", LargeBinary, nullable=False, comment="as received, without the EHR's token"),
    Column("response", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False, comment="HTTP; a call that was refused is kept as well"),
    Column("payer", String(64)),
    Column("member_id", String(64)),
    Column("reads", JSON(none_as_null=True), comment="what became of the token, and how many resources were read"),
    Column("measured_at", Moment, comment="when its measures were taken, off the request's path"),
    Index("ix_hook_invocations_unmeasured", "received_at", **_where("measured_at IS NULL")),
    *(  # written with the measures, off the call's path
        Index(None, name, **_where("measured_at IS NOT NULL")) for name in ("received_at", "hook_instance", "member_id")
    ),
)

MEASURED_OR_NOT = (hook_invocations.c.measured_at.is_not(None), hook_invocations.c.measured_at.is_(None))
"""Calls by whether their measures are taken: each has indexes of its own, for statements that say which they mean."""

hook_orders = Table(
    "hook_orders",
    metadata,
    Column("invocation_id", ForeignKey("hook_invocations.id", ondelete="CASCADE"), primary_key=True),
    Column("order", Text, primary_key=True, index=True, comment="Type/id, of what a call was about"),
)

hook_feedback = Table(
    "hook_feedback",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("service", String(64), nullable=False),
    Column("card", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("suggestions", JSON, nullable=False, comment="uuids of those that were taken"),
    Column("reason", JSON(none_as_null=True), comment="code and words of an override"),
    Column("outcome_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Index(None, "client_id", "card"),
)

crd_metrics = Table(
    "crd_metrics",
    metadata,
    Column("invocation_id", String(36), primary_key=True, comment="outlives the invocation: it holds no patient data"),
    Column("client_id", String(64), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("data", JSON, nullable=False, comment="CRDMetricData, and the uuids of the cards"),
)

coverage_assertions = Table(
    "coverage_assertions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("invocation_id", ForeignKey("hook_invocations.id"), nullable=False, index=True),
    Column("payer", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("member_id", String(64), nullable=False),
    Column("coverage", Text, nullable=False),
    Column("order", Text, nullable=False),
    Column("code_system", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("policy", String(64)),
    Column("policy_version", String(32)),
    Column("performer", Text),
    Column("expires_on", Date, nullable=False),
    sqlite_with_rowid=False,
)

authorizations = Table(
    "authorizations",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("reference", String(32), nullable=False, unique=True, comment="administration reference number"),
    Column("number", String(32), unique=True, comment="authorization number, once something is certified"),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("payer", String(64), nullable=False),
    Column("plan", String(64), nullable=False),
    Column("member_id", String(64), nullable=False),
    Column("claim_identifiers", JSON, nullable=False),
    Column("npis", JSON, nullable=False),
    Column("requestors", JSON, nullable=False, comment="identifiers of who asked; subscribers watch these"),
    Column("urgent", Boolean, nullable=False),
    Column("emergency", Boolean, nullable=False, server_default=false()),
    Column("retrospective", Boolean, nullable=False, server_default=false(), comment="asked for after the fact"),
    Column("received_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Column("open", Boolean, nullable=False, comment="an item of it waits for a person"),
    Column("changed_at", Moment, nullable=False),
    Index(None, "payer", "member_id"),
    Index(None, "open", "due_at"),
    Index(None, "open", "changed_at"),
    Index(None, "client_id", "open", "changed_at"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("transaction_system", Text, nullable=False),
    Column("transaction_value", Text, nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of generation and body, keys in order"),
    Column("generation", String(8), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("authorization_id", ForeignKey("authorizations.id"), index=True),
    Column("request", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False, comment="what was answered first; a replay gets these bytes"),
    Column("bundle_id", String(36), index=True, comment="of the response"),
    Column("noted", JSON(none_as_null=True), comment="what departs from the profile and was let pass; no values"),
    UniqueConstraint("client_id", "transaction_system", "transaction_value"),
)

items = Table(
    "items",
    metadata,
    Column("authorization_id", ForeignKey("authorizations.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("codes", JSON, nullable=False),
    Column("starts", Date),
    Column("ends", Date),
    Column("asked", JSON, nullable=False, server_default="{}", comment="Claim.item as the submitter last wrote it"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("authorization_id", String(36), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("ordinal", Integer, primary_key=True, comment="1 is the first; the highest is the present one"),
    Column("action", String(2), nullable=False),
    Column("basis", String(16), nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("licence", Text),
    Column("reason", Text),
    Column("reason_codes", JSON(none_as_null=True), comment="X12 886, from the payer's own table"),
    Column("reviewer_npi", String(10)),
    Column("reviewer_specialty", Text),
    Column("decided_at", Moment, nullable=False),
    Column("starts", Date),
    Column("ends", Date),
    Column("number", String(32)),
    Column("granted", JSON(none_as_null=True), comment="what a modified item grants: codes, quantity, unit"),
    Column("trace", JSON, nullable=False),
    ForeignKeyConstraint(["authorization_id", "sequence"], ["items.authorization_id", "items.sequence"]),
    CheckConstraint("action IN ('A1', 'A2', 'A3', 'A4', 'A6', 'C', 'NA')", name="action_known"),
    CheckConstraint("basis IN ('policy', 'plan', 'clinician', 'provider')", name="basis_known"),
    CheckConstraint(
        "action NOT IN ('A2', 'A3', 'A6')"
        " OR (basis = 'plan' AND action = 'A3' AND reason IS NOT NULL AND TRIM(reason) <> '')"
        " OR (basis = 'clinician' AND reason IS NOT NULL AND TRIM(reason) <> ''"
        " AND licence IS NOT NULL AND TRIM(licence) <> '' AND TRIM(decided_by) <> '')",
        name="care_is_refused_by_clinicians",
    ),
    CheckConstraint(
        "action NOT IN ('A1', 'A2', 'A6') OR (number IS NOT NULL AND starts IS NOT NULL AND ends IS NOT NULL)",
        name="certified_has_number_and_period",
    ),
)

information_requests = Table(
    "information_requests",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("authorization_id", ForeignKey("authorizations.id"), nullable=False, index=True),
    Column("sequence", Integer, nullable=False, comment="of the item"),
    Column("tracking", String(64), nullable=False, unique=True, comment="the number under which it is to be answered"),
    Column("kind", String(16), nullable=False),
    Column("documents", JSON, nullable=False, comment="LOINC attachment codes with their report types"),
    Column("questionnaire", Text),
    Column("note", Text),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("answered_at", Moment),
    Column("lapsed_at", Moment, comment="when it was given up: a person decides on what is there"),
    CheckConstraint("kind IN ('documents', 'questionnaire')", name="kind_known"),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the body, keys in order"),
    Column("tracking_system", Text, nullable=False),
    Column("tracking_value", Text, nullable=False, index=True),
    Column("member_id", String(64), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("authorization_id", ForeignKey("authorizations.id"), index=True, comment="None: it waits in the inbox"),
    Column("matched_at", Moment),
    Column("matched_by", Text),
    Column("documents", JSON, nullable=False, comment="of each: code, media type, bytes, items; nothing of a patient"),
    Column("request", LargeBinary, nullable=False, comment="as received"),
    UniqueConstraint("client_id", "digest"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False, index=True),
    Column("kind", String(64), nullable=False),
    Column("actor", Text, nullable=False, comment="a client, a person, or the service itself"),
    Column("authorization_id", String(36), index=True),
    Column("request_id", String(36)),
    Column("detail", JSON, nullable=False, comment="our own identifiers and codes, never patient data"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(64), nullable=False),
    Column("subject", String(64), nullable=False, comment="id of what the job is about"),
    Column(
        "contract",
        Integer,
        nullable=False,
        server_default="1",
        comment="what the kind asks for; raised when it asks for something else",
    ),
    Column("created_at", Moment, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, comment="fences: only the last taker may end a job"),
    Column("lease_until", Moment),
    Column("done_at", Moment),
    Column("dead_at", Moment),
    Column("fault", Text, comment="why the last attempt failed; never patient data"),
    Index(None, "done_at", "dead_at", "not_before"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", ForeignKey("clients.id"), nullable=False, index=True),
    Column("generation", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("error", Text),
    Column("endpoint", Text, nullable=False),
    Column("headers", LargeBinary, comment="sealed: other people's secrets"),
    Column("mime_type", String(64), nullable=False),
    Column("heartbeat_seconds", Integer),
    Column("timeout_seconds", Integer),
    Column("most_events", Integer, nullable=False, server_default="1"),
    Column("ends_at", Moment),
    Column("spoken_at", Moment, comment="when it last took something"),
    Column("organizations", JSON, nullable=False),
    Column("resource", LargeBinary, nullable=False, comment="as received, its headers masked"),
    Column("told", Integer, nullable=False, comment="events since the start, without a gap"),
    Column("delivering_until", Moment, comment="one deliverer at a time, so that events arrive in order"),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("status IN ('requested', 'active', 'error', 'off')", name="status_known"),
)

subscription_events = Table(
    "subscription_events",
    metadata,
    Column("subscription_id", ForeignKey("subscriptions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("authorization_id", ForeignKey("authorizations.id"), nullable=False),
    Column("version", Integer, nullable=False, comment="of the authorization that is told of"),
    Column("at", Moment, nullable=False),
    Column("delivered_at", Moment),
    UniqueConstraint("subscription_id", "authorization_id", "version"),
)

staff = Table(
    "staff",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("licence", String(64), comment="STATE/NUMBER of a clinician"),
    Column("npi", String(10)),
    Column("specialty", Text),
    Column("password", Text, comment="argon2id; None until the one-time link was used"),
    Column("link", String(64), unique=True, comment="SHA-256 of the one-time link's secret"),
    Column("link_until", Moment),
    Column("active", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("role IN ('reviewer', 'auditor', 'admin')", name="role_known"),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the cookie's secret"),
    Column("name", ForeignKey("staff.name"), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

staff_tries = Table(
    "staff_tries",
    metadata,
    Column("name", String(64), primary_key=True, comment="under which somebody tried to log in; nobody need have it"),
    Column("tries", Integer, nullable=False),
    Column("last_at", Moment, nullable=False),
)

policy_files = Table(
    "policy_files",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the content"),
    Column("content", LargeBinary, nullable=False, comment="a policy, a table beside it, or a form"),
)

policy_books = Table(
    "policy_books",
    metadata,
    Column("digest", String(64), primary_key=True, comment="of paths and contents"),
    Column("files", JSON, nullable=False, comment="digest of each file by its path"),
    Column("first_at", Moment, nullable=False),
)

policy_activations = Table(
    "policy_activations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column(
        "digest", ForeignKey("policy_books.digest"), nullable=False, comment="the last row's book is the active one"
    ),
    Column("at", Moment, nullable=False),
)

purges = Table(
    "purges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),
    Column("before", Moment, nullable=False, comment="everything that went is older"),
    Column("count", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

purged_cases = Table(
    "purged_cases",
    metadata,
    Column("authorization_id", String(36), primary_key=True, comment="opaque; nothing else is left"),
    Column("purge_id", ForeignKey("purges.id"), nullable=False),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("reach", String(16), nullable=False),
    Column("authorization_id", String(36), index=True),
    Column("payer", String(64)),
    Column("member_id", String(64)),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Moment, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", Moment),
    CheckConstraint("reach IN ('everything', 'member', 'case')", name="reach_known"),
    Index(None, "payer", "member_id"),
)

dtr_desks = Table(
    "dtr_desks",
    metadata,
    Column("name", String(64), primary_key=True, comment="digest of the key that the browser holds"),
    Column("sealed", LargeBinary, nullable=False, comment="AES-GCM; the key is in the browser's cookie only"),
    Column("until", Moment, nullable=False, index=True),
)

form_errors = Table(
    "form_errors",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("client_id", String(64), nullable=False),
    Column("received_at", Moment, nullable=False, index=True),
    Column("questionnaire", Text, nullable=False, comment="canonical as the client gave it"),
    Column("severity", String(16), nullable=False),
    Column("code", String(40), nullable=False),
    Column("words", Text, nullable=False, comment="of the client, nothing of a patient"),
    Column("place", Text, nullable=False, comment="expression or location in the form"),
)
