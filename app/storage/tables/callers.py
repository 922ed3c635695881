"""Who may call, under which keys, and for whom?"""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, String, Table, Text

from app.storage.database import Moment
from app.storage.tables.schema import metadata

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
