"""When is an EHR left alone for a while? When it keeps failing: then hooks answer at once instead of waiting for it.

::

    asked ---FAILURES requests in a row that got nothing---> left alone for REST seconds
    left alone ---time is over: one request asks, the others do not---> asked again, where it answers
                                                                   ---> left alone twice as long, where not

Whatever it answers counts as an answer, a refusal too; what does not come in time, or is 5xx or 429, is a failure. Each
process finds out by itself.
"""

import threading
import time
from collections.abc import Callable

FAILURES = 5
REST = 10.0
LONGEST_REST = 60.0


class Breaker:
    """What one process knows of one EHR.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._rest = REST
        self._until: float | None = None
        self._probing = False

    @property
    def resting(self) -> bool:
        """Tell whether the EHR is left alone."""
        return self._until is not None

    @property
    def seconds_left(self) -> float:
        """Return the seconds until somebody asks it again."""
        return max(0.0, self._until - self._clock()) if self._until is not None else 0.0

    def begin(self) -> bool:
        """Tell whether the EHR may be asked now; whoever may says by ``end`` what came of it."""
        with self._lock:
            if self._until is None:
                return True
            if self._probing or self._clock() < self._until:
                return False
            self._probing = True
            return True

    def end(self, *, answered: bool | None) -> bool:
        """Note what came of asking, None where it came to no asking; tell whether it is left alone from now on."""
        with self._lock:
            was_probe, self._probing = self._probing, False
            if answered is None:
                return False
            if answered:
                self._failures, self._rest, self._until = 0, REST, None
                return False
            self._failures += 1
            if was_probe:
                self._rest = min(2 * self._rest, LONGEST_REST)
            elif self._failures < FAILURES or self._until is not None:
                return False
            self._until = self._clock() + self._rest
            return True
