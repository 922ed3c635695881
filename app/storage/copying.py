"""How does everything move to another database? Row by row, all of it or nothing."""

from sqlalchemy import Connection, Table, func, insert, select

from app.storage.database import Database
from app.storage.migrate import migrate
from app.storage.tables import metadata

BATCH = 500


class NotEmpty(ValueError):
    """There is something in the database that was to be filled."""


def copy(source: Database, target: Database) -> int:
    """Bring ``target`` to the newest schema, which ``source`` has, fill it with all rows, and return how many.

    Nobody may write to ``source`` meanwhile: what is written after the first row was read is not copied.

    Raises:
        NotEmpty: ``target`` holds rows.
    """
    migrate(target)
    with source.reading() as old, target.writing() as new:
        if any(new.execute(select(table).limit(1)).first() for table in metadata.sorted_tables):
            raise NotEmpty
        return sum(_copy(table, old, new) for table in metadata.sorted_tables)


def _copy(table: Table, old: Connection, new: Connection) -> int:
    count = 0
    for batch in old.execute(select(table).execution_options(yield_per=BATCH)).mappings().partitions():
        new.execute(insert(table), [dict(row) for row in batch])
        count += len(batch)
    numbered = table.autoincrement_column
    if count and numbered is not None and new.dialect.name == "postgresql":  # which numbers on from what it gave itself
        sequence = func.pg_get_serial_sequence(table.name, numbered.name)
        new.execute(select(func.setval(sequence, select(func.max(numbered)).scalar_subquery())))
    return count
