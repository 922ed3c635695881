"""Where are the DTR app's sealed desks kept? As bytes that nobody here can read, until their time is over."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from app.storage.database import Database
from app.storage.tables import dtr_desks


class StoredDesks:
    """The Safe of ``app.dtr.sessions`` over the database, so that every web process finds every desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, sealed: bytes, now: datetime, until: datetime) -> None:
        """Keep a desk, and forget those whose time is over."""
        values = {"sealed": sealed, "until": until}
        with self._database.writing() as connection:
            connection.execute(delete(dtr_desks).where(dtr_desks.c.until <= now))
            changed = connection.execute(update(dtr_desks).where(dtr_desks.c.name == name).values(values))
            if changed.rowcount == 0:
                connection.execute(insert(dtr_desks).values(name=name, **values))

    def get(self, name: str, now: datetime) -> bytes | None:
        query = select(dtr_desks.c.sealed).where(dtr_desks.c.name == name, dtr_desks.c.until > now)
        with self._database.reading() as connection:
            found: bytes | None = connection.execute(query).scalar_one_or_none()
        return found

    def drop(self, name: str) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(dtr_desks).where(dtr_desks.c.name == name))
