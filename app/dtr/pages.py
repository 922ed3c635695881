"""Which pages has the DTR app? Launch, choice, form and result, below ``/dtr``.

Every page's state lies on a sealed desk (``sessions``) whose key is in the browser's cookie.
"""

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, redirect, render_template, request, send_from_directory, url_for
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response as AnyResponse

from app.dtr.context import Choice, Found, as_launch
from app.dtr.desk import Desk
from app.dtr.smart import Launched, Started
from app.dtr.smart_app import SmartApp, Stopped
from fhir_r4.problems import InvalidRequest
from fhir_r4.wire import read_object, write_json

COOKIE = "priorauth_dtr"
LIMIT_BYTES = 2_000_000
RENDERER = ("zone.min.js", "lhc-forms.js", "lformsFHIR.min.js")
_csrf = CSRFProtect()
_HEADERS = {
    # LHC-Forms sets styles from its script; nothing else of the page is inline.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def pages(app: SmartApp) -> Blueprint:
    """Return the app's pages."""
    made = Blueprint("dtr", __name__, url_prefix="/dtr", template_folder="templates", static_folder="static")
    made.before_request(_guard)
    made.after_request(_headers)
    made.register_error_handler(Stopped, _stopped)
    made.register_error_handler(CSRFError, _forged)
    _launch_pages(made, app)
    _form_pages(made, app)
    _form_actions(made, app)
    _last_pages(made, app)
    _files(made, app)
    return made


def _launch_pages(made: Blueprint, app: SmartApp) -> None:
    @made.get("/launch")
    def launch() -> AnyResponse | str:
        """An EHR launch brings ``iss`` and ``launch``; a standalone one ``iss`` alone, or nothing yet."""
        if not request.args.get("iss"):
            return render_template("dtr/welcome.html", ehrs=app.registered.ehrs)
        started, where = app.begin(request.args["iss"], request.args.get("launch"))
        secret = app.desks.new()
        app.desks.write(secret, {"started": started.to_json()})
        return _with_cookie(redirect(where), app, secret)

    @made.get("/callback")
    def callback() -> AnyResponse:
        held = app.desks.read(_secret())
        if "started" not in held or request.args.get("state") != held["started"]["state"]:
            raise Stopped("This launch was not begun in this browser, or it was begun too long ago.")
        if request.args.get("error") or not request.args.get("code"):
            raise Stopped("The EHR did not allow the launch.")
        launched = app.finish(Started(**held["started"]), request.args["code"])
        app.desks.clear(_secret())  # what a stranger may have put in the cookie is worth nothing from here on
        secret = app.desks.new()
        app.desks.write(secret, {"launched": launched.to_json()})
        return _with_cookie(redirect(url_for("dtr.form"), 303), app, secret)

    @made.post("/choose")
    def choose() -> AnyResponse:
        launched = _launched(app)
        found = app.resolve(launched)
        offered = found if isinstance(found, Choice) else Choice((), ())
        order, coverage = request.form.get("order", ""), request.form.get("coverage", "")
        if order not in {one.reference for one in offered.orders}:
            raise Stopped("Choose an order.")
        if coverage not in {one.reference for one in offered.coverages}:
            raise Stopped("Choose a coverage.")
        _open(app, Found(as_launch(launched, order, coverage), None))
        return redirect(url_for("dtr.form"), 303)


def _form_pages(made: Blueprint, app: SmartApp) -> None:
    @made.get("/")
    def form() -> AnyResponse | str:
        held = app.desks.read(_secret())
        if "desk" not in held and "launched" in held:
            found = app.resolve(Launched.from_json(held["launched"]))
            if isinstance(found, Choice):
                return render_template("dtr/choose.html", choice=found)
            desk = _open(app, found)
        elif "desk" in held:
            desk = Desk.from_json(held["desk"])
        else:
            return render_template("dtr/welcome.html", ehrs=app.registered.ehrs)
        if desk.completed_at:
            return redirect(url_for("dtr.result"))
        ready = all((app.renderer / name).exists() for name in RENDERER)
        return render_template("dtr/form.html", desk=desk, ready=ready)

    @made.get("/form.json")
    def form_json() -> Response:
        desk = _desk(app)
        return _json({"form": desk.form, "response": desk.response, "state": desk.shown()})


def _form_actions(made: Blueprint, app: SmartApp) -> None:
    @made.post("/draft")
    def draft() -> Response:
        """Take what stands on the page to the desk; nothing leaves the app."""
        return _json(_keep(app, _desk(app).answered(_sent())).shown())

    @made.post("/save")
    def save() -> Response:
        """Save the form to the EHR, as far as it is."""
        return _json(_keep(app, app.save(_keep(app, _desk(app).answered(_sent())), "in-progress")).shown())

    @made.post("/complete")
    def complete() -> Response:
        """Send the form: the clinician attests, nothing is missing, and the EHR has it."""
        sent = _sent()
        desk = _keep(app, _desk(app).answered(sent))
        if sent.get("attested") is not True or desk.progress().missing:
            return _json(desk.shown(), 422)
        _keep(app, app.save(desk, "completed"))
        return _json({"next": url_for("dtr.result")})


def _last_pages(made: Blueprint, app: SmartApp) -> None:
    @made.get("/result")
    def result() -> AnyResponse | tuple[str, int, dict[str, str]] | str:
        desk = _desk(app)
        if not desk.completed_at:
            return redirect(url_for("dtr.form"))
        answer = app.answer(desk)
        page = render_template("dtr/result.html", desk=desk, answer=answer)
        return page if answer else (page, 200, {"Refresh": "2"})

    @made.post("/close")
    def close() -> AnyResponse:
        app.desks.clear(_secret())
        response = redirect(url_for("dtr.form"), 303)
        response.delete_cookie(COOKIE, path="/dtr")
        return response


def _files(made: Blueprint, app: SmartApp) -> None:
    @made.get("/renderer/<path:name>")
    def renderer(name: str) -> Response:
        response = send_from_directory(app.renderer, name, max_age=86_400)
        g.cacheable = True
        return response


def _guard() -> None:
    request.max_content_length = LIMIT_BYTES
    if request.method == "POST":
        _csrf.protect()


def _headers(response: Response) -> Response:
    kept = {"Cache-Control"} if g.get("cacheable") or request.endpoint == "dtr.static" else set()
    response.headers.update({name: value for name, value in _HEADERS.items() if name not in kept})
    return response


def _stopped(stopped: Stopped) -> tuple[Any, int]:
    if request.is_json:
        return _json({"error": str(stopped)}), 409
    return render_template("dtr/stopped.html", words=str(stopped)), 409


def _forged(_: CSRFError) -> tuple[Any, int]:
    words = "The page was open for too long, or the request did not come from it. Open the form again."
    return (_json({"error": words}) if request.is_json else render_template("dtr/stopped.html", words=words)), 400


def _secret() -> str | None:
    return request.cookies.get(COOKIE)


def _desk(app: SmartApp) -> Desk:
    held = app.desks.read(_secret())
    if "desk" not in held:
        raise Stopped("This form is no longer open here. Launch it again from the EHR.")
    return Desk.from_json(held["desk"])


def _launched(app: SmartApp) -> Launched:
    held = app.desks.read(_secret())
    if "launched" not in held:
        raise Stopped("This launch is over. Launch the app again from the EHR.")
    return Launched.from_json(held["launched"])


def _open(app: SmartApp, found: Found) -> Desk:
    return _keep(app, app.open(found))


def _keep(app: SmartApp, desk: Desk) -> Desk:
    app.desks.write(_secret() or "", {"desk": desk.to_json()})
    return desk


def _sent() -> dict:
    try:
        return read_object(request.get_data())
    except InvalidRequest:
        raise Stopped("What the page sent cannot be read. Open the form again.") from None


def _json(body: Any, status: int = 200) -> Response:
    return Response(write_json(body), status, content_type="application/json")


def _with_cookie(response: AnyResponse, app: SmartApp, secret: str) -> AnyResponse:
    """Give the browser the key of its desk: not for scripts, not sent from other sites' pages, not without TLS."""
    secure = urlsplit(app.base_url).scheme == "https"
    response.set_cookie(COOKIE, secret, httponly=True, samesite="Lax", secure=secure, path="/dtr")
    return response
