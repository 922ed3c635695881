"""What does a request cost at the least? A bare Flask app that loads the body and dumps it again.

No token, no validation, no database, and the very gunicorn settings of the service: a cost quoted as a multiple
of this one survives a change of machine.
"""

import sys

import orjson
from flask import Flask, Response, request

from app.config import Config
from app.server import Server


def create_echo() -> Flask:
    app = Flask(__name__, static_folder=None)

    @app.post("/<path:_>")
    def echo(_: str) -> Response:
        return Response(orjson.dumps(orjson.loads(request.get_data())), content_type="application/json")

    @app.get("/ready")
    def ready() -> str:
        return "ready"

    return app


class Echo(Server):
    """The service's server with the echo in it."""

    def prepare(self) -> None:
        """Make nothing beforehand."""

    def load(self) -> Flask:
        return create_echo()


if __name__ == "__main__":
    Echo(Config.from_env(), "127.0.0.1", int(sys.argv[1])).run()
