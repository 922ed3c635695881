"""Which public keys has a client now? Its JWK Set, kept for a while, fetched anew when an unknown key is named."""

import threading
import time
from typing import Any

from cachetools import TTLCache

from app.clients.outbound import Door, OutboundFailed, OutboundRefused
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import dicts, text_of
from fhir_r4.wire import read_object

KEPT_SECONDS = 600
REFETCH_SECONDS = 30
MAX_KEYS = 50


class KeysUnavailable(Exception):
    """The JWK Set could not be had; the message names the kind of failure."""


class JwksCache:
    """JWK Sets by URL, for one process."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._sets: TTLCache[str, list[dict]] = TTLCache(1000, KEPT_SECONDS)
        self._fetched: TTLCache[str, float] = TTLCache(1000, REFETCH_SECONDS)
        self._lock = threading.Lock()

    def keys(self, url: str, kid: str) -> list[dict]:
        """Return the keys of the set at ``url`` that are called ``kid``.

        An unknown ``kid`` makes the set be fetched again, at most every 30 seconds: keys rotate without us, and
        invented kids cost nobody anything.

        Raises:
            KeysUnavailable: the set could not be fetched.
        """
        with self._lock:
            held = self._sets.get(url, [])
            found = called(held, kid)
            if found or url in self._fetched:
                return found
            self._fetched[url] = time.monotonic()  # also where it fails: a dead server is not asked each time
        fresh = self._fetch(url)
        with self._lock:
            self._sets[url] = fresh
        return called(fresh, kid)

    def _fetch(self, url: str) -> list[dict]:
        try:
            reply = self._door.send("GET", url, allowed=[url], headers={"Accept": "application/json"})
            if reply.status != 200:
                raise KeysUnavailable(f"status {reply.status}")
            return dicts(read_object(reply.body).get("keys"))[:MAX_KEYS]
        except (OutboundFailed, OutboundRefused, InvalidRequest) as error:
            raise KeysUnavailable(str(error)) from None


def called(keys: Any, kid: str) -> list[dict]:
    """Return the public keys of a set that have this ``kid``; private parts and encryption keys are no matter."""
    return [key for key in dicts(keys) if text_of(key.get("kid")) == kid and key.get("use", "sig") == "sig"]
