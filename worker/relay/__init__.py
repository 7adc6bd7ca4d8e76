"""Messages out: the outbox, key-ordered publishing and the process manager."""
