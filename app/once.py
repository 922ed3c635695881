"""How does a secret come into a file once and whole, whoever else makes it at the same moment?"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_once(file: Path, content: bytes) -> None:
    """Write a file that the service alone may read, unless it is there; nobody ever finds a part of it.

    Raises:
        OSError: it is not there and cannot be written.
    """
    if file.exists():
        return
    descriptor, mine = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "wb") as whole:
            whole.write(content)
            whole.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):  # somebody else was first, and theirs counts
            os.link(mine, file)
    finally:
        Path(mine).unlink()
