"""Prepares the servers, and finds out whether a worker could serve on them."""
