"""Connects to PostgreSQL: addresses, TLS, the settings of a session, and poolers."""
