"""What is in the house? ``create_app`` is its table of contents."""

import time
from random import getrandbits
from typing import Any

from flask import Flask, Response, g

from app import admission, current, dtr_app, fields
from app import metrics as counted
from app.api import (
    attachments,
    back_end,
    cds_feedback,
    cds_hooks,
    claims,
    door,
    errors,
    feeds,
    health,
    inquiries,
    metadata,
    metrics,
    oauth,
    questionnaires,
    reads,
    subscription_queries,
)
from app.config import Config
from app.logging import get_logger
from app.pages import (
    deliveries,
    form_page,
    forms,
    home,
    hooks,
    inbox,
    lists,
    login,
    lookup,
    policies,
    review,
    verdict,
    worklist,
)
from app.pages import door as pages
from app.wiring import Service, build

log = get_logger()
PAGES = (
    home,
    login,
    worklist,
    review,
    verdict,
    hooks,
    inbox,
    policies,
    form_page,
    forms,
    lists,
    lookup,
    deliveries,
)  # each registers its routes


class Application(Flask):
    """Flask, of which nothing here is asynchronous."""

    def ensure_sync(self, func: Any) -> Any:
        """Return the function: for each request, Flask would ask each that it calls anew whether it is a coroutine."""
        return func


def create_app(config: Config, service: Service | None = None) -> Flask:
    """Return the web application of one process; ``service`` stands in for the one that ``config`` would build."""
    app = Application(__name__, static_folder=None)
    app.before_request(_begin)  # first: whoever answers is measured
    fields.init_app(app)
    admission.prepare()
    current.init_app(app, service or build(config))
    door.init_app(app)
    errors.init_app(app)
    app.register_blueprint(cds_hooks.door)
    app.register_blueprint(cds_feedback.door)
    app.register_blueprint(questionnaires.door)
    app.register_blueprint(claims.door)
    app.register_blueprint(inquiries.door)
    app.register_blueprint(reads.door)
    app.register_blueprint(feeds.door)
    app.register_blueprint(back_end.door)
    app.register_blueprint(attachments.door)
    app.register_blueprint(subscription_queries.door)
    app.register_blueprint(oauth.door)
    app.register_blueprint(health.door)
    app.register_blueprint(metrics.door)
    pages.init_app(app)
    dtr_app.init_app(app)
    metadata.init_app(app)  # last: it tells of the routes that there are
    app.after_request(_end)
    return app


def _begin() -> None:
    g.request_id, g.started = f"{getrandbits(128):032x}", time.perf_counter()


def _end(response: Response) -> Response:
    asked, request_id, seconds = current.the_request(), g.request_id, time.perf_counter() - g.started
    counted.answered(asked.url_rule.rule if asked.url_rule else None, response.status_code, seconds)
    response.headers["X-Request-Id"] = request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    log.info(
        "request",
        request_id=request_id,
        endpoint=asked.endpoint,
        method=asked.method,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        client=g.get("client_id"),
    )
    return response
