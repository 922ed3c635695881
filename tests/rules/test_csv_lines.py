"""A CSV file of the payer's is read row by row, each with its line; what is no CSV is told and never a crash."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.csv_lines import read_csv
from rules.yaml_lines import FaultyFile


def rows(text, longest=3):
    return list(read_csv(text, "a.csv", longest)[1])


def test_each_row_knows_its_line_and_lacks_no_cell():
    text = '\ufeffa, b\r\n1,2\r\n\r\n"3\r\n4"\r\n'
    assert read_csv(text, "a.csv", 3)[0] == ["a", "b"]
    assert rows(text) == [(2, {"a": "1", "b": "2"}), (5, {"a": "3\r\n4", "b": ""})]


@pytest.mark.parametrize(("text", "fault"), [
    ("a,b\n1,2\n1,2,3\n", "a.csv:3: there are more cells than columns"),
    ("a\n1\n2\n3\n4\n", "a.csv:5: a file has at most 3 rows"),
    ("a\n" + "x" * 200_000 + "\n", "a.csv:2: no CSV"),
    ("x" * 200_000 + "\n", "a.csv:1: no CSV"),
], ids=["cells", "rows", "a cell", "a column"])  # fmt: skip
def test_the_first_line_that_cannot_be_is_named_and_not_quoted(text, fault):
    with pytest.raises(FaultyFile) as faulty:
        rows(text)
    assert [str(one).partition(";")[0] for one in faulty.value.faults] == [fault]


@given(st.text(st.sampled_from('a,"\r\n\0\ufeff '), max_size=40))
def test_no_text_is_a_crash(text):
    with suppress(FaultyFile):
        rows(text)
