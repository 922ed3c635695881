"""Where do the web processes of one service count together? In a folder of theirs, which goes with the last of them.

Each folder is locked by whoever counts there; who was killed could not take theirs away, and the next to start does.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "priorauth-counted-"


class Counts:
    """The folder of a service that starts.

    Attributes:
        folder: where prometheus-client keeps its files; made at once, held by this process and those that it forks.
    """

    def __init__(self) -> None:
        _take_away_what_was_left()
        self.folder, self._lock = _made()

    def end(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _made() -> tuple[Path, int]:
    """Return a new folder and the open file by which it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):  # one who starts at this moment may take away what nobody has locked yet
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _take_away_what_was_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), _alone(folder):  # in use, somebody else's, or gone meanwhile
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a folder that nobody counts in; OSError where somebody does."""
    lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)
