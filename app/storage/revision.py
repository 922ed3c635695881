"""Is the schema the one that this code knows? Asked by whoever serves, who has no need of what changes it."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from app.storage.database import Database

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def newest() -> str:
    """Return the newest revision that there is; files are named by theirs: ``m0001_first_schema.py``."""
    return max(path.name[1:5] for path in _VERSIONS.glob("m[0-9]*_*.py"))


def current(database: Database) -> str | None:
    """Return the revision that the database is at, None where it is empty."""
    with database.reading() as connection:
        return found(connection)


def found(connection: Connection) -> str | None:
    """Return the same, where there is a transaction already."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    number = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(number) if number else None


def is_behind(database: Database) -> bool:
    """Tell whether the schema lacks something that this code knows.

    That of a newer version lacks nothing: where versions are exchanged, or one is taken back, this code serves on.
    """
    return (current(database) or "") < newest()
