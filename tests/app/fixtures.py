"""A service to knock at: real database, real tokens, a real sandbox EHR behind a real socket."""

import json
import shutil
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import select
from werkzeug.serving import make_server

from app.admission import INQUIRE, SUBMIT
from app.clock import now
from app.config import Config
from app.logging import configure
from app.payers import load_payers
from app.policies import SHELF, load_edition
from app.registration import Registration, register
from app.sandbox.records import Records
from app.sandbox.server import RECORDS, create_sandbox
from app.security.staff import make_secret_key
from app.storage import tables
from app.storage.database import Database
from app.storage.directory import load
from app.storage.migrate import migrate
from app.storage.sealing import make_key
from app.web import create_app
from app.wiring import build
from fhir_r4.profiles.check import committed
from fhir_r4.wire import read_json, write_json
from rules.shelf import Shelf
from tests.app.browsing import Person
from tests.app.other_payer import OtherPayer
from tests.app.subscribers import Endpoint, may_subscribe
from tests.app.town import Browser, Town, paid_by
from tests.hook_answer import assert_answer
from tests.second_opinion import assert_profiled

ROOT = Path(__file__).resolve().parents[2]
BASE = "http://127.0.0.1:8000"
ISSUER = "https://ehr.example.org"


class Signer:
    """A client's keys; signs with PyJWT, so that signer and verifier are not one library."""

    def __init__(self, kid="key-1", curve=None, bits=2048):
        self.kid = kid
        self.ec = ec.generate_private_key(curve or ec.SECP384R1())
        self.rsa = rsa.generate_private_key(65537, bits)

    def jwks(self):
        ecdsa = json.loads(pyjwt.algorithms.ECAlgorithm.to_jwk(self.ec.public_key()))
        rs = json.loads(pyjwt.algorithms.RSAAlgorithm.to_jwk(self.rsa.public_key()))
        return {"keys": [ecdsa | {"kid": self.kid, "use": "sig"}, rs | {"kid": f"{self.kid}-rsa", "use": "sig"}]}

    def sign(self, claims, algorithm="ES384", **headers):
        key, kid = (self.rsa, f"{self.kid}-rsa") if algorithm.startswith("RS") else (self.ec, self.kid)
        return pyjwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} | headers)


@dataclass
class House:
    """One service with its clock, and what a client needs to call it."""

    config: Config
    service: object
    web: object
    signer: Signer
    clock: SimpleNamespace
    ehr: object = None
    answers: list = field(default_factory=list)

    def claims(self, issuer, audience, **changes):
        now = int(self.clock.now.timestamp())
        return {"iss": issuer, "aud": audience, "iat": now, "exp": now + 300, "jti": str(uuid4())} | changes

    def hook_token(self, service="order-sign-crd", **changes):
        claims = self.claims(ISSUER, f"{BASE}/cds-services/{service}", **changes)
        return self.signer.sign({name: value for name, value in claims.items() if value is not None})

    def call(self, body, *, service="order-sign-crd", token=None, content_type="application/json", **headers):
        """Fire a hook; ``body`` may be bytes that are no JSON at all."""
        raw = body if isinstance(body, bytes) else write_json(body)
        token = token or self.hook_token(service)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type} | headers
        answer = self._kept(self.web.post(f"/cds-services/{service}", data=raw, headers=headers))
        if answer.status_code == 200 and not service.endswith("feedback"):
            sent = read_json(raw)
            version = (sent.get("extension") or {}).get("davinci-crd.requestedVersion", self.config.crd_version)
            assert_answer(sent, read_json(answer.data), version[:3])
        return answer

    def assertion(self, client="riverside-ehr", algorithm="RS384", **changes):
        claims = self.claims(client, f"{BASE}/oauth/token", sub=client, **changes)
        return self.signer.sign({name: value for name, value in claims.items() if value is not None}, algorithm)

    def ask_for_token(self, scope="system/Claim.crus", **form):
        body = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": form.pop("client_assertion", None) or self.assertion(),
        } | form
        return self._kept(self.web.post("/oauth/token", data=body))

    def token(self, scope="system/Claim.crus", client="riverside-ehr"):
        answer = self.ask_for_token(scope, client_assertion=self.assertion(client))
        return answer.json["access_token"]

    def post(self, path, body, *, token=None, client="riverside-ehr", content_type="application/fhir+json", **headers):
        """Post to a FHIR base, with a fresh token of the client unless one is given."""
        raw = body if isinstance(body, bytes) else write_json(body)
        scope = "system/Questionnaire.rs" if "Questionnaire" in path or "ValueSet" in path else "system/Claim.crus"
        token = token or self.token(scope, client)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type} | headers
        return judged(path, self._kept(self.web.post(f"/fhir/{path}", data=raw, headers=headers)))

    def submit(self, bundle, version="2.0", **more):
        return self.post(f"{version}/Claim/$submit", bundle, **more)

    def inquire(self, bundle, version="2.0", **more):
        return self.post(f"{version}/Claim/$inquire", bundle, **more)

    def package(self, parameters, version="2.0", **more):
        return self.post(f"{version}/Questionnaire/$questionnaire-package", parameters, **more)

    def rows(self, table):
        with self.service.database.reading() as connection:
            return connection.execute(select(table)).mappings().all()

    def happened(self):
        """Return the kinds of the events that are of cases and attachments, in order."""
        kinds = [row["kind"] for row in self.rows(tables.events)]
        return [kind for kind in kinds if kind.startswith(("authorization.", "attachment."))]

    def refusals(self):
        return [row["detail"] for row in self.rows(tables.events) if row["kind"] == "request.refused"]

    def _kept(self, answer):
        self.answers.append(answer)
        return answer


