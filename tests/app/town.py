"""A payer and an EHR behind sockets, and a browser that launches the DTR app: for tests of the app's pages."""

import re
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import requests  # noqa: TID251 a browser of somebody else
import yaml
from werkzeug.serving import make_server

from app.config import Config
from app.registration import Registration, register
from app.sandbox.server import RECORDS, create_sandbox
from app.sandbox.smart import Context
from app.web import create_app
from app.wiring import build

SCOPES = ("system/Questionnaire.rs", "system/ValueSet.rs", "system/Library.rs")
ORDER = "DeviceRequest/home-oxygen"


def paid_by(payer):
    """Return the change of ``dtr.yaml`` by which the one payer is another; forms are drawn with plain controls."""

    def changed(registered):
        (one,) = registered["payers"]
        return registered | {"renderer": "plain", "payers": [one | {"base": payer.base}]}

    return changed


class Town:
    """Payer and EHR behind sockets, and a way to take one of the EHR's doors away."""

    def __init__(self, data, change=lambda registered: registered):
        """``change`` is given what ``dtr.yaml`` says, and returns what it shall say."""
        self.closed = frozenset()
        self.calls = []  # what the EHR was asked: (method, path below its FHIR base, query, Authorization)
        self.ehr_server, self.payer_server = (make_server("127.0.0.1", 0, self.nobody, threaded=True) for _ in "ab")
        self.ehr, self.payer = (f"http://127.0.0.1:{one.server_port}" for one in (self.ehr_server, self.payer_server))
        file = data / "dtr.yaml"
        text = file.read_text().replace("http://127.0.0.1:8001", self.ehr)
        said = yaml.safe_load(text.replace("http://127.0.0.1:8000", self.payer))
        file.write_text(yaml.safe_dump(change(said)))
        config = Config(data=data, base_url=self.payer, allow_loopback_http=True)
        self.service = build(config)
        self.payer_server.app = create_app(config, self.service)
        self.sandbox = create_sandbox(self.ehr, self.payer, RECORDS)
        self.ehr_server.app = self.watched
        said = Registration(name="dtr-app", scopes=SCOPES, jwks=str(data / "dtr" / "jwks.json"))
        register(config, said)
        for server in (self.ehr_server, self.payer_server):
            threading.Thread(target=server.serve_forever, daemon=True).start()

    @staticmethod
    def nobody(_environ, _start):
        return []

    def watched(self, environ, start):
        path = environ["PATH_INFO"]
        if path.startswith("/fhir/"):
            query, token = environ.get("QUERY_STRING", ""), environ.get("HTTP_AUTHORIZATION")
            self.calls.append((environ["REQUEST_METHOD"], path.removeprefix("/fhir/"), query, token))
        if path in self.closed:
            start("403 Forbidden", [("Content-Type", "application/fhir+json")])
            return [b"{}"]
        return self.sandbox(environ, start)

    def launch(self, context=None):
        """Return the address to which the EHR sends a browser that launches the app, of an order for home oxygen."""
        context = context or Context("amy-baxter", "Practitioner/lindqvist", ("Coverage/amy-baxter-acme", ORDER))
        handle = self.sandbox.extensions["ehr"].authorization.launch(context)
        return f"{self.payer}/dtr/launch?iss={self.ehr}/fhir&launch={handle}"

    def close(self):
        for server in (self.ehr_server, self.payer_server):
            server.shutdown()
        self.service.database.engine.dispose()


@contextmanager
def a_town(opened, folder, change=lambda registered: registered):
    """Give a town whose payer has a copy of the data folder ``opened`` for itself."""
    data = folder / "data"
    shutil.copytree(opened, data)
    made = Town(data, change)
    try:
        yield made
    finally:
        made.close()


@dataclass
class Browser:
    """A browser with cookies; follows redirects as a person's does, and stays at the desk that it came to last."""

    town: Town
    at: str = ""

    def __post_init__(self):
        self.session = requests.Session()
        self.session.trust_env = False
        self.at = f"{self.app}desk/nowhere/"

    @property
    def app(self):
        return f"{self.town.payer}/dtr/"

    def get(self, path, **more):
        is_app_s = path.startswith(("launch", "callback", "2."))
        page = self.session.get(urljoin(self.app if is_app_s else self.at, path), timeout=20, **more)
        self.at = urljoin(page.url, ".") if "/dtr/desk/" in page.url else self.at
        return self.followed(page)

    def followed(self, page):
        """Return the page that this one goes on to by itself."""
        further = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]+)"', page.text)
        return self.get(urljoin(page.url, further[1])) if further else page

    def state(self):
        return self.get("form.json").json()["state"]

    def launch(self, context=None):
        """Launch from the EHR and return the page that the clinician then sees."""
        return self.get(self.town.launch(context).removeprefix(self.app))

    def post(self, path, body, page, **headers):
        token = re.search(r'name="(?:csrf-token|csrf_token)" (?:content|value)="([^"]+)"', page.text)[1]
        sent = {"X-CSRFToken": token, "Referer": page.url} | headers
        return self.session.post(urljoin(page.url, path), json=body, headers=sent, timeout=20)

    def press(self, path, page, **form):
        """Press a button of a page: a form is sent as browsers do."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
        return self.followed(self.session.post(urljoin(page.url, path), data={"csrf_token": token} | form, timeout=20))
