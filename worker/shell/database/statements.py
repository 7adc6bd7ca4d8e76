"""The SQL lives in files of its own, where it can be read as SQL; here it is loaded by name."""

from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

__all__ = ["statement"]


@cache
def statement(name: str) -> TextClause:
    """The statement in `sql/<name>.sql`."""
    sql = (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return text(sql)
