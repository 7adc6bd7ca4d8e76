"""PostgreSQL: transactions, fences, named queries and the schema."""
