"""A transaction is kept whole or not at all, and what went wrong in one is no matter to the next."""

import sqlite3
import stat
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, event, insert, inspect, select
from sqlalchemy.exc import IntegrityError, OperationalError

from app.storage import sqlite
from app.storage.database import Database
from app.storage.migrate import migrate
from app.storage.prepared import Prepared
from app.storage.revision import newest
from app.storage.tables import metadata, providers, staff, staff_sessions

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AMY = {"npi": "1234567893", "name": "Amy", "network": "in"}
ADD, ALL = Prepared(insert(providers)), Prepared(select(providers.c.npi))


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'priorauth.db'}")
    metadata.create_all(database.engine)
    yield database
    database.engine.dispose()


def held(database):
    with database.reading() as connection:
        return [row.npi for row in ALL.rows(connection, {})]


def by_the_driver(connection):
    ADD.run(connection, AMY)


def by_sqlalchemy(connection):
    connection.execute(insert(providers).values(AMY))


def by_both(connection):
    ADD.run(connection, AMY | {"npi": "1"})
    connection.execute(insert(providers).values(AMY))


@pytest.mark.parametrize("add", [by_the_driver, by_sqlalchemy, by_both])
def test_what_is_written_is_kept_by_either_way(database, add):
    with database.writing() as connection:
        add(connection)
    assert AMY["npi"] in held(database)


@pytest.mark.parametrize("add", [by_the_driver, by_sqlalchemy, by_both])
def test_what_is_not_brought_to_its_end_is_undone(database, add):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:  # noqa: PT012 and then
        add(connection)
        1 / 0  # noqa: B018
    assert held(database) == []


def test_after_a_fault_the_same_connection_writes_again(database):
    with database.writing() as first:
        ADD.run(first, AMY)
    with pytest.raises(IntegrityError), database.writing() as second:
        ADD.run_each(second, [AMY | {"npi": "1"}, AMY])
    with database.writing() as third:
        ADD.run(third, AMY | {"npi": "2"})
    assert first is second is third
    assert held(database) == ["1234567893", "2"]


def test_who_cannot_begin_to_write_is_told_so_by_sqlalchemy(tmp_path, database, monkeypatch):
    """Somebody else writes for longer than we wait; then it is our turn."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0)
    impatient = Database(str(database.engine.url))
    other = sqlite3.connect(tmp_path / "priorauth.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), impatient.writing():
        pass
    other.rollback()
    with impatient.writing() as connection:
        ADD.run(connection, AMY)
    assert held(database) == [AMY["npi"]]
    impatient.engine.dispose()
    other.close()


def test_a_connection_that_is_broken_is_not_used_again(database):
    with database.reading() as connection:
        connection.connection.dbapi_connection.close()
    assert held(database) == []


def test_a_database_that_is_disposed_of_leaves_no_connection_open(tmp_path, database):
    with database.writing() as connection:
        ADD.run(connection, AMY)
    assert (tmp_path / "priorauth.db-wal").exists()
    database.engine.dispose()
    assert not (tmp_path / "priorauth.db-wal").exists()
    assert held(database) == [AMY["npi"]]


@pytest.mark.parametrize("before", [None, 0o644, 0o660])
def test_nobody_else_on_the_host_reads_the_file(tmp_path, before):
    file = tmp_path / "priorauth.db"
    if before:
        file.touch()
        file.chmod(before)
    database = Database(f"sqlite:///{file}")
    migrate(database)
    with database.writing() as connection:
        by_the_driver(connection)
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    expected = 0o660 if before == 0o660 else 0o640 if before else 0o600
    assert modes == dict.fromkeys(["priorauth.db", "priorauth.db-wal", "priorauth.db-shm"], expected)
    database.engine.dispose()


def test_migrations_are_kept_all_together_or_not_at_all(tmp_path):
    """Who is killed on the way finds the schema as it was, and not half of the next."""
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")

    def ends_here(_, __, statement, *___):
        if "staff_tries" in statement:
            raise InterruptedError

    event.listen(database.engine, "before_cursor_execute", ends_here)
    with pytest.raises(InterruptedError):
        migrate(database)
    assert inspect(database.engine).get_table_names() == []
    event.remove(database.engine, "before_cursor_execute", ends_here)
    assert migrate(database) == newest()
    database.engine.dispose()


@pytest.fixture
def referred(database):
    """A row that another one refers to."""
    with database.writing() as connection:
        connection.execute(insert(staff).values(name="dr-silva", role="reviewer", active=True, created_at=NOW))
        session = {"digest": "x", "name": "dr-silva", "started_at": NOW, "seen_at": NOW}
        connection.execute(insert(staff_sessions).values(session))
    return database


def test_a_migration_makes_a_table_anew_that_others_refer_to(referred):
    with referred.migrating() as connection:
        made = str(connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'staff'").scalar_one())
        connection.exec_driver_sql(made.replace("TABLE staff", "TABLE new_staff"))
        connection.exec_driver_sql("INSERT INTO new_staff SELECT * FROM staff")
        connection.exec_driver_sql("DROP TABLE staff")
        connection.exec_driver_sql("ALTER TABLE new_staff RENAME TO staff")
    with pytest.raises(IntegrityError), referred.writing() as connection:
        connection.execute(delete(staff))


def test_a_migration_that_leaves_a_reference_to_nothing_is_not_kept(referred):
    with pytest.raises(IntegrityError), referred.migrating() as connection:
        connection.execute(delete(staff))
    with referred.reading() as connection:
        assert connection.execute(select(staff.c.name)).scalar_one() == "dr-silva"
