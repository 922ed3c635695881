"""Who is filling a form, and what was wrong with one?"""

from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text

from app.storage.database import Moment
from app.storage.tables.schema import metadata

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
