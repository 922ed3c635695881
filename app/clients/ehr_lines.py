"""Who may wait for an EHR? At most half of a process's threads for one; the others go on to serve everybody else.

Each EHR has a line of its own: so many requests may wait in it, and its reads have threads of their own. One that
is dead fills its line and no other, and after a while nobody waits in it. The line also remembers what the EHR says
that it can be asked.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from cachetools import TTLCache

from app.clients.breaker import Breaker
from fhir_r4.capability import Capability

PARALLEL = 4
"""Reads of one request that are made at once."""
HOUR = 3600


class Line:
    """The line of one EHR in this process; ``breaker`` tells whether it is worth waiting."""

    def __init__(self, waiting: int) -> None:
        self.breaker = Breaker()
        self._places = threading.BoundedSemaphore(waiting)
        self._pool = ThreadPoolExecutor(waiting * PARALLEL, thread_name_prefix="ehr")
        self._told: TTLCache[str, Capability | None] = TTLCache(1, HOUR)
        self._asking = threading.Lock()

    def enter(self) -> bool:
        """Take a place, if there is one at this moment."""
        return self._places.acquire(blocking=False)

    def leave(self) -> None:
        self._places.release()

    def start(self, work: Callable[[], tuple[dict, ...] | None]) -> "Future[tuple[dict, ...] | None]":
        return self._pool.submit(work)

    def capability(self, ask: Callable[[], Capability | None]) -> Capability | None:
        """Return what the EHR has said within the hour; ``ask`` is begun beside the request where it has not."""
        with self._asking:
            if "" in self._told:
                return self._told[""]
            self._told[""] = None
        self._pool.submit(self._keep, ask)
        return None

    def _keep(self, ask: Callable[[], Capability | None]) -> None:
        found = ask()
        with self._asking:
            self._told[""] = found


class EhrLines:
    """The lines of all EHRs, made when they are first needed; only registered servers ever get one.

    Args:
        waiting: how many requests may wait for one EHR at a time.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = max(1, waiting)
        self._lines: dict[str, Line] = {}
        self._making = threading.Lock()

    def resting(self) -> dict[str, float]:
        """Return the EHRs that this process leaves alone, and for how many seconds still."""
        with self._making:
            lines = list(self._lines.items())
        return {base: line.breaker.seconds_left for base, line in lines if line.breaker.resting}

    def of(self, base: str) -> Line:
        with self._making:
            if base not in self._lines:
                self._lines[base] = Line(self._waiting)
            return self._lines[base]
