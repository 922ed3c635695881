"""Which errors are the operator's to mend, and in what words are they told? One sentence, at a terminal or in a log.

Heavy rooms are imported once there is an error, so that ``--help`` is quick.
"""
# ruff: noqa: PLC0415

from app.config import BadSettings
from rules.yaml_lines import FaultyFile

_ELSE = "look at --data and PRIORAUTH_DATABASE_URL"
_DATABASE = {
    "locked": "somebody else is writing to it: try again when they have ended",
    "readonly": "who runs this may not write to its file or its folder",
    "disk is full": "make room, and try again",
    "not a database": f"restore it, or {_ELSE}",
    "malformed": f"restore it, or {_ELSE}",
    "unable to open": f"run 'priorauth migrate' first, and {_ELSE}",
    "no such table": f"run 'priorauth migrate' first, and {_ELSE}",
    'relation "': f"run 'priorauth migrate' first, and {_ELSE}",
}
"""What to do, by a word of what SQLite or PostgreSQL says."""


def said(error: Exception) -> str | None:
    """Return what is wrong and what to do; None where it is no matter of the operator's, but a fault of ours."""
    from app.storage.sealing import NoKey

    if isinstance(error, BadSettings | FaultyFile | NoKey):
        return str(error)
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"there is no file {error.filename}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {(error.strerror or type(error).__name__).lower()}"
    return _database_says(error)


def _database_says(error: Exception) -> str | None:
    from sqlalchemy.exc import DatabaseError, DataError, IntegrityError

    if not isinstance(error, DatabaseError) or isinstance(error, DataError | IntegrityError):
        return None
    words = str(error.orig).partition("\n")[0]
    return f"the database says: {words}; {next((do for word, do in _DATABASE.items() if word in words), _ELSE)}"
