"""What the schema itself promises holds on PostgreSQL as on SQLite: append-only tables, purges, holds, jobs."""

import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DatabaseError

from app import simulation
from app.config import Config
from app.payers import load_payers
from app.registration import Registration, register
from app.retention import purge
from app.storage import holds, outbox, tables
from app.storage import policies as kept
from app.storage.database import Database
from app.storage.directory import load
from app.storage.migrate import migrate
from app.storage.revision import newest
from app.web import create_app
from app.wiring import build
from tests.app.browsing import Person
from tests.app.fixtures import BASE, House
from tests.app.subscribers import Endpoint, a_pended_case, decide, may_subscribe, run_all, subscribe
from tests.app.test_feeds import feed
from tests.app.test_operations import at_once
from tests.given import a_hook, an_inquiry_bundle
from tests.journeys.servers import a_postgres

pytestmark = pytest.mark.journey
NOW = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)


@pytest.fixture
def house(opened, tmp_path, signer, postgres_server):
    """A service of its own on a new database of the one PostgreSQL."""
    yield from houses(opened, tmp_path, signer, postgres_server)


def houses(opened, tmp_path, signer, postgres_server):
    data = tmp_path / "data"
    shutil.copytree(opened, data)
    config = Config(data=data, base_url=BASE, allow_loopback_http=True, database_url=postgres_server.new_database())
    database = Database(config.database)
    migrate(database)
    load(database, data, load_payers(data / "payer.yaml"))
    database.engine.dispose()
    keys, scopes = str(data / "keys.json"), ("system/Claim.crus", "system/ClaimResponse.rs")
    for name in ("riverside-ehr", "other-ehr"):
        hooks = {"hook_issuer": "https://ehr.example.org", "hook_jwks": keys} if name == "riverside-ehr" else {}
        register(config, Registration(name=name, organizations=("1234567893",), scopes=scopes, jwks=keys, **hooks))
    clock = SimpleNamespace(now=NOW)
    service = replace(build(config), now=lambda: clock.now)
    yield House(config, service, create_app(config, service).test_client(), signer, clock)
    service.database.engine.dispose()


def test_hosts_that_migrate_at_once_wait_for_each_other(tmp_path, postgres_server):
    said = at_once(3, tmp_path, PRIORAUTH_DATABASE_URL=postgres_server.new_database())
    assert said == [f"the database is at {newest()}\n"] * 3


def test_no_thread_waits_for_the_connection_of_another(house):
    many = 30
    together = threading.Barrier(many, timeout=10)

    def read():
        with house.service.database.reading():
            together.wait()

    with ThreadPoolExecutor(many) as pool:
        for one in [pool.submit(read) for _ in range(many)]:
            one.result()


def test_a_server_that_is_gone_without_a_word_is_given_up_soon_or_as_the_url_says(house):
    def waits(database):
        with database.reading() as connection:
            said = connection.connection.dbapi_connection.info.get_parameters()
        return said["connect_timeout"], said["keepalives_idle"], said["tcp_user_timeout"]

    assert waits(house.service.database) == ("5", "10", "20000")
    own = Database(f"{house.config.database}?tcp_user_timeout=7000&connect_timeout=2")
    assert waits(own) == ("2", "10", "7000")
    own.engine.dispose()


def test_a_case_is_told_asked_about_fed_held_and_purged(house):
    with house.service.database.writing() as connection:
        scopes = "system/Claim.crus system/ClaimResponse.rs system/Subscription.cruds"
        connection.execute(update(tables.clients).values(scopes=scopes))
    endpoint = Endpoint()
    subscribe(house, endpoint)
    house.call(a_hook())
    case = a_pended_case(house)
    decide(house, case)
    run_all(house)
    assert endpoint.taken() == [("handshake", 0), ("event-notification", 1)]
    assert b"ClaimResponse" in house.inquire(an_inquiry_bundle()).data
    house.clock.now += timedelta(seconds=10)
    assert [line["case"] for line in feed(house)[0]] == [case]
    for table in (tables.events, tables.decisions):
        with pytest.raises(DatabaseError, match="only grows"), house.service.database.writing() as connection:
            connection.execute(delete(table))
    house.clock.now += timedelta(days=3660)
    with house.service.database.writing() as connection:
        reference = house.rows(tables.authorizations)[0]["reference"]
        held, _ = holds.place(connection, "member", reference, "matter 7", "counsel", house.clock.now)
    done = purge(house.service.database, house.config, "operator", house.clock.now)
    assert (done.cases, done.hooks) == (0, 0)
    with house.service.database.writing() as connection:
        holds.lift(connection, held, "counsel", house.clock.now)
    done = purge(house.service.database, house.config, "operator", house.clock.now)
    assert (done.cases, done.hooks > 0, done.audit > 0) == (1, True, True)
    assert house.rows(tables.authorizations) == house.rows(tables.decisions) == []
    endpoint.server.shutdown()


