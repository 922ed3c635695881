"""What is on the clinician's desk between two requests, and who can read it? Only the browser that opened it.

The desk holds an EHR's token and a patient's answers. It is sealed with a key that lives in the browser's cookie and
nowhere else: whoever keeps the sealed bytes (the payer's database) cannot read them, so that the payer sees nothing
before the clinician sends it.

Source: DTR 2.2, privacy: data of the EHR goes nowhere else until the user completes the form.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir_r4.wire import read_object, write_json

LIFE = timedelta(hours=8)
DESK, KIT, TURN = "desk", "kit", "turn"
"""What changes with every answer, what came with the form, and which window goes on with it."""
_NONCE = 12
_KEY = 32


class Safe(Protocol):
    """Keeps sealed bytes; knows neither the key nor whose they are."""

    def put(self, name: str, sealed: bytes, now: datetime, until: datetime) -> None: ...

    def get(self, name: str, now: datetime) -> bytes | None: ...

    def drop(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Desks:
    """Desks by the secret that the browser holds."""

    safe: Safe
    now: Callable[[], datetime]

    def new(self) -> str:
        """Return the secret of a new, empty desk."""
        return base64.urlsafe_b64encode(secrets.token_bytes(_KEY)).decode()

    def read(self, secret: str | None, part: str = DESK) -> dict:
        """Return what lies on the desk; nothing where there is no such desk, or no longer."""
        key = _key(secret)
        sealed = self.safe.get(_name(key, part), self.now()) if key else None
        if key is None or sealed is None:
            return {}
        try:
            return read_object(AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _name(key, part).encode()))
        except InvalidTag:
            return {}

    def write(self, secret: str, desk: dict, part: str = DESK) -> None:
        """Put ``desk`` in place of what lay there."""
        key = _key(secret)
        if key is None:
            raise ValueError("not a secret of this application")
        nonce, name = secrets.token_bytes(_NONCE), _name(key, part)
        sealed = nonce + AESGCM(key).encrypt(nonce, write_json(desk), name.encode())
        now = self.now()
        self.safe.put(name, sealed, now, now + LIFE)

    def clear(self, secret: str | None) -> None:
        """Forget the desk."""
        if key := _key(secret):
            for part in (DESK, KIT, TURN):
                self.safe.drop(_name(key, part))


def _key(secret: str | None) -> bytes | None:
    try:
        key = base64.urlsafe_b64decode(secret or "")
    except ValueError:
        return None
    return key if len(key) == _KEY else None


def _name(key: bytes, part: str) -> str:
    return hashlib.sha256(f"dtr {part}".encode() + key).hexdigest()
