"""Alembic's entry point: runs the migrations on the given connection."""

from alembic import context
from sqlalchemy import Connection

from worker.storage.deployment.preflight import VERSION_TABLE

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
