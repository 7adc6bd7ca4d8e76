"""Messages in: consumers, batches, handlers, poison isolation and dead-lettering."""
