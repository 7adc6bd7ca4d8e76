"""The history of the schema: Alembic revisions that execute plain SQL."""
