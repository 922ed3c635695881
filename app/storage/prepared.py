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
        parameters: name and conversion (None where the driver takes it as it is).
        usual: the values that the statement itself brings.
        by_place: parameters go in by their place, not by their name.
        converted: place and conversion of each column that does not come as it is.
    """

    sql: str
    parameters: tuple[tuple[str, Convert | None], ...]
    usual: dict[str, Any]
    by_place: bool
    converted: tuple[tuple[int, Convert], ...]
    row: Callable[[Iterable[Any]], Any]

    def given(self, values: Values) -> Any:
        if self.usual:
            values = {**self.usual, **values}
        if self.by_place:
            return [convert(values[name]) if convert else values[name] for name, convert in self.parameters]
        return {name: convert(values[name]) if convert else values[name] for name, convert in self.parameters}

    def read(self, found: Iterable[Any]) -> Any:
        values = list(found)
        for place, convert in self.converted:
            values[place] = convert(values[place])
        return self.row(values)


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
        names = compiled.positiontup or list(compiled.bind_names.values())
        taken: Iterable[Convert | None] = (
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names
        )
        given = (column.type.dialect_impl(dialect).result_processor(dialect, None) for column in selected)
        return _Written(
            sql=compiled.string,
            parameters=tuple(zip(names, taken, strict=True)),
            usual={name: value for name, value in compiled.params.items() if name in names and value is not None},
            by_place=compiled.positional,
            converted=tuple((place, convert) for place, convert in enumerate(given) if convert),
            row=row._make,
        )


def _execute(connection: Connection, sql: str, parameters: Any) -> list[Any]:
    driver: Any = connection.connection.dbapi_connection
    try:
        cursor = driver.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []
    except connection.dialect.loaded_dbapi.Error as error:
        raise as_sqlalchemy_says(error, connection.dialect, sql) from None


def as_sqlalchemy_says(error: Exception, dialect: Dialect, sql: str | None = None) -> Exception:
    """Return the driver's error as SQLAlchemy's of the same kind, without the values."""
    base: Any = dialect.loaded_dbapi.Error
    return DBAPIError.instance(sql, None, error, base, hide_parameters=True, dialect=dialect)
