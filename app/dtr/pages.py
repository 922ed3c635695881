"""Which pages has the DTR app, and how is it launched? All below ``/dtr``; the form's own pages are ``form_pages``.

Every page's state lies on a sealed desk (``sessions``) whose key is in the browser's cookie.
"""

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, redirect, render_template, request, send_from_directory, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from app.dtr import browser
from app.dtr.browser import Browser, Forged, place_of
from app.dtr.form_pages import as_json, form_pages, last_pages
from app.dtr.opening_pages import opening_pages
from app.dtr.response_page import response_page
from app.dtr.sitting import Sitting
from app.dtr.smart_app import SmartApp
from app.dtr.stopped import AlreadySent, NothingNeeded, Stopped
from app.dtr.supported import SUPPORTED
from fhir_r4.wire import write_json
from rules.ports import EhrUnavailable

LIMIT_BYTES = 2_000_000
"""Of one request; the page sends the whole form as it stands, with its files."""
FILES_BYTES = LIMIT_BYTES * 7 // 10
"""Of all files of a form: written in Base64 they take a third more, and the answers need room too."""


def pages(app: SmartApp) -> Blueprint:
    """Return the app's pages."""
    made = Blueprint("dtr", __name__, url_prefix="/dtr", template_folder="templates", static_folder="static")
    sitting = Sitting(app, Browser(urlsplit(app.base_url).scheme == "https", app.registered.frames))
    made.url_value_preprocessor(_placed)
    made.url_defaults(_same_place)
    made.before_request(_guard)
    made.after_request(lambda response: _headers(response, sitting.browser))
    made.context_processor(lambda: {"csrf_token": browser.token, "most_bytes": FILES_BYTES})
    made.register_error_handler(Stopped, _stopped)
    made.register_error_handler(NothingNeeded, _nothing_needed)
    made.register_error_handler(AlreadySent, _already_sent)
    made.register_error_handler(EhrUnavailable, _ehr_away)
    made.register_error_handler(Forged, _forged)
    made.register_error_handler(RequestEntityTooLarge, _too_large)
    made.add_url_rule("/", "welcome", partial(_welcome, app))
    _launch_pages(made, sitting)
    opening_pages(made, sitting)
    form_pages(made, sitting)
    last_pages(made, sitting)
    response_page(made, sitting)
    _files(made, app)
    return made


def _launch_pages(made: Blueprint, sitting: Sitting) -> None:
    app = sitting.app

    @made.get("/launch")
    def launch() -> AnyResponse | str:
        """An EHR launch brings ``iss`` and ``launch``; a standalone one ``iss`` alone, or nothing yet.

        A browser is shown a page while the EHR is asked where it lets apps in; any other client is sent there at once.
        """
        if not request.args.get("iss"):
            return _welcome(app)
        if "text/html" in request.headers.get("Accept", ""):
            further = url_for("dtr.start", iss=request.args["iss"], launch=request.args.get("launch"))
            return render_template("dtr/opening.html", next=further, is_launch=True)
        return start()

    @made.get("/start")
    def start() -> AnyResponse:
        """Go on with a launch: to the EHR's authorization server."""
        started, where = app.begin(request.args.get("iss", ""), request.args.get("launch"))
        secret = app.desks.new()
        app.desks.write(secret, {"started": started.to_json()})
        return sitting.browser.launching(redirect(where), secret, started.state)

    @made.get("/callback")
    def callback() -> AnyResponse:
        started = sitting.started()
        if started is None or request.args.get("state") != started.state:
            raise Stopped(
                "This launch was not begun in this browser, or it was begun too long ago. A browser that keeps no "
                "cookies for pages in frames needs the app in a window of its own."
            )
        if request.args.get("error") or not request.args.get("code"):
            raise Stopped("The EHR did not allow the launch.")
        app.desks.clear(browser.key())  # what a stranger may have put in the cookie is worth nothing from here on
        secret = app.desks.new()
        sitting.let_in(secret, started, request.args["code"])
        opened = redirect(url_for("dtr.form", place=place_of(secret)), 303)
        return sitting.browser.launched(sitting.browser.with_key(opened, secret), started.state)


def _welcome(app: SmartApp) -> str:
    return render_template("dtr/welcome.html", ehrs=app.registered.ehrs)


def _files(made: Blueprint, app: SmartApp) -> None:
    for generation, told in SUPPORTED.items():
        body = write_json(told(app.registered.payers))
        made.add_url_rule(
            f"/{generation}/supported-payers",
            f"supported_payers_{generation.name}",
            partial(Response, body, content_type="application/json"),
        )

    @made.get("/renderer/<path:name>")
    def renderer(name: str) -> Response:
        response = send_from_directory(app.renderer, name, max_age=86_400)
        g.cacheable = True
        return response


def _placed(_: str | None, values: dict[str, Any] | None) -> None:
    """Remember at which desk's place the request is, before its page is asked."""
    g.place = (values or {}).pop("place", None)


def _same_place(endpoint: str, values: dict[str, Any]) -> None:
    """Let the addresses on a desk's pages lead to the same desk."""
    if g.get("place") and current_app.url_map.is_endpoint_expecting(endpoint, "place"):
        values.setdefault("place", g.place)


def _guard() -> None:
    request.max_content_length = LIMIT_BYTES
    if request.method == "POST":
        browser.check_token()


def _headers(response: Response, browser_: Browser) -> Response:
    kept = {"Cache-Control"} if g.get("cacheable") or request.endpoint == "dtr.static" else set()
    said = browser_.headers(inline_styles=g.get("lhc_forms", False))
    response.headers.update({name: value for name, value in said.items() if name not in kept})
    return response


def _stopped(stopped: Stopped) -> tuple[Any, int]:
    return _told(str(stopped)), 409


def _nothing_needed(needed: NothingNeeded) -> tuple[Any, int]:
    if request.is_json:
        return _stopped(needed)
    return render_template("dtr/nothing.html", words=str(needed)), 200


def _already_sent(_: AlreadySent) -> Response:
    return as_json({"next": url_for("dtr.result")})


def _ehr_away(_: EhrUnavailable) -> tuple[Any, int]:
    return _told("The EHR does not answer now. Nothing is lost; try again."), 409


def _forged(_: Forged) -> tuple[Any, int]:
    words = "This form is no longer open in this browser. Launch it again from the EHR; what was saved there is kept."
    return _told(words), 400


def _too_large(_: RequestEntityTooLarge) -> tuple[Any, int]:
    most = f"{FILES_BYTES / 1_000_000:.1f} MB"
    return _told(f"The form holds too much: its files may have {most} together. Take one out, and go on."), 413


def not_now() -> Any:
    """Return what is told where the app cannot get at what it keeps."""
    return _told("The app cannot get at what it keeps just now. Nothing is lost; try again in a moment.")


def _told(words: str) -> Any:
    if request.is_json:
        return Response(write_json({"error": words}), content_type="application/json")
    return render_template("dtr/stopped.html", words=words)
