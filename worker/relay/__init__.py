"""Messages out: outbox, key-ordered publishing, process manager, dead-letter relay."""
