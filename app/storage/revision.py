"""Is the schema the one that this code knows? Asked by whoever serves, who has no need of what changes it."""

from pathlib import Path

from sqlalchemy import inspect, text

from app.storage.database import Database

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def newest() -> str:
    """Return the newest revision that there is; files are named by theirs: ``m0001_first_schema.py``."""
    return max(path.name[1:5] for path in _VERSIONS.glob("m[0-9]*_*.py"))


def current(database: Database) -> str | None:
    """Return the revision that the database is at, None where it is empty."""
    with database.reading() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return str(found) if found else None
