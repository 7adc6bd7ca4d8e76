"""What the worker says: the content of every message that it publishes."""
