"""SANDBOX. Which doors does the EHR have? FHIR for its guests, buttons for its clinicians, its public keys."""

import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, redirect, request
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response as AnyResponse

from app.sandbox.chart import chart, choose_patient, context_of
from app.sandbox.ehr import Ehr
from app.sandbox.fhir import Asked, FhirServer
from app.sandbox.grants import NOTHING
from app.sandbox.keys import Keys
from app.sandbox.records import Records
from app.sandbox.smart import Authorization, Refused
from app.sandbox.tokens import Tokens
from fhir_r4.problems import Issue, operation_outcome
from fhir_r4.resource import kind
from fhir_r4.wire import read_object, write_json

DTR_APP = "priorauth-dtr"
OPEN = frozenset({"/fhir/.well-known/smart-configuration", "/fhir/.well-known/openid-configuration", "/fhir/metadata"})
RECORDS = Path(__file__).resolve().parents[2] / "fixtures" / "ehr"


def run(port: int, payer: str, records: Path | None) -> None:
    """Serve the sandbox on loopback until stopped."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = create_sandbox(f"http://127.0.0.1:{port}", payer, records or RECORDS)
    make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet).serve_forever()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


def create_sandbox(url: str, payer: str, records: Path) -> Flask:
    """Return the EHR as a web application."""
    app = Flask(__name__, static_folder=None)
    keys, tokens = Keys(), Tokens()
    apps = {DTR_APP: f"{payer}/dtr/callback"}
    authorization = Authorization(f"{url}/fhir", url, keys, tokens, apps)
    ehr = Ehr(url, payer, Records.load(records, _now().date(), f"{url}/fhir"), keys, tokens, authorization)
    app.extensions["ehr"] = ehr
    app.register_blueprint(chart(ehr))
    app.add_url_rule("/jwks.json", view_func=lambda: _answer(ehr.keys.jwks()))
    _fhir_doors(app, ehr)
    _smart_doors(app, ehr)
    _buttons(app, ehr)
    _inbox(app, ehr)
    return app


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 the sandbox has a clock of its own


def _fhir_doors(app: Flask, ehr: Ehr) -> None:
    """What guests with a token read, search and write; who may ask what is in fhir.py."""
    server = FhirServer(ehr.records, _now, lambda resource: _kept(ehr, resource))

    @app.before_request
    def _guests_have_tokens() -> Response | None:
        if request.path in OPEN or not f"{request.path}/".startswith("/fhir/"):
            return None
        g.grant = ehr.tokens.grant(request.headers.get("Authorization"), _now())
        return None if g.grant else _outcome("login", "a token of this server", 401)

    @app.route("/fhir", methods=["POST"])
    @app.route("/fhir/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def fhir(path: str = "") -> Response:
        query, headers = request.query_string.decode(), dict(request.headers)
        grant = g.get("grant", NOTHING)
        answered = server.answer(Asked(request.method, path, query, request.get_data(), headers, grant))
        if answered.body is None:
            return Response(status=answered.status, headers=dict(answered.headers))
        return _answer(answered.body, answered.status, dict(answered.headers))


def _kept(ehr: Ehr, resource: dict) -> None:
    """Let the EHR's own people go on with a completed form; whoever saved it does not wait for that."""
    if kind(resource) == "QuestionnaireResponse" and resource.get("status") == "completed":
        threading.Thread(target=ehr.completed, args=(resource, _now()), daemon=True).start()


def _smart_doors(app: Flask, ehr: Ehr) -> None:
    """Where an app is launched and comes by its token."""

    @app.get("/fhir/.well-known/openid-configuration")
    def openid_configuration() -> Response:
        return _answer(ehr.authorization.openid())

    @app.get("/fhir/.well-known/smart-configuration")
    def smart_configuration() -> Response:
        return _answer(ehr.authorization.configuration())

    @app.get("/auth/authorize")
    def authorize() -> AnyResponse:
        asked = request.args.to_dict()
        try:
            ehr.authorization.check(asked)
        except Refused as refused:
            return _answer({"error": str(refused)}, 400)
        context = ehr.authorization.launched(asked) or context_of(ehr, asked.get("patient", ""))
        if context is None:
            return choose_patient(ehr, asked)
        code = ehr.authorization.code(asked, context, _now())
        return redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    @app.post("/auth/token")
    def token() -> Response:
        try:
            return _answer(ehr.authorization.token(request.form.to_dict(), _now()))
        except Refused as refused:
            return _answer({"error": str(refused)}, 400)


def _buttons(app: Flask, ehr: Ehr) -> None:
    """What a clinician or a clerk clicks; the answer tells every call that the EHR made for it."""

    @app.post("/clinician/sign", defaults={"hook": "order-sign"})
    @app.post("/clinician/select", defaults={"hook": "order-select"})
    @app.post("/clinician/dispatch", defaults={"hook": "order-dispatch"})
    def fire(hook: str) -> Response:
        asked = read_object(request.get_data())
        caller = ehr.fire(hook, asked["order"], asked["version"], asked.get("leaveOut", []), _now())
        return _answer({"exchanges": [one.to_json() for one in caller.exchanges]})

    @app.post("/clinician/launch")
    def launch() -> Response:
        return _answer(ehr.launch(read_object(request.get_data())["order"], _now()))

    @app.post("/clerk/submit")
    def submit() -> Response:
        asked = read_object(request.get_data())
        caller = ehr.submit(asked["order"], asked["version"], _now())
        return _answer({"exchanges": [one.to_json() for one in caller.exchanges]})

    @app.post("/clerk/bundle")
    def bundle() -> Response:
        """Show the bundle that would be submitted, and submit nothing."""
        return _answer(ehr.request_bundle(read_object(request.get_data())["order"], _now()))

    @app.post("/clerk/subscribe")
    def subscribe() -> Response:
        caller = ehr.subscribe(read_object(request.get_data())["version"], _now())
        return _answer({"exchanges": [one.to_json() for one in caller.exchanges]})

    @app.post("/clerk/inquire")
    def inquire() -> Response:
        asked = read_object(request.get_data())
        caller = ehr.inquire(asked["order"], asked["version"], _now())
        return _answer({"exchanges": [one.to_json() for one in caller.exchanges]})


def _inbox(app: Flask, ehr: Ehr) -> None:
    """Where the payer's notifications arrive; the header that was asked for proves who sends them."""

    @app.post("/notifications/<version>")
    def notified(version: str) -> Response:
        if request.headers.get("Authorization") != "Bearer riverside-hook-secret":
            return _outcome("login", "not a notification that was asked for", 401)
        time.sleep(ehr.slow_seconds)
        ehr.received.append({"version": version, "body": read_object(request.get_data())})
        return Response(status=204)

    @app.post("/notifications/slow")
    def slow() -> Response:
        """Take this long for each notification from now on: for tests of what happens meanwhile."""
        ehr.slow_seconds = float(read_object(request.get_data())["seconds"])
        return Response(status=204)

    @app.get("/notifications")
    def notifications() -> Response:
        return _answer({"received": ehr.received})


def _answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(write_json(body), status, headers, content_type="application/fhir+json")


def _outcome(code: str, diagnostics: str, status: int) -> Response:
    return _answer(operation_outcome([Issue(code, diagnostics)]), status)
