"""`make demo`: the whole product at work, on private servers and sample data."""
