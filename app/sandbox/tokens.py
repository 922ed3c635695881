"""SANDBOX. Who may read the EHR's FHIR server? Bearer tokens that it issued, for a while and a grant."""

import secrets
from datetime import datetime, timedelta

from app.sandbox.grants import EVERYTHING, Grant


class Tokens:
    """Opaque tokens in memory."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[datetime, Grant]] = {}

    def issue(self, now: datetime, life: timedelta, grant: Grant = EVERYTHING) -> str:
        token = secrets.token_urlsafe(24)
        self._held[token] = now + life, grant
        return token

    def grant(self, authorization: str | None, now: datetime) -> Grant | None:
        """Return what the header's token grants; None where it carries none that is still good."""
        scheme, _, token = (authorization or "").partition(" ")
        until, grant = self._held.get(token, (now, None))
        return grant if scheme == "Bearer" and now < until else None
