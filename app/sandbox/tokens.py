"""SANDBOX. Who may read the EHR's FHIR server? Bearer tokens that it issued, for a short while."""

import secrets
from datetime import datetime, timedelta


class Tokens:
    """Opaque tokens in memory."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def issue(self, now: datetime, life: timedelta) -> str:
        token = secrets.token_urlsafe(24)
        self._until[token] = now + life
        return token

    def holds(self, authorization: str | None, now: datetime) -> bool:
        """Tell whether the header carries a token that is still good."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme == "Bearer" and token in self._until and now < self._until[token]
