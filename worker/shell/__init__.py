"""What is done: settings, database, broker and the path between them."""
