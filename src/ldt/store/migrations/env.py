"""Alembic's environment: migrates over the connection that `ldt.store.migrate` hands in."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="public", version_table="ldt_schema_version")
with context.begin_transaction():
    context.run_migrations()
