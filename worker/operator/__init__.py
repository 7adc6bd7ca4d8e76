"""What people look at and decide: show, pending, resolve, outbox, dead letters, import, check."""
