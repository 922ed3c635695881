"""How does a handler say that a job could not be done?"""

from datetime import timedelta


class TryLater(Exception):
    """The job could not be done now; the message says why, without patient data.

    Args:
        wait: not before this has passed, where the other side said so; else our own back-off decides.
    """

    def __init__(self, reason: str, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class GiveUp(Exception):
    """The job cannot be done, now or later; it becomes a dead letter at once."""
