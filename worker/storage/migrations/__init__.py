"""The history of the schema. Each file in `versions` is plain SQL in an Alembic frame."""
