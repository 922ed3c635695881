"""Bytes become FHIR JSON and back without losing a digit; what is not JSON is refused without being quoted."""

import re
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_r4.problems import InvalidRequest
from fhir_r4.wire import MAX_DEPTH, canonical, read_json, read_object, read_own, write_json


@pytest.mark.parametrize("text", [b'{"value":1.10}', b'{"value":0.0000001}', b'{"value":100}', b'{"value":-2.500}'])
def test_a_number_leaves_with_the_digits_it_came_with(text):
    assert write_json(read_json(text)) == text


def test_an_exponent_keeps_its_value_and_precision():
    assert read_json(write_json(read_json(b'{"value":1.0e5}'))) == {"value": Decimal("1.0E+5")}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"a":1} trailing',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"name":"Ada","name":"Eve"}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\u0000"}',
        b'{"a":99999999999999999999}',
        b"[" * 101 + b"]" * 101,
        b"[" * 100 + b"1" + b"]" * 100,
        b"[" * 100_000,
        b'{"a":' * 150 + b"1" + b"}" * 150,
    ],
)
def test_what_is_not_clean_json_is_refused_and_not_quoted(body):
    with pytest.raises(InvalidRequest) as refused:
        read_json(body)
    assert "Ada" not in str(refused.value)
    assert len(refused.value.issues) == 1


@pytest.mark.parametrize("read", [read_json, read_object, read_own])
def test_a_byte_order_mark_is_passed_over(read):
    """RFC 8259, 8.1: a parser may ignore one rather than treat it as an error."""
    assert read(b'\xef\xbb\xbf{"value":1.10}') == {"value": Decimal("1.10")}


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf", b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}', b'{\xef\xbb\xbf"a":1}', b"\xff\xfe{\x00}\x00"]
)
def test_one_mark_and_only_before_the_value(body):
    with pytest.raises(InvalidRequest, match="not JSON"):
        read_json(body)


def test_depth_up_to_the_limit_is_taken():
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


@pytest.mark.parametrize("text", ["", "x" * 100_000], ids=["little", "large"])
@pytest.mark.parametrize(("levels", "held"), [(MAX_DEPTH, b""), (MAX_DEPTH - 1, b"1"), (MAX_DEPTH, b"1"), (101, b"")])
def test_a_large_body_may_be_as_deep_as_a_little_one(text, levels, held):
    body = b'["%s",%s%s%s]' % (text.encode(), b"[" * (levels - 1), held, b"]" * (levels - 1))
    if levels + bool(held) <= MAX_DEPTH:
        assert read_json(body)
    else:
        with pytest.raises(InvalidRequest, match="nested deeper"):
            read_json(body)


def test_to_measure_how_deep_a_large_body_is_takes_little_memory():
    """Indented, each of these numbers would be written behind two hundred blanks: 100 MB of them."""
    body = b"[" * 98 + (b"1," * 500_000)[:-1] + b"]" * 98
    most_resident_mb()
    before = most_resident_mb()
    read_json(body)
    assert most_resident_mb() - before < 50


def most_resident_mb() -> float:
    """Return how much memory this process has had since this was last asked; Linux counts it."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1000


def test_lines_and_blanks_in_a_string_are_no_depth():
    assert read_json(b'"\\n' + b" " * 1000 + b'"') == "\n" + " " * 1000


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_an_integer_of_64_bits_is_taken(number):
    assert read_json(str(number).encode()) == number


def test_the_words_u0000_behind_a_backslash_are_only_words():
    assert read_json(b'"\\\\u0000"') == "\\u0000"


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null"])
def test_a_body_is_an_object(body):
    with pytest.raises(InvalidRequest):
        read_object(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"]))
    | st.decimals(-(10**15), 10**15, allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_JSON)
def test_reading_what_was_written_gives_the_same(value):
    """For everything but U+0000, which FHIR has not."""
    body = write_json(value)
    try:
        assert canonical(read_json(body)) == canonical(value)
    except InvalidRequest:
        assert b"\\u0000" in body


@given(st.binary(max_size=200))
def test_no_bytes_at_all_do_worse_than_a_refusal(body):
    with suppress(InvalidRequest):
        read_json(body)


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert canonical({"a": 1, "b": [1, 2]}) == canonical({"b": [1, 2], "a": 1})
