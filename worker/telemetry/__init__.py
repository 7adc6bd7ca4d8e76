"""Logs, metrics and the HTTP endpoints."""
