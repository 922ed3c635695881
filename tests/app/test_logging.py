"""Logs hold names of events and our own identifiers; all else is dropped, not masked."""

import io
import json
import logging

import pytest

from app.logging import configure, get_logger


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


def test_other_people_s_log_lines_keep_their_logger_only(lines):
    logging.getLogger("somebody.else").error("patient %s", "Ada Lovelace")
    (line,) = lines()
    assert line["logger"] == "somebody.else"
    assert "Ada" not in str(line)
