"""The composition root and the two loops."""
