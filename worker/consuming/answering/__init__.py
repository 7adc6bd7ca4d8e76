"""Answers beside the outbox: replies, previews, and the pages of reports."""
