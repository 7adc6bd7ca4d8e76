"""Logs, metrics, traces and the HTTP endpoints."""
