"""Is there still enough left for this? So many in each interval, for one process."""

import threading

from cachetools import TTLCache


class Ration:
    """Gives ``most`` in each interval of ``seconds``, which begins with the first that is taken."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._taken: TTLCache[str, list[None]] = TTLCache(1, seconds)  # a list grows without its life being renewed
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one; False where none is left."""
        with self._lock:
            taken = self._taken.setdefault("taken", [])
            if len(taken) >= self._most:
                return False
            taken.append(None)
            return True
