"""Given something that was done: what of it does only the garbage collector find?"""

import gc


def left_behind(work):
    """Return how many objects ``work()`` leaves in circles; the second time, when all that is kept is kept."""
    work()
    gc.collect()
    gc.disable()
    try:
        work()
        return gc.collect()
    finally:
        gc.enable()
