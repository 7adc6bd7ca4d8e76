"""The read-only page: HTML that needs no script, and updates itself where scripts run."""
