"""How is a statement executed that every request executes? Written once for its database, then handed to the driver.

SQLAlchemy writes the SQL and knows how each type is spelt in each database. What it does again at every execution
(look for the written form, set up a context, a result and its rows) costs several times what the database's own work
does (docs/decisions/0006-what-a-request-costs.md); here it is done once.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Select
from sqlalchemy.exc import DBAPIError

Convert = Callable[[Any], Any]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement in one database's SQL, and how values go in and rows come out.

    Attributes:
        parameters: name, value where none is given, and conversion (None where the driver takes it as it is).
        by_place: parameters go in by their place, not by their name.
        columns: the conversion of each column.
    """

    sql: str
    parameters: tuple[tuple[str, Any, Convert | None], ...]
    by_place: bool
    columns: tuple[Convert | None, ...]
    row: Callable[[Iterable[Any]], Any]

    def given(self, values: Values) -> Any:
        pairs = [
            (name, convert(values.get(name, usual)) if convert else values.get(name, usual))
            for name, usual, convert in self.parameters
        ]
        return [value for _, value in pairs] if self.by_place else dict(pairs)

    def read(self, found: Iterable[Any]) -> Any:
        return self.row(
            [convert(value) if convert else value for convert, value in zip(self.columns, found, strict=True)]
        )


class Prepared:
    """One statement, for as many databases as it is executed on.

    Its errors are SQLAlchemy's (IntegrityError, OperationalError), without the values. The transaction is the
    caller's, begun by ``Database.reading`` or ``Database.writing``.
    """

    def __init__(self, statement: Select | Insert) -> None:
        """Take a statement; an insert gives the columns that it is given first, and the same ones ever after."""
        self._statement = statement
        self._written: dict[str, _Written] = {}

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """Return all rows, with the columns as attributes."""
        written = self._for(connection.dialect, values)
        return list(map(written.read, _execute(connection, written.sql, written.given(values))))

    def run(self, connection: Connection, values: Values) -> None:
        written = self._for(connection.dialect, values)
        _execute(connection, written.sql, written.given(values))

    def run_each(self, connection: Connection, each: Sequence[Values]) -> None:
        for values in each:
            self.run(connection, values)

    def _for(self, dialect: Dialect, values: Values) -> _Written:
        if dialect.name not in self._written:
            self._written[dialect.name] = self._write(dialect, list(values))
        return self._written[dialect.name]

    def _write(self, dialect: Dialect, names: list[str]) -> _Written:
        statement = self._statement
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)
        selected = list(statement.selected_columns) if isinstance(statement, Select) else []
        row: Any = namedtuple("Row", [one.name for one in selected])  # type: ignore[misc]  # noqa: PYI024 known here only
        return _Written(
            sql=compiled.string,
            parameters=tuple(
                (
                    name,
                    compiled.params.get(name),
                    compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect),
                )
                for name in compiled.positiontup or compiled.binds
            ),
            by_place=compiled.positional,
            columns=tuple(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in selected),
            row=row._make,
        )


def _execute(connection: Connection, sql: str, parameters: Any) -> list[Any]:
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall()) if cursor.description else []
    except connection.dialect.loaded_dbapi.Error as error:
        base = connection.dialect.loaded_dbapi.Error
        raise DBAPIError.instance(sql, None, error, base, hide_parameters=True, dialect=connection.dialect) from None
    finally:
        cursor.close()
