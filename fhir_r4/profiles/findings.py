"""What was found so far, and how much more may be looked at?"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fhir_r4.problems import Issue

MAX_VALUES = 300_000  # looked at closely: about two seconds
_MAX_STEPS = 200  # in one FHIRPath
_MAX_ISSUES = 1000


class TooMuchError(Exception):
    """The body asks for more work than is done for anyone."""


class Found:
    """What is found in one place: its issues, and what is left to be said where a value was only looked over.

    Where the latter stands is found at the end (``places``).

    Attributes:
        included: the verdicts that are among the issues, by id.
        advice: values with codes that an extensible value set does not hold, each with the key of that set.
        unnamed: extensions that no slice of their list names, each with the id of that list.
        named: the same of those that one does, and has judged, by id.
    """

    __slots__ = ("advice", "included", "issues", "named", "unnamed")

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.included: set[int] = set()
        self.advice: list[tuple[dict, str]] = []
        self.unnamed: list[tuple[int, dict]] = []
        self.named: set[tuple[int, int]] = set()


class Findings:
    """What one check finds, ``here`` what it finds in the place it is at: who enters another lays it aside meanwhile.

    ``left`` says how many values may still be looked at closely.
    """

    def __init__(self, left: int) -> None:
        self.here = Found()
        self._left = left

    def say(self, code: str, expected: str, path: str, *, severity: str = "error") -> None:
        if len(self.here.issues) < _MAX_ISSUES:
            self.here.issues.append(Issue(code, f"expected {expected}", path, severity))

    def spend(self, path: str) -> None:
        """Count one value that is looked at closely; TooMuchError where that is one too many, or too deep."""
        self._left -= 1
        if self._left < 0 or path.count(".") > _MAX_STEPS:
            raise TooMuchError

    @contextmanager
    def apart(self) -> Iterator[list[Issue]]:
        """Collect what is said and noted meanwhile apart from the rest; the caller decides what becomes of it."""
        above, self.here = self.here, Found()
        try:
            yield self.here.issues
        finally:
            self.here = above

    def include(self, verdict: list[Issue]) -> None:
        """Add the issues of a resource inside, once however often it is looked at; ``verdict`` is kept by the walk."""
        if id(verdict) not in self.here.included:
            self.here.included.add(id(verdict))
            self.here.issues += verdict


def errors(issues: Iterable[Issue]) -> int:
    return sum(issue.severity == "error" for issue in issues)


def has_error(issues: Iterable[Issue]) -> bool:
    return any(issue.severity == "error" for issue in issues)


def times(low: int, high: int | None) -> str:
    """Say how often.

    >>> times(1, None), times(1, 1), times(0, 0)
    ('at least 1', 'exactly 1', 'nothing here')
    """
    if high == 0:
        return "nothing here"
    if high is None:
        return f"at least {low}"
    return f"exactly {low}" if low == high else f"{low} to {high}"
