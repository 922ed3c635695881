"""Is the process alive, and is it of use?"""

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from app.api.door import plain
from app.current import the_service
from app.storage import migrate

door = Blueprint("health", __name__, url_prefix="/health")


@door.get("/live")
def live() -> Response:
    return plain({"status": "live"})


@door.get("/ready")
def ready() -> Response:
    """Say ready when the database answers and has the schema that this code knows."""
    try:
        revision = migrate.current(the_service().database)
    except SQLAlchemyError:
        return plain({"status": "unready", "database": "away"}, 503)
    if revision != migrate.newest():
        return plain({"status": "unready", "database": "run priorauth migrate"}, 503)
    return plain({"status": "ready", "database": "ok"})