def judged(path, answer):
    """Return the answer of a FHIR door; PAS's are held to the profile of their operation and generation.

    A refusal is an OperationOutcome; a 5xx has no body.
    """
    version, _, operation = path.partition("/")
    body = read_json(answer.data) if answer.data else None
    if body is None or version not in ("2.0", "2.2"):
        return answer
    if answer.status_code >= 400:
        assert_profiled(body, version)
    elif operation in (SUBMIT, INQUIRE) and answer.status_code == 200:
        faults = committed(version).check_operation(body, operation, answer=True, references="open")
        withheld = b'"suppressed"' in answer.data  # PAS 2.2.1 has no Bundle for what may not be shown
        kept = [fault for fault in faults if not (withheld and "ClaimResponseFirst" in fault.diagnostics)]
        assert [fault for fault in kept if fault.severity == "error"] == []
    return answer


@pytest.fixture(scope="session")
def signer():
    return Signer()


@pytest.fixture(scope="session")
def opened(tmp_path_factory, signer):
    """A data folder as an operator leaves it: migrated, directory loaded, clients registered, policies checked."""
    data = tmp_path_factory.mktemp("data")
    shutil.copytree(ROOT / "fixtures" / "payer", data, dirs_exist_ok=True)
    keys = data / "keys.json"
    keys.write_text(json.dumps(signer.jwks()))
    config = Config(data=data, base_url=BASE, allow_loopback_http=True)
    database = Database(config.database)
    migrate(database)
    make_secret_key(config.secret_key_file)
    make_key(config.encryption_key_file)
    load(database, data, load_payers(data / "payer.yaml"))
    scopes = ("system/Claim.crus", "system/ClaimResponse.rs", "system/Questionnaire.rs")
    for name in ("riverside-ehr", "other-ehr", "strict-ehr"):
        hooks = {"hook_issuer": ISSUER, "hook_jwks": str(keys)} if name == "riverside-ehr" else {}
        said = Registration(
            name=name, organizations=("1234567893",), scopes=scopes, jwks=str(keys),
            ehrs=("https://ehr.example.org/fhir",), strict=name == "strict-ehr", **hooks,
        )  # fmt: skip
        register(config, said)
    database.engine.dispose()
    load_edition("", config.policies, config.forms, data, Shelf(data / SHELF))
    return data


@pytest.fixture
def house(opened, tmp_path, signer):
    """A service of its own for each test, at noon of 1 March 2026."""
    configure()
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    config = Config(data=data, base_url=BASE, allow_loopback_http=True)
    clock = SimpleNamespace(now=datetime(2026, 3, 1, 17, 0, tzinfo=UTC))
    service = replace(build(config), now=lambda: clock.now)
    app = create_app(config, service)
    yield House(config, service, app.test_client(), signer, clock)
    service.database.engine.dispose()


@pytest.fixture
def silva(house):
    """A reviewer with a browser, who has signed in."""
    return Person(house).is_in()


@pytest.fixture
def subscribing(house):
    may_subscribe(house)


@pytest.fixture
def endpoint():
    """A subscriber who answers well until a test lets it answer otherwise."""
    held = Endpoint()
    yield held
    held.server.shutdown()


@pytest.fixture(scope="session")
def sandbox():
    """The sandbox EHR behind a socket; its url and the application."""
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    server.app = create_sandbox(url, BASE, RECORDS)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield SimpleNamespace(url=url, fhir=f"{url}/fhir", app=server.app)
    server.shutdown()


@pytest.fixture
def with_sandbox(house, sandbox):
    """The house, with the sandbox registered as an EHR that may be read."""
    said = Registration(
        name="riverside-ehr",
        organizations=("1234567893",),
        scopes=("system/Claim.crus", "system/Questionnaire.rs"),
        jwks=str(house.config.data / "keys.json"),
        hook_issuer=ISSUER,
        hook_jwks=str(house.config.data / "keys.json"),
        ehrs=(sandbox.fhir,),
    )
    register(house.config, said)
    house.ehr = sandbox
    return house


@pytest.fixture(scope="module")
def stranger():
    """A payer of another make, who answers the app with a test's forms."""
    made = OtherPayer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def abroad(opened, tmp_path_factory, stranger):
    """A town whose coverages are all the stranger's; forms are drawn with plain controls."""
    data = tmp_path_factory.mktemp("abroad") / "data"
    shutil.copytree(opened, data)
    made = Town(data, paid_by(stranger))
    made.stranger = stranger
    yield made
    made.close()


@pytest.fixture
def visitor(abroad, stranger):
    """A clinician's browser in that town; payer and EHR remember nothing of earlier tests."""
    abroad.closed, stranger.changed = frozenset(), None
    for memory in (abroad.calls, stranger.calls, stranger.packages):
        memory.clear()
    fresh = Records.load(RECORDS, now().date(), f"{abroad.ehr}/fhir")
    vars(abroad.sandbox.extensions["ehr"].records).update(vars(fresh))
    return Browser(abroad)


def launch_token(sandbox):
    """Return a token that the sandbox's FHIR server takes."""
    client = sandbox.app.test_client()
    answer = client.post("/clinician/launch", data=write_json({"order": "DeviceRequest/home-oxygen"}))
    return read_json(answer.data)["access_token"]


LATER = timedelta(minutes=6)
