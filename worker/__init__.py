"""The activation worker: phone numbers into use and out of it, by messages."""
