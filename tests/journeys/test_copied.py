"""A payer that has outgrown SQLite goes on in PostgreSQL with all that it had."""

from dataclasses import replace

import pytest

from app.storage.tables import metadata
from app.web import create_app
from app.wiring import build
from tests.app.fixtures import House
from tests.app.subscribers import Endpoint, a_pended_case, decide, may_subscribe, run_all, subscribe
from tests.app.test_operations import run
from tests.given import a_hook, a_submission_bundle, an_inquiry_bundle

pytestmark = pytest.mark.journey


def moved(house, url):
    config = replace(house.config, database_url=url)
    service = replace(build(config), now=house.service.now)
    return House(config, service, create_app(config, service).test_client(), house.signer, house.clock)


def held(house):
    return {table.name: sorted(house.rows(table), key=key_of(table)) for table in metadata.sorted_tables}


def key_of(table):
    return lambda row: [str(row[column.name]) for column in table.primary_key]


def test_what_sqlite_held_goes_on_in_postgresql(house, postgres_server, monkeypatch):
    may_subscribe(house)
    endpoint = Endpoint()
    subscribe(house, endpoint)
    house.call(a_hook())
    token = house.token()
    decide(house, a_pended_case(house))
    house.service.policies.look()
    url, rows, file = postgres_server.new_database(), held(house), str(house.config.data / "priorauth.db")
    assert "something in the database" in run("copy", file, data=house.config.data, ok=False)
    monkeypatch.setenv("PRIORAUTH_DATABASE_URL", url)
    said = run("copy", file, data=house.config.data)
    other = moved(house, url)
    assert held(other) == rows
    assert said.startswith(f"{sum(map(len, rows.values()))} rows are copied")
    run_all(other)
    assert endpoint.taken() == [("handshake", 0), ("event-notification", 1)]
    assert b"ClaimResponse" in other.inquire(an_inquiry_bundle(), token=token).data
    assert other.submit(a_submission_bundle()).status_code == 200
    assert other.call(a_hook()).status_code == 200
    assert "something in the database" in run("copy", file, data=house.config.data, ok=False)
    other.service.database.engine.dispose()
    endpoint.server.shutdown()
