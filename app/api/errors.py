"""The one place where an exception becomes an OperationOutcome.

A 4xx carries exactly one. A 5xx of a FHIR operation carries no body but the request's id in a header (PAS 2.0.1:
no OperationOutcome with 5XX). Headers that HTTP needs survive. Each refusal of a known door leaves one event:
who, which door, which elements; never a value.
"""

from flask import Flask, Response, g, request
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from app import metrics
from app.api.door import fhir, plain
from app.current import the_service
from app.logging import get_logger
from app.security.backend_services import OAuthError
from app.storage import clients, events
from fhir_r4.problems import Issue, Problem, Unavailable, operation_outcome

log = get_logger()

_CODES = {404: "not-found", 405: "not-supported", 413: "too-long", 415: "not-supported", 429: "throttled"}
MOST = 50
_MORE = Issue("incomplete", f"there are more than these {MOST} issues")
_KEPT = ("Allow", "Retry-After", "WWW-Authenticate", "Location")


def init_app(app: Flask) -> None:
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(OAuthError, _oauth)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(Exception, _fault)


def _problem(problem: Problem) -> Response:
    if problem.status >= 500:
        return _nothing(problem.status, problem.headers)
    _audit(problem.status, problem.issues)
    return _answer(problem.status, problem.issues, problem.headers)


def _http(error: HTTPException) -> Response:
    """Werkzeug's own refusals: no such route, wrong method, too large. Redirects pass as they are."""
    if error.response is not None and isinstance(error.response, Response):
        return error.response
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name in _KEPT}
    if status >= 500:
        return _nothing(status, headers)
    issues = (Issue(_CODES.get(status, "processing"), error.name),)
    if request.endpoint:
        _audit(status, issues)
    return _answer(status, issues, headers)


def _oauth(error: OAuthError) -> Response:
    _audit(error.status, (Issue("login", error.error),))
    return plain({"error": error.error, "error_description": error.description}, error.status)


def _database_away(error: OperationalError) -> Response:
    log.error("database.away", exc_info=error)
    return _nothing(Unavailable.status, {"Retry-After": "2"})


def _fault(error: Exception) -> Response:
    """Log a reference that the caller can quote; tell them nothing else."""
    log.error("fault", exc_info=error, endpoint=request.endpoint, request_id=g.get("request_id"))
    return _nothing(500, {})


def _answer(status: int, issues: tuple[Issue, ...], headers: dict[str, str]) -> Response:
    outcome = outcome_of(issues)
    response = fhir(outcome, status) if request.path.startswith("/fhir/") else plain(outcome, status)
    response.headers.update(headers)
    return response


def outcome_of(issues: tuple[Issue, ...]) -> dict:
    """Return the OperationOutcome that a caller gets."""
    return operation_outcome(issues[:MOST] + ((_MORE,) if len(issues) > MOST else ()))


def _nothing(status: int, headers: dict[str, str]) -> Response:
    return Response(b"", status, headers=headers)


def _audit(status: int, issues: tuple[Issue, ...]) -> None:
    """Count and record the refusal; a hook's JWT that was accepted is spent by it all the same."""
    metrics.refused(issues[0].code)
    service, caller, actor = the_service(), g.get("hook_caller"), g.get("client_id")
    if actor is None and not service.anonymous_refusals.take():
        metrics.unrecorded()
        return
    record = {
        "actor": actor or "unknown",
        "at": service.now(),
        "request_id": g.get("request_id"),
        "door": request.endpoint,
        "status": status,
        "issues": [{"code": issue.code, "expression": issue.expression} for issue in issues[:20]],
    }
    try:
        with service.database.writing() as connection:
            events.record(connection, "request.refused", **record)
            if caller is not None:
                token = caller.token
                clients.spend(connection, token.issuer, token.jti, token.remember_until)
    except IntegrityError:  # the JWT had been spent: the refusal alone is new
        with service.database.writing() as connection:
            events.record(connection, "request.refused", **record)
    except SQLAlchemyError as error:
        log.critical("audit.failed", exc_info=error)
