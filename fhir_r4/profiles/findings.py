"""What was found so far, and how much more may be looked at?"""

from collections.abc import Iterable

from fhir_r4.problems import Issue

MAX_VALUES = 300_000  # looked at closely: about two seconds
_MAX_STEPS = 200  # in one FHIRPath
_MAX_ISSUES = 1000


class TooMuchError(Exception):
    """The body asks for more work than is done for anyone."""


class Notes:
    """What is left to be said where a value is only looked over; where that stands is found at the end (``places``).

    Attributes:
        advice: values with codes that an extensible value set does not hold, each with the key of that set.
        unnamed: extensions that no slice of their list names, each with the id of that list.
        named: the same of those that one does, and has judged, by id.
    """

    __slots__ = ("advice", "named", "unnamed")

    def __init__(self) -> None:
        self.advice: list[tuple[dict, str]] = []
        self.unnamed: list[tuple[int, dict]] = []
        self.named: set[tuple[int, int]] = set()

    def __bool__(self) -> bool:
        return bool(self.advice or self.unnamed)


class Findings:
    """The issues of one check. ``left`` says how many values may still be looked at closely."""

    def __init__(self, left: int) -> None:
        self.issues: list[Issue] = []
        self.notes = Notes()
        self.included: set[int] = set()
        self._left = left

    def say(self, code: str, expected: str, path: str, *, severity: str = "error") -> None:
        if len(self.issues) < _MAX_ISSUES:
            self.issues.append(Issue(code, f"expected {expected}", path, severity))

    def spend(self, path: str) -> None:
        """Count one value that is looked at closely; TooMuchError where that is one too many, or too deep."""
        self._left -= 1
        if self._left < 0 or path.count(".") > _MAX_STEPS:
            raise TooMuchError

    def apart(self) -> "Apart":
        """Collect what is said and noted meanwhile apart from the rest; the caller decides what becomes of it."""
        return Apart(self)

    def include(self, verdict: list[Issue]) -> None:
        """Add the issues of a resource inside, once however often it is looked at; ``verdict`` is kept by the walk."""
        if verdict and id(verdict) not in self.included:
            self.included.add(id(verdict))
            self.issues += verdict


class Apart:
    """A while in which what is found is collected by itself."""

    __slots__ = ("_above", "_findings")

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._above = findings.issues, findings.included, findings.notes

    def __enter__(self) -> list[Issue]:
        findings = self._findings
        findings.issues, findings.included, findings.notes = [], set(), Notes()
        return findings.issues

    def __exit__(self, *_: object) -> None:
        findings = self._findings
        findings.issues, findings.included, findings.notes = self._above


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
