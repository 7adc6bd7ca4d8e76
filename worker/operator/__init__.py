"""The operators' commands: show, pending, resolve, outbox, dead letters, import, send, check."""
