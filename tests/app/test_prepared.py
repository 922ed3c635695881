"""A prepared statement keeps and reads every type as SQLAlchemy would, and its errors are SQLAlchemy's."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, OperationalError

from app.storage.database import Database
from app.storage.prepared import Prepared
from app.storage.tables import authorizations, clients, members, metadata

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=ZoneInfo("America/New_York"))
CLIENT = {"id": "clinic", "scopes": "", "jwks": None, "active": True, "created_at": NOON}
MEMBER = {
    "payer": "acme",
    "member_id": "M1",
    "plan": "hmo",
    "birth_date": date(1950, 2, 1),
    "covered_from": date(2026, 1, 1),
    "covered_to": None,
}
CASE = {
    "id": "a1",
    "reference": "PA1",
    "number": None,
    "client_id": "riverside-ehr",
    "payer": "acme",
    "plan": "hmo",
    "member_id": "M1",
    "claim_identifiers": [{"amount": Decimal("1.10"), "name": "Zoë"}],
    "npis": ["1234567893"],
    "requestors": [],
    "urgent": True,
    "emergency": False,
    "retrospective": False,
    "received_at": NOON,
    "due_at": NOON,
    "version": 1,
    "open": False,
    "changed_at": NOON,
}


@pytest.mark.parametrize(("table", "row"), [(authorizations, CASE), (members, MEMBER)], ids=["case", "member"])
def test_what_is_kept_is_read_alike_by_either_way(house, table, row):
    with house.service.database.writing() as connection:
        Prepared(insert(table)).run(connection, row)
    named = [column for column in table.c if column.name in row]
    query = select(*named).where(*(column == bindparam(f"k{n}") for n, column in enumerate(table.primary_key.columns)))
    keys = {f"k{n}": row[column.name] for n, column in enumerate(table.primary_key.columns)}
    with house.service.database.reading() as connection:
        (ours,) = Prepared(query).rows(connection, keys)
        theirs = connection.execute(query, keys).one()
    assert ours._asdict() == theirs._asdict() == row
    assert all(type(a) is type(b) for a, b in zip(ours, theirs, strict=True))


def test_a_moment_comes_back_aware_and_the_same(house):
    with house.service.database.writing() as connection:
        Prepared(insert(clients)).run(connection, CLIENT)
    with house.service.database.reading() as connection:
        query = Prepared(select(clients.c.created_at).where(clients.c.created_at == bindparam("at")))
        (row,) = query.rows(connection, {"at": NOON})
    assert row.created_at == NOON
    assert row.created_at.tzinfo is UTC


def test_a_row_that_is_there_is_an_integrity_error_that_quotes_nothing(house):
    add = Prepared(insert(members))
    with house.service.database.writing() as connection:
        add.run(connection, MEMBER)
    with pytest.raises(IntegrityError) as refused, house.service.database.writing() as connection:
        add.run(connection, MEMBER)
    assert "M1" not in str(refused.value)
    assert len([row for row in house.rows(members) if row["member_id"] == "M1"]) == 1


def test_what_the_transaction_does_not_keep_is_not_kept(house):
    add = Prepared(insert(members))
    with pytest.raises(IntegrityError), house.service.database.writing() as connection:
        add.run_each(connection, [MEMBER, MEMBER])
    assert not [row for row in house.rows(members) if row["member_id"] == "M1"]


def test_a_schema_that_is_gone_is_an_operational_error(house):
    with house.service.database.writing() as connection:
        metadata.drop_all(connection)
    with pytest.raises(OperationalError), house.service.database.reading() as connection:
        Prepared(select(members)).rows(connection, {})


@pytest.mark.parametrize("way", [Database.reading, Database.glancing])
def test_what_is_asked_within_a_reading_sees_its_state(house, way):
    """Somebody writes meanwhile: what is gathered is of one state all the same; who asks next sees it."""
    count = Prepared(select(members.c.member_id))
    database = house.service.database
    with database.reading() as outer:
        before = count.rows(outer, {})
        with database.writing() as connection:
            Prepared(insert(members)).run(connection, MEMBER)
        with way(database) as inner:
            assert inner is outer
            assert count.rows(inner, {}) == before
    with way(database) as connection:
        assert len(count.rows(connection, {})) == len(before) + 1


def test_a_glance_holds_nothing_that_others_would_wait_for(house):
    """Nor does what is written while it lasts pass it by: it is no transaction."""
    count = Prepared(select(members.c.member_id))
    with house.service.database.glancing() as connection:
        before = count.rows(connection, {})
        with house.service.database.writing() as other:
            Prepared(insert(members)).run(other, MEMBER)
        assert len(count.rows(connection, {})) == len(before) + 1
    with house.service.database.glancing() as again:
        assert again is connection


def test_a_value_that_the_statement_brings_need_not_be_given(house):
    """Under each database's own name for it."""
    newest = Prepared(select(members.c.member_id).where(members.c.payer == bindparam("payer")).limit(2))
    with house.service.database.reading() as connection:
        assert len(newest.rows(connection, {"payer": "acme"})) == 2
    written = newest._write(postgresql.dialect(), ["payer"])
    assert set(written.given({"payer": "acme"}).values()) == {"acme", 2}
    assert all(f"%({name})s" in written.sql for name in written.given({"payer": "acme"}))
