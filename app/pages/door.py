"""What do all pages share? A session, CSRF, headers, and errors as pages."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request, Response, g, redirect, render_template, request, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from app.current import service_of, the_service
from app.logging import get_logger
from app.security import staff
from app.storage.staff import Person
from fhir_r4.problems import Issue, Problem

COOKIE = "priorauth_staff"
READERS = ("reviewer", "auditor")
"""Roles that may see one person's health data; each look is recorded (``events``). An admin sees to the service."""
OPEN = frozenset({"pages.home", "pages.log_in", "pages.link", "pages.static"})
OF_A_CASE = frozenset({"pages.case", "pages.verdict", "pages.ask_for_more"})
READING = frozenset(f"pages.{name}" for name in ("policies", "policy", "policy_differences", "try_policy", "lists"))
LOOKING_UP = frozenset({"pages.lookup", "pages.lookup_json"})
_MACHINES = ("/fhir/", "/cds-services", "/oauth/")
pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
NAVIGATION = (
    ("pages.worklist", "Worklist"),
    ("pages.inbox", "Inbox"),
    ("pages.policies", "Policies"),
    ("pages.form_list", "Forms"),
    ("pages.lookup", "Look up a code"),
    ("pages.hook_list", "Hooks"),
    ("pages.delivery_list", "Deliveries"),
)
_csrf = CSRFProtect()
log = get_logger()
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # over TLS the check against forged forms asks where a form was filled
    "Cache-Control": "no-store",
}


class _PagesOnly(SecureCookieSessionInterface):
    """A machine's call brings no session and opens none; to sign one costs as much as the rest of Flask."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if request.path.startswith(_MACHINES) else super().open_session(app, request)


def init_app(app: Flask) -> None:
    service = service_of(app)
    config = service.config
    secure = urlsplit(config.base_url).scheme == "https"
    app.config.update(
        SECRET_KEY=staff.secret_key(config),
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_CHECK_DEFAULT=False,  # the machines' doors have tokens of their own
        WTF_CSRF_TIME_LIMIT=8 * 3600,
    )
    app.session_interface = _PagesOnly()
    _csrf.init_app(app)
    app.register_blueprint(pages)


@pages.app_context_processor
def _navigation() -> dict[str, Any]:
    return {"navigation": lambda: [one for one in NAVIGATION if _is_open(one[0])], "is_open": _is_open}


def _is_open(endpoint: str) -> bool:
    """Tell whether whoever is here reaches this page of the navigation."""
    person = g.get("person")
    return endpoint in _open() or (person is not None and (person.role in READERS or endpoint != "pages.inbox"))


@pages.before_request
def _who() -> AnyResponse | None:
    if request.endpoint == "pages.static":
        return None
    if request.method == "POST":
        request.max_content_length = 100_000
        _csrf.protect()
    g.person = staff.whoever(the_service(), request.cookies.get(COOKIE))
    if g.person is not None:
        g.client_id = g.person.name
    elif request.endpoint == "pages.lookup_json" and request.endpoint not in _open():
        return Response(b'{"faults":{"login":"staff only"}}', 401, content_type="application/json")
    elif request.endpoint not in _open():
        return _to_log_in()
    return None


def _to_log_in() -> AnyResponse:
    """Send somebody to log in, and from there back to their case, with what they wrote when the session had ended."""
    case = (request.view_args or {}).get("identity") if request.endpoint in OF_A_CASE else None
    if case is None or request.method != "POST":
        return redirect(url_for("pages.log_in", case=case))
    kept = [(name, said) for name, said in request.form.items(multi=True) if name != "csrf_token"]
    words = Issue(
        "login", "the session had ended, and nothing was recorded; log in, and what was written is still there"
    )
    return Response(render_template("login.html", issues=[words], case=case, kept=kept), 401)


def _open() -> frozenset[str]:
    """Return the pages that need nobody to be here."""
    return OPEN | READING | LOOKING_UP if the_service().config.public_policies else OPEN


@pages.after_request
def _headers(response: Response) -> Response:
    response.headers.update(_HEADERS)
    return response


@pages.errorhandler(Problem)
def _problem(problem: Problem) -> tuple[str, int]:
    return _page(problem.status, issues=problem.issues)


@pages.errorhandler(CSRFError)
def _forged(_: CSRFError) -> tuple[str, int]:
    words = ["The page was open for too long, or the form did not come from here. Open it again."]
    return _page(400, words=words)


@pages.errorhandler(HTTPException)
def _refused(error: HTTPException) -> tuple[str, int]:
    words = "That is more than fits in here." if error.code == 413 else f"{error.name}."
    return _page(error.code or 500, words=[words])


@pages.errorhandler(OperationalError)
def _database_away(error: OperationalError) -> tuple[str, int, dict[str, str]]:
    log.error("database.away", exc_info=error)
    words = "The database does not answer just now, and nothing was changed. Try again in a moment."
    again = [] if request.endpoint in OPEN else list(request.form.items(multi=True))  # no password is written anywhere
    return *_page(503, words=[words], again=again), {"Retry-After": "2"}


@pages.before_app_request
def _no_page() -> Response | None:
    """Tell somebody who mistyped an address in a browser so, as a page; a program gets its OperationOutcome."""
    programs = request.path.startswith((*_MACHINES, "/dtr/")) or request.accept_mimetypes.best != "text/html"
    if programs or not isinstance(request.routing_exception, NotFound):
        return None
    with suppress(OperationalError):
        g.person = staff.whoever(the_service(), request.cookies.get(COOKIE))
    page, status = _page(404, words=["There is no page at this address."])
    return Response(page, status, headers=_HEADERS)


def _page(status: int, **said: Any) -> tuple[str, int]:
    return render_template("problem.html", person=g.get("person"), **said), status


def the_person() -> Person:
    """Return who is here; pages that are not open to everyone have somebody."""
    person = g.person
    assert isinstance(person, Person)  # noqa: S101 _who has sent everybody else away
    return person


def with_session(response: AnyResponse, secret: str) -> AnyResponse:
    """Give the browser the session's secret: not for scripts, not from other sites, not without TLS."""
    secure = urlsplit(the_service().config.base_url).scheme == "https"
    response.set_cookie(COOKIE, secret, httponly=True, samesite="Lax", secure=secure, path="/")
    return response
