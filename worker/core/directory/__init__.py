"""The platform's records: what each says, what that changes, and what it contradicts."""