def test_many_who_ask_for_the_same_job_at_once_leave_it_to_be_done(house):
    """One that waits is enough; one that is being done does not count."""
    may_subscribe(house)
    database, now = house.service.database, house.clock.now

    def ask():
        with database.writing() as connection:
            outbox.put_once(connection, "x", "one", now)

    with database.writing() as connection:
        outbox.put(connection, "x", "one", now)
    asking = [threading.Thread(target=ask) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert len(house.rows(tables.outbox)) == 1
    with database.writing() as connection:
        outbox.take(connection, now, timedelta(seconds=60))
    ask()
    assert len(house.rows(tables.outbox)) == 2


def test_staff_see_their_lists_and_all_processes_one_book(house):
    """Counts by queue and due date, filters, and the book of policies kept by content."""
    reference = a_pended_case(house)
    silva = Person(house).is_in()
    assert "no queue named: 1 later" in silva.browser.get("/").text
    assert "1 case waits" in silva.browser.get("/worklist?queue=no+queue+named&due=&urgent=").text
    assert "0 cases wait" in silva.browser.get("/worklist?queue=nurses").text
    assert reference in silva.browser.get("/worklist").text
    policies = house.service.policies
    policies.look()
    with house.service.database.reading() as connection:
        active = kept.active(connection)
        files = kept.files_of(connection, active.digest)
    assert active.digest == policies.edition.digest == kept.digest_of(files)
    report = simulation.Report()
    assert list(simulation.simulate(house.service, house.service.edition, None, report)) == [1]
    assert (report.items, dict(report.changes)) == (1, {})


def test_a_reading_sees_one_state_of_things_and_changes_nothing(house):
    database, now = house.service.database, house.clock.now

    def put(connection):
        outbox.put(connection, "x", "one", now)

    def count(connection):
        return len(connection.execute(select(tables.outbox)).all())

    with database.reading() as connection:
        before = count(connection)
        with database.writing() as other:
            put(other)
        assert count(connection) == before
        with pytest.raises(DatabaseError, match="read-only"):
            put(connection)
    with database.reading() as connection:
        assert count(connection) == before + 1
    with database.writing() as connection:  # on the connection that a reading gave back
        put(connection)


def test_a_glance_begins_no_transaction_and_sees_what_is_kept_meanwhile(house):
    states = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    count, database = select(tables.clients.c.id), house.service.database
    with database.glancing() as connection:
        before = len(connection.execute(count).all())
        with database.writing() as other:
            assert {row.state for row in other.exec_driver_sql(states)} == {"idle"}
            other.execute(tables.clients.insert().values(id="new", scopes="", active=True, created_at=NOW))
        assert len(connection.execute(count).all()) == before + 1


def test_a_server_that_only_reads_is_away_until_another_writes(opened, tmp_path, signer):
    """After a fail-over a name may lead to a server that has lost its place."""
    with tempfile.TemporaryDirectory(prefix="priorauth-pg-") as folder, a_postgres(Path(folder) / "pg") as own:
        for house in houses(opened, tmp_path, signer, own):
            assert house.call(a_hook()).status_code == 200
            own.demote()
            refused = house.call(a_hook())
            assert (refused.status_code, refused.data, refused.headers["Retry-After"]) == (503, b"", "2")
            unready = house.web.get("/health/ready")
            assert (unready.status_code, unready.json["database"]) == (503, "takes no writes")
            own.promote()
            assert house.web.get("/health/ready").status_code == 200
            assert house.call(a_hook()).status_code == 200
