"""Is the DTR app part of this installation? It is where the data folder has a ``dtr.yaml``.

The app gets what any client of EHR and payer needs, and nothing of the service: a way out, a key pair of its own, and
a safe that it alone can open.
"""

from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.exc import OperationalError

from app.config import BadSettings, Config, is_loopback
from app.current import service_of
from app.dtr.credentials import Credentials
from app.dtr.pages import not_now, pages
from app.dtr.registered import Registered, load_registered
from app.dtr.sessions import Desks
from app.dtr.smart_app import SmartApp
from app.logging import get_logger
from app.storage.dtr_desks import StoredDesks
from app.wiring import way_out

log = get_logger()
RENDERER = Path(__file__).parent / "dtr" / "renderer"


def init_app(app: Flask) -> None:
    """Add the app's pages.

    Raises:
        FaultyFile: dtr.yaml cannot be used.
        BadSettings: an address is not https; or the app has no key, and none can be written.
    """
    service = service_of(app)
    file = service.config.data / "dtr.yaml"
    if not file.exists():
        return
    registered = load_registered(file)
    _refuse_plain(registered, service.config)
    try:
        credentials = Credentials.in_folder(service.config.data / "dtr", registered.client)
    except OSError:
        said = "dtr.yaml is in the data folder, but no key can be written to dtr/ there: start once where it can"
        raise BadSettings(said) from None
    made = SmartApp(
        registered=registered,
        door=way_out(service.config, service.config.dtr_timeout_seconds),
        credentials=credentials,
        desks=Desks(StoredDesks(service.database), service.now),
        base_url=service.config.base_url,
        renderer=RENDERER,
        now=service.now,
    )
    doors = pages(made)
    doors.register_error_handler(OperationalError, _database_away)
    app.register_blueprint(doors)


def _refuse_plain(registered: Registered, config: Config) -> None:
    """Refuse addresses that the app's door to the network would refuse at each launch."""
    named = [*(one.iss for one in registered.ehrs), *(one.base for one in registered.payers)]
    here = config.allow_loopback_http
    if plain := [url for url in named if not (url.startswith("https://") or (here and is_loopback(url)))]:
        hint = "plain http is for this machine alone, with PRIORAUTH_ALLOW_LOOPBACK_HTTP=1"
        raise BadSettings(f"dtr.yaml: {', '.join(dict.fromkeys(plain))}: not https; {hint}")


def _database_away(error: OperationalError) -> tuple[Any, int, dict[str, str]]:
    log.error("database.away", exc_info=error)
    return not_now(), 503, {"Retry-After": "2"}
