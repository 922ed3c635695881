"""Which policies and forms are in force, and which were before?"""

from sqlalchemy import JSON, Column, ForeignKey, Integer, LargeBinary, String, Table

from app.storage.database import Moment
from app.storage.tables.schema import metadata

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
