"""SANDBOX. A payer's own systems, faked: members, providers, cases that are handed over, and a reviewer's button.

For demos and tests of docs/back-end.md; what it knows is lost when it ends.
"""

import csv
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import WSGIRequestHandler, make_server

from fhir_r4.wire import read_object, write_json


@dataclass
class BackEnd:
    """What the faked systems know, and how they behave: ``seconds`` for each answer, ``status`` instead of one."""

    members: dict[tuple[str, str], dict]
    providers: dict[str, dict]
    standing: dict[str, list[dict]] = field(default_factory=dict)
    cases: dict[str, dict] = field(default_factory=dict)
    seconds: float = 0.0
    status: int = 0
    garbage: bool = False


def run(port: int, tables: Path, token: str) -> None:
    """Serve on loopback until stopped; ``tables`` holds members.csv, providers.csv and, if any, gold-cards.csv."""
    app = create(BackEnd(_members(tables / "members.csv"), _providers(tables)), token)
    make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet).serve_forever()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Say nothing."""


def create(back_end: BackEnd, token: str) -> Flask:
    """Return the faked systems as a web application."""
    app = Flask(__name__, static_folder=None)

    @app.before_request
    def _behave() -> Response | None:
        if request.path in {"/", "/knobs", "/seen"}:
            return None
        time.sleep(back_end.seconds)
        if request.headers.get("Authorization") != f"Bearer {token}":
            return Response(status=401)
        if back_end.garbage:
            return Response("no JSON", content_type="application/json")
        return Response(status=back_end.status) if back_end.status else None

    _questions(app, back_end)
    _buttons(app, back_end)
    return app


def _questions(app: Flask, back_end: BackEnd) -> None:
    """What the service asks and gives."""

    @app.post("/member")
    def member() -> Response:
        asked = read_object(request.get_data())
        return _answer(back_end.members.get((asked["payer"], asked["memberId"])))

    @app.post("/provider")
    def provider() -> Response:
        return _answer(back_end.providers.get(read_object(request.get_data())["npi"]))

    @app.post("/authorizations")
    def authorizations() -> Response:
        return _answer({"authorizations": back_end.standing.get(read_object(request.get_data())["memberId"], [])})

    @app.post("/cases")
    def cases() -> Response:
        case = read_object(request.get_data())
        back_end.cases[case["case"]] = case
        return Response(status=202)


def _buttons(app: Flask, back_end: BackEnd) -> None:
    """What tests look at and turn."""

    @app.get("/")
    def home() -> str:
        return "<!doctype html><title>Sandbox</title><h1>Sandbox back end</h1><p>Faked; for demos and tests.</p>"

    @app.get("/seen")
    def seen() -> Response:
        return _answer({"cases": list(back_end.cases.values())})

    @app.post("/knobs")
    def knobs() -> Response:
        for name, value in read_object(request.get_data()).items():
            setattr(back_end, name, value)
        return Response(status=204)


def _answer(body: dict | None) -> Response:
    return Response(write_json(body), content_type="application/json") if body is not None else Response(status=404)


def _members(file: Path) -> dict[tuple[str, str], dict]:
    with file.open(newline="", encoding="utf-8") as opened:
        return {
            (row["payer"], row["member_id"]): {
                "plan": row["plan"],
                "birthDate": row["birth_date"],
                "coveredFrom": row["covered_from"],
                "coveredTo": row["covered_to"] or None,
            }
            for row in csv.DictReader(opened)
        }


def _providers(tables: Path) -> dict[str, dict]:
    found: dict[str, dict] = {
        row["npi"]: {"name": row["name"], "network": row["network"]} for row in _rows(tables / "providers.csv")
    }
    for row in _rows(tables / "gold-cards.csv"):
        card = {"policy": row["policy"], "from": row["from"], "to": row["to"] or None}
        found.get(row["npi"], {}).setdefault("goldCards", []).append(card)
    return found


def _rows(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))
