"""How is a CSV file read so that every row knows its line?"""

import csv
import io
from collections.abc import Iterator

from rules.yaml_lines import Fault, FaultyFile

Rows = Iterator[tuple[int, dict[str, str]]]
"""Line, counted from 1, and cells by column; of a row of several lines the last."""


def read_csv(text: str, file: str, longest: int) -> tuple[list[str], Rows]:
    """Return the columns, and the rows as they are asked for; cells that are not there are empty.

    Raises:
        FaultyFile: with the first line that is no CSV, has more cells than there are columns, or is one too many; it
            quotes nothing. The rows may raise it, too.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), restkey="", restval="")
    try:
        columns = [name.strip() for name in reader.fieldnames or ()]
    except csv.Error:
        raise _faulty(file, 1, "no CSV") from None
    reader.fieldnames = columns
    return columns, _rows(reader, file, longest)


def _rows(reader: "csv.DictReader[str]", file: str, longest: int) -> Rows:
    count = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise _faulty(file, reader.line_num + 1, "no CSV") from None
        count += 1
        if "" in row:
            raise _faulty(file, reader.line_num, "there are more cells than columns")
        if count > longest:
            raise _faulty(file, reader.line_num, f"a file has at most {longest} rows")
        yield reader.line_num, {name: value.strip() for name, value in row.items()}


def _faulty(file: str, line: int, message: str) -> FaultyFile:
    return FaultyFile([Fault(file, line, message, "quote cells with commas, or part the file")])
