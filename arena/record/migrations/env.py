"""Runs migration steps on the connection that `arena.record.migrations.upgrade` hands over."""

from alembic import context

from arena.record.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a constraint only by copying the table
    transactional_ddl=True,
)
context.run_migrations()
