"""Who is insured, and which providers does the payer know?"""

from sqlalchemy import Column, Date, String, Table, Text

from app.storage.tables.schema import metadata

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
