"""Import of records from JSON lines."""
