"""Who holds an access token? Asked with every request."""

from datetime import datetime
from functools import lru_cache

from app.storage import clients
from app.storage.clients import Client
from app.storage.database import Database

MOST = 1_000


class TokenHolders:
    """The clients whose tokens are in use.

    That a token still holds is asked of the database each time. All else about its client is read once for each token:
    whatever changes a client voids its tokens (``clients.add``, ``clients.set_active``).
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._client = lru_cache(MOST)(self._read)

    def of(self, digest: str, now: datetime) -> tuple[Client, tuple[str, ...]] | None:
        """Return who holds the token of this SHA-256, and the scopes it was granted; None where it holds no more."""
        with self._database.glancing() as connection:
            granted = clients.granted(connection, digest, now)
        client = self._client(digest, granted.client_id) if granted else None
        return (client, tuple(granted.scope.split())) if granted and client else None

    def _read(self, _digest: str, client_id: str) -> Client | None:
        with self._database.glancing() as connection:
            return clients.find(connection, client_id)
