"""Where do migrations run? On the connection that app/storage/migrate.py hands over."""

from alembic import context

from app.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,  # of SQLite alembic thinks otherwise, and would commit each migration by itself
)
with context.begin_transaction():
    context.run_migrations()
