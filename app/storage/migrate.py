"""How does a schema become the one that this code knows?"""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import func, select

from app.storage.database import Database
from app.storage.revision import found, newest

_ONE_AT_A_TIME = 7_074_210
"""A number that nobody else locks in this database."""
_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> str:
    """Bring the schema to the newest revision and return its name; all in one transaction, and one at a time.

    That of a newer version stays as it is.
    """
    config = _config()
    database.make_private()
    with database.migrating() as connection:
        if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
            connection.execute(select(func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
        before = found(connection) or ""
        if before < newest():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return max(before, newest())


def _config() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config
