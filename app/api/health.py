"""Is the process alive, and is it of use?"""

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from app.api.door import plain
from app.current import the_service
from app.jobs import broker
from app.storage.revision import is_behind

TOLD = 10
"""Faults of a refused folder that are told; the page /policies tells them all."""
door = Blueprint("health", __name__, url_prefix="/health")


@door.get("/live")
def live() -> Response:
    return plain({"status": "live"})


@door.get("/ready")
def ready() -> Response:
    """Say ready when the database has all that this code knows of and takes writes; a broker may be away."""
    database = the_service().database
    try:
        behind = is_behind(database)
    except SQLAlchemyError:
        return plain({"status": "unready", "database": "away"}, 503)
    if behind:
        return plain({"status": "unready", "database": "run priorauth migrate"}, 503)
    try:
        database.try_writing()
    except (SQLAlchemyError, OSError):
        return plain({"status": "unready", "database": "takes no writes"}, 503)
    said: dict = {"status": "ready", "database": "ok"}
    if url := the_service().config.broker_url:
        said["broker"] = "ok" if broker.answers(url) else "degraded"
    return plain(said | {"policies": _policies()})


def _policies() -> dict:
    """Say which book is at work; a changed folder that was refused leaves the old one at work, and says why."""
    policies = the_service().policies
    said: dict = {"status": "ok", "book": policies.edition.digest, "count": len(policies.edition.book)}
    if refusal := policies.refusal:
        faults = [str(fault) for fault in refusal.faults[:TOLD]]
        said |= {"status": "refused", "since": refusal.at.isoformat(), "faults": faults, "all": len(refusal.faults)}
    return said
