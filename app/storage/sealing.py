"""How is a secret of somebody else's kept? AES-256-GCM under a key that is not in the database.

Keys rotate by their order: the first seals, every one opens. ``priorauth secrets rotate`` seals anew what another
key than the first has sealed; after that the others can go. A sealed value names its key by the first bytes of the
key's SHA-256 and is bound to the row that it belongs to, so that it opens in no other place.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.once import write_once

_KEY, _NAME, _NONCE = 32, 4, 12


class NoKey(Exception):
    """There is no key to seal or to open with; the message says what the operator can do."""


class Keyring:
    """The keys in order, the sealing one first."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._keys = {_name(key): AESGCM(key) for key in keys}

    @property
    def name(self) -> bytes:
        """How values name the key that seals."""
        if not self._keys:
            raise NoKey("set PRIORAUTH_ENCRYPTION_KEYS, or let 'priorauth migrate' make encryption.key")
        return next(iter(self._keys))

    def seal(self, secret: bytes, place: str) -> bytes:
        """Return ``secret`` sealed for ``place``, such as ``subscriptions.headers/<id>``."""
        nonce = os.urandom(_NONCE)
        return self.name + nonce + self._keys[self.name].encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for ``place``; raise NoKey where its key is gone or the value is not whole."""
        name, nonce, content = sealed[:_NAME], sealed[_NAME : _NAME + _NONCE], sealed[_NAME + _NONCE :]
        try:
            return self._keys[name].decrypt(nonce, content, place.encode())
        except (KeyError, InvalidTag):
            raise NoKey("the key by which this was sealed is not in PRIORAUTH_ENCRYPTION_KEYS") from None

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether the first key has sealed this."""
        return sealed[:_NAME] == self.name


def read_keys(given: str, file: Path) -> Keyring:
    """Return the keys of the setting (base64, separated by commas), else those of the file, one a line.

    Raises:
        NoKey: something there is not the base64 of 32 bytes. No keys at all are said when one is needed.
    """
    words = given.split(",") if given else file.read_text().split() if file.exists() else []
    return Keyring(_key(word.strip()) for word in words)


def make_key(file: Path) -> None:
    """Make a first key, readable by the service alone, unless there is one."""
    write_once(file, f"{new_key()}\n".encode())


def new_key() -> str:
    return base64.b64encode(os.urandom(_KEY)).decode()


def _key(word: str) -> bytes:
    try:
        found = base64.b64decode(word, validate=True)
    except binascii.Error:
        found = b""
    if len(found) != _KEY:
        raise NoKey("an encryption key is the base64 of 32 bytes")
    return found


def _name(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_NAME]
