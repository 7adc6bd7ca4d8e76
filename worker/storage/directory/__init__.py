"""The platform's records: loads what is held, applies changes, and saves what they lead to."""
