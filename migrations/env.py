"""Alembic's environment: one for every module; the program hands it the connection and the tables (see converto/kernel/schema.py)."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    target_metadata=attributes["tables"],
    version_table=attributes["version_table"],
    include_name=lambda name, kind, _: kind != "table" or name in attributes["tables"].tables,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
