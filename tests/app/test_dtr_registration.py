"""A DTR app is let in by the payer's operator: then it is trusted, knows where to ask, and proves itself by its key."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from app.cli import main
from app.config import BadSettings
from app.web import create_app
from fhir_r4.wire import read_json, write_json
from tests.app.fixtures import BASE, Signer
from tests.app.test_questionnaires_door import parameters

SCOPES = "system/questionnaire.rs system/valueset.rs system/library.rs"


def registered(house, signer, name="new-app"):
    """Register an app as the operator does; return what the operator is told."""
    keys = house.config.data / f"{name}.json"
    keys.write_bytes(write_json(signer.jwks()))
    words = ["client", "add", name, "--jwks", str(keys), "--scope", SCOPES, "--data", str(house.config.data)]
    done = CliRunner().invoke(main, words, env={"PRIORAUTH_BASE_URL": BASE})
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def app(house):
    """An app that nobody knows yet; it signs with keys of its own."""
    house.signer = Signer(kid="new-app-1")
    return house.signer


def asked(house, base="/fhir/2.0", token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    path = f"{base}/Questionnaire/$questionnaire-package"
    body = write_json(parameters())
    return house.web.post(path, data=body, headers=headers, content_type="application/fhir+json")


@pytest.mark.requirement("dtr-2.0.1@24", "dtr-2.0.1@26")
def test_an_app_that_is_not_registered_reaches_nobody_s_data_and_one_that_is_proves_itself_by_its_key(house, app):
    """No secret is shared: the operator gets the public half of a key, and the app signs with the other."""
    assert asked(house).status_code == 401
    refused = house.ask_for_token(SCOPES, client_assertion=house.assertion("new-app"))
    assert refused.json["error"] == "invalid_client"
    registered(house, app)
    granted = house.ask_for_token(SCOPES, client_assertion=house.assertion("new-app"))
    assert asked(house, token=granted.json["access_token"]).status_code == 200
    house.signer = Signer(kid="new-app-1")
    assert house.ask_for_token(SCOPES, client_assertion=house.assertion("new-app")).json["error"] == "invalid_client"


@pytest.mark.requirement("dtr-2.0.1@25", "dtr-2.2.0@spec-7")
@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_whoever_registers_an_app_is_told_where_it_asks_and_that_is_all_it_needs(house, app, version):
    """The FHIR base leads on to the token endpoint and to the operation."""
    told = registered(house, app)
    base = re.search(rf"FHIR {version} +(\S+)", told)[1].removeprefix(BASE)
    found = read_json(house.web.get(f"{base}/.well-known/smart-configuration").data)
    assert found["token_endpoint"] in told
    granted = house.ask_for_token(SCOPES, client_assertion=house.assertion("new-app"))
    assert asked(house, base, granted.json["access_token"]).status_code == 200


def test_addresses_of_dtr_yaml_that_nobody_would_be_let_call_stop_the_start(house):
    """A folder that was copied from the sandbox's is one; each launch would fail."""
    config = replace(house.config, base_url="https://pa.example.org", allow_loopback_http=False)
    with pytest.raises(BadSettings, match=r"dtr.yaml: http://127.0.0.1:\d+/fhir, .*: not https; "):
        create_app(config, replace(house.service, config=config))
