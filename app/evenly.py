"""Which web process lets in the client that knocks? The one with the fewest, so that each processor has its share.

A client that knocks wakes all of them, and gunicorn's first one up takes it: of four connections that stay open, as a
proxy's do, three or four often come to one process, whose threads then wait for each other while the next one idles.
"""

import mmap
import os
import time

PLACES = 64
"""More web processes than a host has."""
LEFT = 0.003
"""Seconds for which a client is left to a process that has fewer; then it is let in by whoever is up."""
crowds = memoryview(mmap.mmap(-1, 4 * PLACES)).cast("I")
"""Of each process its connections and one more; 0 where it lets nobody in. Made before the processes that share it."""


class Place:
    """Where one web process tells the others how many connections it has."""

    def __init__(self, number: int) -> None:
        self._at = number % PLACES
        self._knocked = self._since = 0.0

    def tell(self, connections: int) -> None:
        crowds[self._at] = max(connections, 0) + 1

    def leave(self) -> None:
        """Say that this process lets nobody in."""
        crowds[self._at] = 0

    def leaves_it_to_another(self) -> bool:
        """Tell whether who knocks now is another's: one has fewer connections, and has not been given long."""
        fewest = min((one for one in crowds if one), default=0)
        if crowds[self._at] <= fewest:
            return False
        now = time.monotonic()
        if now - self._knocked > LEFT:  # another client, or the first
            self._since = now
        self._knocked = now
        if now - self._since >= LEFT:
            return False
        os.sched_yield()
        return True
