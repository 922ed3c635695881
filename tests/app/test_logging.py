"""Logs hold names of events and our own identifiers; all else is dropped, not masked."""

import io
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import gunicorn.config
import pytest
from sqlalchemy.exc import DatabaseError

from app.logging import configure, get_logger
from app.server_log import ServerLog
from app.storage.database import Database


@pytest.fixture
def lines():
    stream = io.StringIO()
    configure(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    configure()


def test_a_line_keeps_our_identifiers_and_drops_the_patient(lines):
    get_logger().info("authorization.pended", authorization="a1", patient="Ada Lovelace")
    (line,) = lines()
    assert line["authorization"] == "a1"
    assert "Ada" not in str(line)


def test_an_exception_keeps_its_type_and_its_lines_and_not_its_words(lines):
    try:
        int("Ada Lovelace, born 1815")
    except ValueError as error:
        get_logger().error("fault", exc_info=error)
    (line,) = lines()
    assert line["fault"] == "ValueError"
    assert line["frames"][0].startswith("test_logging.py:")
    assert "Ada" not in str(line)


def test_what_is_wrong_with_a_database_is_told_by_its_code(lines, tmp_path):
    (tmp_path / "priorauth.db").write_bytes(b"Ada Lovelace, born 1815" * 50)
    with pytest.raises(DatabaseError) as error, Database(f"sqlite:///{tmp_path / 'priorauth.db'}").reading():
        pass
    get_logger().error("database.away", exc_info=error.value)
    (line,) = lines()
    assert (line["fault"], line["code"]) == ("DatabaseError", "SQLITE_NOTADB")
    assert "Ada" not in str(line)


def test_a_line_says_what_when_and_how_grave_it_is(lines):
    log = get_logger()
    for write in (log.info, log.warning, log.error, log.critical):
        write("it.happened", count=2)
    assert [line["level"] for line in lines()] == ["info", "warning", "error", "critical"]
    assert {(line["event"], line["count"]) for line in lines()} == {("it.happened", 2)}
    assert all(datetime.fromisoformat(line["timestamp"]).tzinfo is UTC for line in lines())


def test_a_line_that_cannot_be_written_is_lost_and_fails_nothing_else(capsys):
    full = Path("/dev/full").open("w")  # noqa: SIM115 to close it fails as well
    configure(full)
    get_logger().info("request", status=200)
    logging.getLogger("library").error("of others")
    with pytest.raises(OSError, match="No space left"):
        full.close()
    get_logger().info("request", status=200)
    assert capsys.readouterr().err == ""
    configure()
    get_logger().info("it.goes.on")
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["event"] == "it.goes.on"


def test_the_exception_at_hand_need_not_be_named(lines):
    try:
        int("Ada Lovelace, born 1815")
    except ValueError:
        get_logger().exception("fault")
    (line,) = lines()
    assert (line["level"], line["fault"]) == ("error", "ValueError")
    assert "Ada" not in str(line)


def test_other_people_s_log_lines_keep_their_logger_only(lines):
    logging.getLogger("somebody.else").error("patient %s", "Ada Lovelace")
    (line,) = lines()
    assert line["logger"] == "somebody.else"
    assert datetime.fromisoformat(line["timestamp"]).tzinfo is UTC
    assert "Ada" not in str(line)


# The web server's own lines


@pytest.fixture
def server():
    """Return gunicorn's log as the service sets it up, and what it has written."""
    settings, stream = gunicorn.config.Config(), io.StringIO()
    settings.set("loglevel", "warning")
    log = ServerLog(settings)
    for handler in log.error_log.handlers:
        if type(handler) is logging.StreamHandler:
            handler.setStream(stream)
    return log, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_that_the_server_cannot_read_is_not_quoted(server):
    log, lines = server
    log.warning("Invalid request from ip=10.0.0.9: Invalid HTTP request line: 'GET /Patient?name=Ada Lovelace'")
    try:
        int("Ada Lovelace")
    except ValueError:
        log.exception("Error handling request %s %s", "GET", "/Patient?name=Ada")
    log.error("something of a later version, of Ada Lovelace")
    first, second, third = lines()
    assert (first["event"], first["reason"], first["level"]) == ("server", "Invalid request", "warning")
    assert (second["reason"], second["fault"]) == ("Error handling request", "ValueError")
    assert third["reason"] is None
    assert "Ada" not in str((first, second, third))


def test_what_becomes_of_the_server_s_own_processes_is_told_in_its_words(server):
    log, lines = server
    log.critical("WORKER TIMEOUT (pid:%s)", 7)
    log.error("Worker (pid:%s) was sent %s! Perhaps out of memory?", 7, "SIGKILL")
    log.error("Connection in use: %s", "('127.0.0.1', 8000)")
    assert [line["reason"] for line in lines()] == [
        "WORKER TIMEOUT (pid:7)",
        "Worker (pid:7) was sent SIGKILL! Perhaps out of memory?",
        "Connection in use: ('127.0.0.1', 8000)",
    ]
