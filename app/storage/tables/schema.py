"""What do all tables share? The list of them, the names of their constraints, and how an index of some rows is said."""

from typing import Any

from sqlalchemy import MetaData, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def of_rows(condition: str) -> dict[str, Any]:
    """Return how an index is said to be of some rows alone; a statement that uses it says the same."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
