"""PostgreSQL: what is known, what was decided, and what must still be said."""
