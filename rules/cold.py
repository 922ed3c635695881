"""How is a large book checked for the first time? On all cores, each policy once, by whoever comes to it first.

What is checked is kept on the shelf, where the others find it: helpers take the policies in an order of their own, and
look at the shelf before they begin with one. So several processes that start on the same folder share the work as well.
Whatever goes wrong with helpers costs time: who asked for them does the rest alone.
"""

import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

MANY = 200
"""Fewer are checked before a helper has started."""
_CHUNK = 20
Keep = Callable[[Sequence[str]], None]
"""Checks files of a folder and keeps on the shelf what has no fault; sent to other processes."""


def cores() -> int:
    """Return on how many cores this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_all(files: Sequence[Path], keep: Keep, told: Callable[[int], None]) -> None:
    """Have many files checked and kept; few, or on one core, are left to who asks.

    Args:
        told: hears how many are done.
    """
    if len(files) < MANY or cores() < 2:
        return
    names = [str(file) for file in files]
    chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
    random.Random(os.getpid()).shuffle(chunks)  # noqa: S311 another order in each process, and no secret
    done = 0
    try:
        with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
            waiting: dict[Future[None], int] = {pool.submit(keep, chunk): len(chunk) for chunk in chunks}
            for one in as_completed(waiting):
                one.result()
                done += waiting[one]
                told(done)
    except (BrokenExecutor, OSError, ImportError, NotImplementedError):
        return
