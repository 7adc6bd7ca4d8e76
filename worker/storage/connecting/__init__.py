"""Connections to PostgreSQL: sessions, transactions with retries, errors classified, its clock."""
