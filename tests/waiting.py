"""How does a test wait for what other threads and processes do?"""

import time


def until(holds, *expected, seconds=20):
    """Wait until ``holds()`` is true, whatever of ``expected`` it raises before; fail after so many seconds."""
    ends = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except expected:
            pass
        assert time.monotonic() < ends, "not in time"
        time.sleep(0.05)
