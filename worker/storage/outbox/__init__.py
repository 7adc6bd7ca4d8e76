"""What waits to be published: messages of the outbox, and dead letters."""
