"""Which public keys has a client now? Its JWK Set, kept for a while, fetched anew when an unknown key is named."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from cachetools import TTLCache

from app.clients.outbound import Door, OutboundFailed, OutboundRefused
from fhir_r4.problems import InvalidRequest
from fhir_r4.resource import dicts, text_of
from fhir_r4.wire import read_object

KEPT_SECONDS = 600
FRESH_SECONDS = 300
"""After these one request fetches the set anew, while all others go on with the one that is kept."""
REFETCH_SECONDS = 30
FETCH_SECONDS = 3.0
"""For a set to be there, in all: a hook that waits for it has four."""
WAITING = 4
"""Calls of a process that wait for sets that others fetch; the rest are told at once that the key is not known."""
MAX_KEYS = 50


class KeysUnavailable(Exception):
    """The JWK Set could not be had; the message names the kind of failure."""


class JwksCache:
    """JWK Sets by URL, for one process."""

    def __init__(self, door: Door, clock: Callable[[], float] = time.monotonic) -> None:
        self._door = door
        self._sets: TTLCache[str, list[dict]] = TTLCache(1000, KEPT_SECONDS, clock)
        self._fresh: TTLCache[str, bool] = TTLCache(1000, FRESH_SECONDS, clock)
        self._tried: TTLCache[str, bool] = TTLCache(1000, REFETCH_SECONDS, clock)
        self._coming: dict[str, Future[list[dict]]] = {}  # of clients of which no set is kept
        self._seats = threading.BoundedSemaphore(WAITING)
        self._lock = threading.Lock()

    def keys(self, url: str, kid: str) -> list[dict]:
        """Return the keys of the set at ``url`` that are called ``kid``.

        An unknown ``kid`` makes the set be fetched again, at most every 30 seconds: keys rotate without us, and
        invented kids cost nobody anything. Calls that come while a client's very first set is fetched wait for it.

        Raises:
            KeysUnavailable: the set could not be fetched, and the one that is kept, if any, has no such key.
        """
        with self._lock:
            found = called(self._sets.get(url, []), kid)
            coming = self._coming.get(url)
            if coming is None:
                if (found and url in self._fresh) or url in self._tried:
                    return found
                self._tried[url] = True  # also where it fails: a dead server is not asked each time
                if url not in self._sets:
                    self._coming[url] = Future()
        if coming is not None:
            return called(self._awaited(coming), kid)
        try:
            return called(self._renewed(url), kid)
        except KeysUnavailable:
            if found:
                return found
            raise

    def _renewed(self, url: str) -> list[dict]:
        """Fetch the set and keep it; tell those who wait for it."""
        fetched: list[dict] | None = None
        try:
            fetched = self._fetch(url)
            return fetched
        finally:
            with self._lock:
                if fetched is not None:
                    self._sets[url], self._fresh[url] = fetched, True
                coming = self._coming.pop(url, None)
            if coming is not None:
                coming.set_result(fetched or [])

    def _awaited(self, coming: Future[list[dict]]) -> list[dict]:
        if not self._seats.acquire(blocking=False):
            return []
        try:
            return coming.result(FETCH_SECONDS)
        except TimeoutError:
            return []
        finally:
            self._seats.release()

    def _fetch(self, url: str) -> list[dict]:
        try:
            ends = time.monotonic() + FETCH_SECONDS
            reply = self._door.send("GET", url, allowed=[url], headers={"Accept": "application/json"}, deadline=ends)
            if reply.status != 200:
                raise KeysUnavailable(f"status {reply.status}")
            return dicts(read_object(reply.body).get("keys"))[:MAX_KEYS]
        except (OutboundFailed, OutboundRefused, InvalidRequest) as error:
            raise KeysUnavailable(str(error)) from None


def called(keys: Any, kid: str) -> list[dict]:
    """Return the public keys of a set that have this ``kid``; private parts and encryption keys are no matter."""
    return [key for key in dicts(keys) if text_of(key.get("kid")) == kid and key.get("use", "sig") == "sig"]
