"""What can go wrong, in FHIR's words.

::

    Problem                      what we tell the caller; anything else is our own fault and says nothing
      InvalidRequest        400  the body is not what the operation asks for
      NotAuthenticated      401  nobody we know, or not provably so
      Forbidden             403  known, but not for this
      Unknown               404  no such thing, or none this caller may see
      NotAcceptable         406  asks for an answer in a format that we do not write
      Conflict              409  the state of things has moved on, or another body came under the same identifier
      PreconditionFailed    412  needed data came neither with the request nor from the EHR
      TooLarge              413  more bytes than the door takes
      UnsupportedMediaType  415  not JSON
      Unprocessable         422  well formed, and against a rule of the guide
      Unavailable           503  try again later

``expression`` names the element and never its value: diagnostics are logged, values are health data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Issue:
    """One OperationOutcome.issue.

    Attributes:
        code: from http://hl7.org/fhir/ValueSet/issue-type.
        diagnostics: a sentence for the developer on the other side; never a value of theirs.
        expression: FHIRPath of the element, down to the entry.
        severity: fatal, error, warning or information.
    """

    code: str
    diagnostics: str
    expression: str | None = None
    severity: str = "error"

    def to_fhir(self) -> dict:
        """Return the issue as FHIR JSON.

        >>> Issue("required", "Claim.insurance needs one entry", "Claim.insurance").to_fhir()["expression"]
        ['Claim.insurance']
        """
        issue: dict = {"severity": self.severity, "code": self.code, "diagnostics": self.diagnostics}
        return issue | ({"expression": [self.expression]} if self.expression else {})


class Problem(Exception):
    """A refusal with a reason that the caller can act on."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "processing"

    def __init__(self, *issues: Issue | str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.issues = tuple(Issue(self.default_code, i) if isinstance(i, str) else i for i in issues)
        self.headers = dict(headers)
        super().__init__("; ".join(issue.diagnostics for issue in self.issues))


class InvalidRequest(Problem):
    status = 400
    default_code = "invalid"


class NotAuthenticated(Problem):
    status = 401
    default_code = "login"


class Forbidden(Problem):
    status = 403
    default_code = "forbidden"


class Unknown(Problem):
    status = 404
    default_code = "not-found"


class NotAcceptable(Problem):
    status = 406
    default_code = "not-supported"


class Conflict(Problem):
    status = 409
    default_code = "conflict"


class PreconditionFailed(Problem):
    status = 412
    default_code = "not-found"


class TooLarge(Problem):
    status = 413
    default_code = "too-long"


class UnsupportedMediaType(Problem):
    status = 415
    default_code = "not-supported"


class Unprocessable(Problem):
    status = 422
    default_code = "business-rule"


class Unavailable(Problem):
    status = 503
    default_code = "transient"


def operation_outcome(issues: Iterable[Issue]) -> dict:
    """Return one OperationOutcome that carries all ``issues``."""
    return {"resourceType": "OperationOutcome", "issue": [issue.to_fhir() for issue in issues]}
